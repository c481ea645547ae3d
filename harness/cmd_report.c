/* tcprig report: several results, written by separate runs, become one report. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cmd.h"
#include "harness/cmd_results.h"
#include "harness/report.h"

struct options {
    struct report_paths paths;
    const char *title;
    char **file;
    int n_files;
};

enum { KEY_TITLE = 256 };

static const struct argp_option argp_options[] = {
    { "title", KEY_TITLE, "TEXT", 0, "heading of the report (default: tcprig)", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->paths;
        return 0;
    case KEY_TITLE:
        o->title = arg;
        return 0;
    case ARGP_KEY_ARGS:
        o->file = state->argv + state->next;
        o->n_files = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .children = cmd_results,
    .args_doc = "FILE.json...",
    .doc = "Makes one report out of what `tcprig run`, `interop`, `triage` and others wrote with "
           "--json.  A FILE of - is standard input or output.",
};

static struct result *read_one(const char *path, char *err, size_t cap)
{
    if (!strcmp(path, "-"))
        return report_read(stdin, "standard input", err, cap);
    FILE *in = fopen(path, "r");
    if (!in) {
        snprintf(err, cap, "cannot read %s: %s; give files that tcprig wrote with --json", path,
                 strerror(errno));
        return NULL;
    }
    struct result *r = report_read(in, path, err, cap);
    fclose(in);
    return r;
}

/* The machine and the start are those of the first file: results of one report belong together. */
static void adopt(char **to, const char *from)
{
    if (from && !*to)
        *to = result_text("%s", from);
}

static int merge_all(const struct options *o, struct result *all)
{
    char err[512];
    free(all->machine);
    all->machine = NULL;
    for (int i = 0; i < o->n_files; i++) {
        struct result *one = read_one(o->file[i], err, sizeof err);
        if (!one) {
            fprintf(stderr, "tcprig report: %s\n", err);
            return -1;
        }
        adopt(&all->machine, one->machine);
        adopt(&all->started, one->started);
        result_merge(all, one);
    }
    return 0;
}

int cmd_report(int argc, char **argv)
{
    struct options o = { .title = "tcprig" };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return 2;
    if (!o.n_files) {
        fputs("tcprig report: no results given; name the files that were written with --json\n",
              stderr);
        return 2;
    }
    if (!o.paths.html && !o.paths.json && !o.paths.junit) {
        fputs("tcprig report: nothing to write; say --html FILE, --json FILE or --junit FILE\n",
              stderr);
        return 2;
    }
    struct result *all = result_new(o.title);
    int status = merge_all(&o, all);
    if (!status)
        status = report_write(all, &o.paths);
    result_free(all);
    return status ? 2 : 0;
}
