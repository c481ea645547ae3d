/* The look of the page.  Colours are variables, so that a dark screen only swaps them. */
#include "harness/report_page.h"

const char *const page_style[] = {
    ":root{color-scheme:light dark;--bg:#f6f7f8;--panel:#fff;--ink:#1b2026;--dim:#5d6672;"
    "--line:#d9dde2;--soft:#eef0f3;--accent:#2155a3;--pass:#18774a;--passbg:#e2f3e9;"
    "--fail:#b9302a;--failbg:#fbe6e4;--error:#8b2f8f;--errorbg:#f5e4f6;--unsup:#66707c;"
    "--unsupbg:#eceef1;--xfail:#8f5a00;--xfailbg:#fbefd9;--fault:#c2410c;--faultbg:#fdebdf;"
    "--mono:ui-monospace,SFMono-Regular,\"DejaVu Sans Mono\",Menlo,Consolas,monospace}\n",
    "@media(prefers-color-scheme:dark){:root{--bg:#14171b;--panel:#1b1f25;--ink:#e4e7eb;"
    "--dim:#99a3af;--line:#323942;--soft:#252a31;--accent:#82b1ff;--pass:#5fd39a;"
    "--passbg:#173527;--fail:#ff8f87;--failbg:#44201e;--error:#e39be6;--errorbg:#3b213d;"
    "--unsup:#a3adb8;--unsupbg:#2a3037;--xfail:#f0b95a;--xfailbg:#3d2f14;--fault:#ff9e66;"
    "--faultbg:#43281a}}\n",
    "*{box-sizing:border-box}html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}\n",
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"
    "\"Segoe UI\",\"DejaVu Sans\",sans-serif}\n",
    "main,header>div,nav>div{max-width:1180px;margin:0 auto;padding:0 20px}\n",
    "header{padding:26px 0 14px}h1{font-size:24px;line-height:1.25;margin:0 0 4px}\n",
    "h2{font-size:18px;margin:0 0 4px}h3{font-size:15px;margin:20px 0 6px}\n",
    "p{margin:4px 0 12px}a{color:var(--accent)}.dim{color:var(--dim)}\n",
    "code,.mono{font-family:var(--mono);font-size:.88em}.again{user-select:all}\n",
    "nav{position:sticky;top:0;z-index:2;background:var(--panel);border:solid var(--line);"
    "border-width:1px 0}nav>div{display:flex;gap:18px;overflow-x:auto;align-items:center}\n",
    "nav a{padding:9px 0;text-decoration:none;white-space:nowrap}nav a:hover{text-decoration:"
    "underline}nav .n{color:var(--dim);font-size:.86em}\n",
    "section{background:var(--panel);border:1px solid var(--line);border-radius:8px;"
    "padding:18px 20px;margin:18px 0;scroll-margin-top:52px}\n",
    ".tiles{display:flex;flex-wrap:wrap;gap:10px;margin:0 0 12px}\n",
    ".tile{flex:1 1 118px;border-radius:6px;padding:9px 14px}.tile b{display:block;font-size:25px;"
    "line-height:1.2;font-variant-numeric:tabular-nums}\n",
    ".tile.zero{background:var(--soft);color:var(--dim)}.tile.zero b{font-weight:500}\n",
    ".bar{display:flex;height:8px;border-radius:4px;overflow:hidden;background:var(--soft);"
    "margin:0 0 14px}.bar i{display:block}\n",
    ".pass{background:var(--passbg);color:var(--pass)}.fail{background:var(--failbg);"
    "color:var(--fail)}.error{background:var(--errorbg);color:var(--error)}\n",
    ".unsup{background:var(--unsupbg);color:var(--unsup)}.xfail{background:var(--xfailbg);"
    "color:var(--xfail)}\n",
    ".bar .pass{background:var(--pass)}.bar .fail{background:var(--fail)}.bar .error{"
    "background:var(--error)}.bar .unsup{background:var(--unsup)}.bar .xfail{background:"
    "var(--xfail)}\n",
    ".scroll{overflow-x:auto;margin:0 -20px;padding:0 20px}\n",
    "table{border-collapse:collapse;font-size:14px}table.wide{width:100%}\n",
    "th,td{padding:5px 10px;text-align:left;vertical-align:top;border-bottom:1px solid "
    "var(--line)}th{font-weight:600;color:var(--dim);font-size:12.5px;vertical-align:bottom}\n",
    "tbody tr:last-child td{border-bottom:0}tbody tr:hover{background:var(--soft)}\n",
    ".r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.c{text-align:"
    "center}.nowrap{white-space:nowrap}\n",
    "td.name{overflow-wrap:anywhere;min-width:200px}tr.told td{border-bottom:0}td.why{color:"
    "var(--dim);font-size:13px;padding:0 10px 7px}td.why span{position:sticky;left:0;display:"
    "inline-block;max-width:min(92vw,1100px);overflow-wrap:anywhere}\n",
    ".v{display:inline-block;min-width:25px;padding:0 7px;border-radius:4px;text-align:center;"
    "font-weight:600;text-decoration:none;font-size:13px;line-height:21px;white-space:nowrap}\n",
    "a.v:hover{outline:2px solid currentColor}.cellt{color:var(--dim);font-size:12px;"
    "margin-left:6px;white-space:nowrap}\n",
    ".filter{display:none;flex-wrap:wrap;gap:10px;align-items:center;margin:6px 0 12px}\n",
    ".filter input[type=search]{font:inherit;padding:4px 9px;border:1px solid var(--line);"
    "border-radius:6px;background:var(--bg);color:inherit;flex:0 1 320px;min-width:160px}\n",
    ".legend{display:flex;flex-wrap:wrap;gap:6px 16px;font-size:13px;color:var(--dim);margin:0 0 "
    "10px}\n",
    "details.case{border-top:1px solid var(--line);scroll-margin-top:52px}details.case:first-"
    "of-type{border-top:0}\n",
    "details.case>summary{padding:8px 0;cursor:pointer;display:flex;gap:10px;align-items:"
    "baseline;list-style:none}details.case>summary::-webkit-details-marker{display:none}\n",
    "details.case>summary::before{content:\"▸\";color:var(--dim);width:12px;flex:none}"
    "details.case[open]>summary::before{content:\"▾\"}\n",
    "details.case>summary .nm{overflow-wrap:anywhere;flex:1}details.case:target>summary .nm{"
    "font-weight:600}\n",
    ".body{padding:0 0 16px 22px}pre{font:12.5px/1.5 var(--mono);background:var(--soft);"
    "border-radius:6px;padding:10px 12px;margin:6px 0 12px;white-space:pre-wrap;overflow-wrap:"
    "anywhere}\n",
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:6px 0 12px;"
    "font-size:14px}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n",
    ".tag{display:inline-block;font:12px/19px var(--mono);border-radius:4px;padding:0 6px;margin:"
    "0 4px 3px 0;text-decoration:none}span.tag{background:var(--soft)}\n",
    ".finding{border-top:1px solid var(--line);padding:12px 0 2px}.finding h3{margin-top:0}"
    ".finding:first-of-type{border-top:0}\n",
    /* drawings */
    "svg{display:block;width:100%;height:auto}svg.ladder{min-width:740px;max-width:1000px}"
    "svg.states{min-width:680px;max-width:960px;margin:0 auto}\n",
    "svg text{fill:var(--ink);font-family:var(--mono)}.ladder .who{font:600 14px system-ui,"
    "sans-serif}.ladder .life{stroke:var(--dim);stroke-width:1.5;fill:none}\n",
    ".ladder .t{font-size:11px;fill:var(--dim)}.ladder .lb{font-size:11.5px}.ladder .op{font-"
    "size:10px;fill:var(--dim)}.ladder .op.bad{fill:var(--fail)}\n",
    ".ladder .ev{font-size:11.5px;fill:var(--accent);font-style:italic}.ladder .dot{fill:"
    "var(--accent)}\n",
    ".ladder .st{fill:var(--soft);stroke:var(--line)}.ladder .sn{font-size:10.5px}\n",
    ".ladder .fl{fill:var(--faultbg)}.ladder .fn{font-size:10.5px;fill:var(--fault)}\n",
    ".ladder .ar{stroke:var(--ink);stroke-width:1.3;fill:none}.ladder .hd{fill:var(--ink)}\n",
    ".ladder .ar.dropped,.ladder .ar.duplicated,.ladder .ar.delayed,.ladder .ar.reordered,"
    ".ladder .ar.corrupted{stroke:var(--fault)}.ladder .ar.dropped.x{stroke-width:2}\n",
    ".ladder .ar.duplicated,.ladder .ar.corrupted{stroke-dasharray:5 3}.ladder .hd.duplicated,"
    ".ladder .hd.delayed,.ladder .hd.reordered,.ladder .hd.corrupted{fill:var(--fault)}\n",
    ".states .node rect{fill:var(--soft);stroke:var(--line);stroke-width:1.5}.states .node.seen "
    "rect{fill:var(--passbg);stroke:var(--pass)}\n",
    ".states .node text{font:600 12.5px var(--mono)}.states .node .n{font-weight:400;font-size:"
    "12px;fill:var(--dim)}.states .node.none text{fill:var(--dim)}\n",
    ".states .edge path{fill:none;stroke:var(--pass)}.states .edge .head{fill:var(--pass);"
    "stroke:none}.states .edge text{font-size:11.5px}\n",
    ".states .edge text{paint-order:stroke;stroke:var(--panel);stroke-width:4px;stroke-linejoin:"
    "round}.states .edge .act{fill:var(--dim)}.states .edge .n{fill:var(--pass);font-weight:600}\n",
    ".states .edge.none path{stroke:var(--unsup);opacity:.55;stroke-dasharray:4 3}"
    ".states .edge.none .head{fill:var(--unsup)}.states .edge.none text,.states .edge.none "
    ".n{fill:var(--dim)}\n",
    "@media(max-width:640px){main,header>div,nav>div{padding:0 12px}section{padding:14px 12px;"
    "border-radius:6px}.scroll{margin:0 -12px;padding:0 12px}.body{padding-left:0}"
    ".tile{flex-basis:90px;padding:7px 10px}.tile b{font-size:20px}td.name{min-width:150px}}\n",
    "@media print{nav,.filter{display:none!important}body{background:#fff}}\n",
    NULL,
};

const char *const page_script[] = {
    "(function(){\n",
    "function all(s,r){return Array.prototype.slice.call((r||document).querySelectorAll(s));}\n",
    "function apply(f){\n",
    "var q=f.querySelector('input[type=search]').value.toLowerCase().split(/\\s+/);\n",
    "var bad=f.querySelector('input[type=checkbox]').checked;\n",
    "all('[data-name]',f.parentNode).forEach(function(e){\n",
    "var n=e.getAttribute('data-name').toLowerCase();\n",
    "e.hidden=q.some(function(w){return n.indexOf(w)<0;})||\n",
    "(bad&&!e.hasAttribute('data-bad'));});}\n",
    "all('.filter').forEach(function(f){f.style.display='flex';\n",
    "f.addEventListener('input',function(){apply(f);});});\n",
    "function show(){var h=location.hash.slice(1),e=h&&document.getElementById(h);\n",
    "if(e&&e.tagName==='DETAILS'){e.hidden=false;e.open=true;e.scrollIntoView();}}\n",
    "window.addEventListener('hashchange',show);show();\n",
    "})();\n",
    NULL,
};
