/* tcprig fmt: scripts in the one form that the printer has for them. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cmd.h"
#include "harness/script_parse.h"
#include "harness/script_print.h"

struct options {
    bool check, to_stdout;
    char **path;
    int n_paths;
};

enum { KEY_CHECK = 256 };

static const struct argp_option argp_options[] = {
    { "check", KEY_CHECK, NULL, 0, "change nothing; name what would change, and exit with 1", 0 },
    { "stdout", 'o', NULL, 0, "write to standard output instead of the files", 0 },
    { 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    (void)arg;
    switch (key) {
    case KEY_CHECK:
        o->check = true;
        return 0;
    case 'o':
        o->to_stdout = true;
        return 0;
    case ARGP_KEY_ARGS:
        o->path = state->argv + state->next;
        o->n_paths = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .args_doc = "FILE...",
    .doc = "Rewrites scripts in place, pretty-printed.  The form is stable: formatting again "
           "changes nothing.  The language is described in harness/GRAMMAR.md.",
};

/* The file as it is; NULL when it cannot be read.  *len gets its octets. */
static char *read_all(const char *path, size_t *len)
{
    char *text = malloc(SCRIPT_MAX_OCTETS);
    FILE *f = fopen(path, "rb");
    *len = f && text ? fread(text, 1, SCRIPT_MAX_OCTETS, f) : 0;
    if (f)
        fclose(f);
    if (!f) {
        free(text);
        text = NULL;
    }
    return text;
}

static int replace(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "wb");
    const bool ok = f && fwrite(text, 1, len, f) == len;
    if ((!f || fclose(f) == 0) && ok)
        return EXIT_AS_EXPECTED;
    fprintf(stderr, "tcprig fmt: cannot write %s: %s; make it writable\n", path, strerror(errno));
    return EXIT_USAGE;
}

static int format_one(const struct options *o, const char *path)
{
    char error[SCRIPT_ERROR_SIZE];
    char *text = NULL;
    size_t n = 0, old_len;
    struct script *s = script_load(path, error);
    if (!s) {
        fprintf(stderr, "tcprig fmt: %s\n", error);
        return EXIT_USAGE;
    }
    FILE *out = open_memstream(&text, &n);
    char *old = read_all(path, &old_len);
    if (!out || !old)
        abort();
    script_print(out, s);
    fclose(out);
    script_free(s);
    const bool same = n == old_len && memcmp(text, old, n) == 0;
    int status = EXIT_AS_EXPECTED;
    if (o->check && !same) {
        printf("%s\n", path);
        status = EXIT_FINDINGS;
    } else if (!o->check && o->to_stdout) {
        fwrite(text, 1, n, stdout);
    } else if (!o->check && !same) {
        status = replace(path, text, n);
    }
    free(text);
    free(old);
    return status;
}

int cmd_fmt(int argc, char **argv)
{
    struct options o = { 0 };
    int worst = EXIT_AS_EXPECTED;
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.n_paths) {
        fputs("tcprig fmt: no script given; name the files to format\n", stderr);
        return EXIT_USAGE;
    }
    for (int i = 0; i < o.n_paths; i++) {
        int status = format_one(&o, o.path[i]);
        worst = status > worst ? status : worst;
    }
    return worst;
}
