/* tcprig ledger: requirements, their code, their tests and the planted bugs those kill. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "harness/cmd.h"
#include "harness/ledger.h"

struct options {
    const char *path, *root, *json, *row;
    bool markdown, check, kills;
};

enum { KEY_JSON = 256, KEY_MARKDOWN, KEY_CHECK, KEY_KILLS, KEY_ROOT, KEY_ROW };

static const struct argp_option argp_options[] = {
    { "json", KEY_JSON, "FILE", 0, "write the rows as JSON, for `tcprig report`", 0 },
    { "markdown", KEY_MARKDOWN, NULL, 0, "print the section of the README", 0 },
    { "check", KEY_CHECK, NULL, 0, "hold the rows to the tree: what they name exists", 0 },
    { "kills", KEY_KILLS, NULL, 0, "print what is to kill what: id, bug and tests by tabs", 0 },
    { "row", KEY_ROW, "ID", 0, "print one row: its code, its tests, the bugs those kill", 0 },
    { "root", KEY_ROOT, "DIR", 0, "root of the project (default: the current folder)", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_JSON:
        o->json = arg;
        return 0;
    case KEY_MARKDOWN:
        o->markdown = true;
        return 0;
    case KEY_CHECK:
        o->check = true;
        return 0;
    case KEY_KILLS:
        o->kills = true;
        return 0;
    case KEY_ROW:
        o->row = arg;
        return 0;
    case KEY_ROOT:
        o->root = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (o->path)
            argp_error(state, "one PATH only: a .tsv file or a folder of them");
        o->path = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "give a PATH: a .tsv file or a folder of them, as corpus/requirements");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .args_doc = "PATH",
    .doc = "Reads the requirement ledger and says what it covers.  Its columns are described in "
           "harness/ledger.h.",
};

int cmd_ledger(int argc, char **argv)
{
    struct options o = { .root = "." };
    struct ledger l;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    ledger_read(&l, o.root, o.path, stderr);
    int status = l.problems ? EXIT_USAGE : EXIT_AS_EXPECTED;
    if (!status && o.check) {
        ledger_check(&l);
        status = l.problems ? EXIT_FINDINGS : EXIT_AS_EXPECTED;
    }
    if (!status && o.json && ledger_json(&l, o.json) != 0)
        status = EXIT_USAGE;
    if (status != EXIT_USAGE && o.markdown)
        ledger_markdown(&l, stdout);
    if (status != EXIT_USAGE && o.kills)
        ledger_kills(&l, stdout);
    if (status != EXIT_USAGE && o.row && ledger_row_show(&l, o.row, stdout) != 0) {
        fprintf(stderr, "tcprig ledger: %s has no row for %s; ids are written as MUST-13, U-05 or "
                "RFC7323-5.3\n", o.path, o.row);
        status = EXIT_USAGE;
    }
    if (status != EXIT_USAGE && !o.markdown && !o.kills && !o.row)
        ledger_summary(&l, stdout);
    ledger_free(&l);
    return status;
}
