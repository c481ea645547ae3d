/* tcprig convert: between fuzz inputs, scripts and captures. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cmd.h"
#include "harness/convert.h"
#include "harness/input.h"
#include "harness/script_parse.h"
#include "harness/triage.h"
#include "harness/triage_script.h"

enum { INPUT_MAX = 1 << 20 };

struct options {
    const char *target, *path, *out;
    struct convert_side side;
    char address[64];
};

enum { KEY_SUT = 256 };

static const struct argp_option argp_options[] = {
    { "output", 'o', "FILE", 0, "write to FILE instead of standard output", 0 },
    { "target", 't', "TARGET", 0, "the fuzz target of an input (default: fuzz_conn)", 0 },
    { "sut", KEY_SUT, "ADDRESS|:PORT|ADDRESS:PORT", 0,
      "the end of a capture that the stack under test stands for (default: whoever is called); an "
      "IPv6 address with a port in brackets", 0 },
    { 0 },
};

/* ADDRESS, :PORT, ADDRESS:PORT or [ADDRESS]:PORT. */
static bool parse_side(struct options *o, const char *text)
{
    const char *end = strrchr(text, ':');
    const bool six = end && strchr(text, ':') != end && text[0] != '[';
    size_t len = end && !six ? (size_t)(end - text) : strlen(text);
    char *rest = NULL;
    const unsigned long port = end && !six ? strtoul(end + 1, &rest, 10) : 0;
    if (text[0] == '[' && len > 1 && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof o->address || port > UINT16_MAX || (rest && (*rest || !port)))
        return false;
    memcpy(o->address, text, len);
    o->address[len] = '\0';
    o->side.address = len ? o->address : NULL;
    o->side.port = (uint16_t)port;
    return len || port;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 't':
        o->target = arg;
        return 0;
    case 'o':
        o->out = arg;
        return 0;
    case KEY_SUT:
        if (!parse_side(o, arg))
            argp_error(state, "--sut takes an address, a port as :80, or both, not '%s'", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (o->path)
            argp_error(state, "one file at a time; '%s' is a second one", arg);
        o->path = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = argp_options,
    .parser = parse_option,
    .args_doc = "FILE",
    .doc = "Turns a script (.pkt) into a fuzz input, a fuzz input into a script, and a capture "
           "(pcap, pcapng) into a script."
           "\vA script made of an input runs on refstack with the oracles that the input met, and "
           "becomes that input again.  An input keeps what a script does and not what it expects.  "
           "Of a capture each connection becomes calls and segments of its own.",
};

static int bad(const char *path, const char *what)
{
    fprintf(stderr, "tcprig convert: %s: %s\n", path, what);
    return EXIT_USAGE;
}

static bool is_capture(const uint8_t *p, size_t n)
{
    static const uint8_t magic[][4] = { { 0xd4, 0xc3, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0xc3, 0xd4 },
                                        { 0x4d, 0x3c, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0x3c, 0x4d },
                                        { 0x0a, 0x0d, 0x0d, 0x0a } };
    for (size_t i = 0; n >= 4 && i < sizeof magic / sizeof magic[0]; i++)
        if (!memcmp(p, magic[i], 4))
            return true;
    return false;
}

static int from_script(FILE *out, const char *path, const char *text, size_t n)
{
    static uint8_t octets[INPUT_MAX];
    char error[SCRIPT_ERROR_SIZE], why[CONVERT_WHY];
    struct script *s = script_parse(path, text, n, error);
    if (!s) {
        fprintf(stderr, "tcprig convert: %s\n", error);
        return EXIT_USAGE;
    }
    const size_t len = convert_script(s, octets, sizeof octets, why);
    script_free(s);
    if (!len)
        return bad(path, why);
    fwrite(octets, 1, len, out);
    return EXIT_AS_EXPECTED;
}

static int from_capture(FILE *out, const struct options *o)
{
    char why[CONVERT_WHY];
    return convert_capture(out, o->path, &o->side, why) < 0 ? bad(o->path, why) : EXIT_AS_EXPECTED;
}

static int from_input(FILE *out, const struct options *o, const uint8_t *p, size_t n)
{
    if (!triage_has_events(o->target))
        return bad(o->target, "that target's inputs are no events; name one such as fuzz_conn");
    if (triage_is_pair(o->target))
        triage_script(out, o->target, p, n);
    else
        convert_input(out, p, n);
    return EXIT_AS_EXPECTED;
}

static int convert(const struct options *o, const uint8_t *p, size_t n)
{
    const size_t name = strlen(o->path);
    FILE *out = o->out ? fopen(o->out, "wb") : stdout;
    if (!out)
        return bad(o->out, "it cannot be written; name a file in a folder that can be");
    int status;
    if (is_capture(p, n))
        status = from_capture(out, o);
    else if (name > 4 && !strcmp(o->path + name - 4, ".pkt"))
        status = from_script(out, o->path, (const char *)p, n);
    else
        status = from_input(out, o, p, n);
    const bool failed = ferror(out) || (o->out && fclose(out) != 0);
    return failed ? bad(o->out ? o->out : "standard output", "it cannot be written") : status;
}

int cmd_convert(int argc, char **argv)
{
    struct options o = { .target = "fuzz_conn" };
    if (argp_parse(&argp, argc, argv, 0, NULL, &o))
        return EXIT_USAGE;
    if (!o.path) {
        fputs("tcprig convert: no file given; name a script, a capture or a fuzz input, such as "
              "one in corpus/seeds/fuzz_conn\n", stderr);
        return EXIT_USAGE;
    }
    uint8_t *octets = malloc(INPUT_MAX);
    FILE *f = fopen(o.path, "rb");
    if (!octets)
        abort();
    const size_t n = f ? fread(octets, 1, INPUT_MAX, f) : 0;
    int status = EXIT_USAGE;
    if (!f || ferror(f))
        fprintf(stderr, "tcprig convert: cannot read %s: %s; name a script, a capture or a fuzz "
                "input\n", o.path, strerror(errno));
    else
        status = convert(&o, octets, n);
    if (f)
        fclose(f);
    free(octets);
    return status;
}
