#include "harness/convert.h"

#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/input.h"
#include "harness/pcapng_case.h"
#include "harness/run.h"
#include "harness/script_parse.h"

enum { CAP = 8192 };

/* The regular files below a folder that end so; freed by the test's end. */
struct files {
    char *path[2048];
    size_t n;
};

static void find(struct files *f, const char *folder, const char *end)
{
    char *const roots[] = { (char *)(uintptr_t)folder, NULL };
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(fts);
    f->n = 0;
    for (FTSENT *e; (e = fts_read(fts)) != NULL;) {
        const size_t n = strlen(end);
        if (e->fts_info == FTS_F && e->fts_namelen >= n && f->n < 2048 &&
            !strcmp(e->fts_name + e->fts_namelen - n, end))
            f->path[f->n++] = strdup(e->fts_path);
    }
    fts_close(fts);
    assert_true(f->n > 0);
}

static void forget(struct files *f)
{
    while (f->n > 0)
        free(f->path[--f->n]);
}

static size_t read_file(const char *path, uint8_t *p)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(p, 1, CAP, f);
    fclose(f);
    return n;
}

static struct script *script_of(const char *path, const uint8_t *p, size_t len)
{
    char *text = NULL, error[SCRIPT_ERROR_SIZE];
    size_t n;
    FILE *f = open_memstream(&text, &n);
    convert_input(f, p, len);
    fclose(f);
    struct script *s = script_parse(path, text, n, error);
    if (!s)
        print_error("%s\n%s", error, text);
    assert_non_null(s);
    free(text);
    return s;
}

static void passes(const struct script *s)
{
    const struct run_options opt = { .seed = 1, .ip = s->ip ? s->ip : 4 };
    struct run_result res;
    run_script(s, &sut_refstack, &opt, &res);
    if (res.verdict != VERDICT_PASS)
        print_error("%s\n", res.reason);
    assert_int_equal(res.verdict, VERDICT_PASS);
}

static void every_seed_becomes_a_script_that_passes_and_the_seed_again(void **unused)
{
    static struct files f;
    (void)unused;
    find(&f, "corpus/seeds/fuzz_conn", "");
    for (size_t i = 0; i < f.n; i++) {
        uint8_t in[CAP], canonical[CAP], back[CAP];
        char why[CONVERT_WHY];
        const size_t len = read_file(f.path[i], in);
        struct script *s = script_of(f.path[i], in, len);
        const size_t n = convert_script(s, back, CAP, why);
        const size_t m = input_canonical(in, len, canonical, CAP);
        if (n != m || memcmp(back, canonical, n) != 0)
            print_error("%s: %zu octets, back as %zu: %s\n", f.path[i], m, n, why);
        assert_int_equal(n, m);
        assert_memory_equal(back, canonical, n);
        passes(s);
        script_free(s);
    }
    print_message("%zu seeds\n", f.n);
    forget(&f);
}

/* What a script expects is lost; what is left runs with the same verdict, and is stable. */
static bool survives(const struct script *s, char *why)
{
    uint8_t input[CAP], again[CAP];
    const size_t n = convert_script(s, input, CAP, why);
    if (n == 0)
        return false;
    struct script *t = script_of(s->name, input, n);
    assert_int_equal(convert_script(t, again, CAP, why), n);
    assert_memory_equal(input, again, n);
    passes(t);
    script_free(t);
    return true;
}

static void every_script_becomes_an_input_or_says_why_not(void **unused)
{
    static struct files f;
    size_t converted = 0;
    (void)unused;
    find(&f, "corpus/scripts", ".pkt");
    for (size_t i = 0; i < f.n; i++) {
        char error[SCRIPT_ERROR_SIZE], why[CONVERT_WHY];
        struct script *s = script_load(f.path[i], error);
        assert_non_null(s);
        if (survives(s, why))
            converted++;
        else
            assert_true(strlen(why) > 10);
        if (getenv("SHOW") && why[0])
            printf("%s: %s\n", f.path[i], why);
        script_free(s);
    }
    print_message("%zu of %zu scripts\n", converted, f.n);
    assert_true(converted * 2 > f.n);
    forget(&f);
}

/* Runs a script on refstack and keeps what was on the wire; "" when it does not pass. */
static bool capture_of(const char *path, uint8_t ip, const char *pcap)
{
    char error[SCRIPT_ERROR_SIZE];
    struct script *s = script_load(path, error);
    assert_non_null(s);
    struct result *r = result_new("convert");
    struct result_case *trace = result_case(r, "script", path, "refstack", ip);
    const struct run_options opt = { .seed = 1, .ip = ip, .trace = trace };
    struct run_result res;
    run_script(s, &sut_refstack, &opt, &res);
    case_actors(trace, "peer", "refstack");
    const bool passed = res.verdict == VERDICT_PASS && pcapng_case(trace, pcap) == 0;
    result_free(r);
    script_free(s);
    return passed;
}

/* The capture of a script becomes a script, which passes too. */
static void captured(const char *path, uint8_t ip, const char *expected)
{
    const struct convert_side side = { .address = ip == 4 ? "192.168.0.1" : "fd3d:fa7b:d17d::1" };
    char pcap[] = "/tmp/convert-test-XXXXXX", why[CONVERT_WHY], error[SCRIPT_ERROR_SIZE];
    char *text = NULL;
    size_t n;
    close(mkstemp(pcap));
    assert_true(capture_of(path, ip, pcap));
    FILE *f = open_memstream(&text, &n);
    const int status = convert_capture(f, pcap, &side, why);
    fclose(f);
    unlink(pcap);
    if (status < 0)
        print_error("%s: %s\n", path, why);
    assert_int_equal(status, 0);
    struct script *s = script_parse(path, text, n, error);
    if (!s || !strstr(text, expected))
        print_error("%s\n%s", s ? expected : error, text);
    assert_non_null(s);
    assert_non_null(strstr(text, expected));
    passes(s);
    script_free(s);
    free(text);
}

static void a_capture_becomes_a_script_that_passes(void **unused)
{
    (void)unused;
    for (uint8_t ip = 4; ip <= 6; ip = (uint8_t)(ip + 2)) {
        captured("corpus/scripts/rfc9293-3.8/nodelay-then-small-text-at-once.pkt", ip, "write(4, ");
        captured("corpus/scripts/rfc9293-3.10.5/linger-zero-close-then-rst.pkt", ip,
                 "{onoff = 1, linger = 0}");
    }
}

static void a_file_that_is_no_capture_is_refused(void **unused)
{
    const struct convert_side side = { .port = 80 };
    char why[CONVERT_WHY];
    (void)unused;
    assert_int_equal(convert_capture(stderr, "Makefile", &side, why), -1);
    assert_true(strlen(why) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_becomes_a_script_that_passes_and_the_seed_again),
        cmocka_unit_test(every_script_becomes_an_input_or_says_why_not),
        cmocka_unit_test(a_capture_becomes_a_script_that_passes),
        cmocka_unit_test(a_file_that_is_no_capture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
