/* How one case is run again: the first thing that a person on triage does. */
#include <string.h>

#include "harness/report.h"

/* Whether a shell takes the word as it stands.  Others are left to the reader, quotes and all. */
static bool plain(const char *word)
{
    return *word && *word != '-' &&
           !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_./:,+@%=-")];
}

/* "A x B", the columns of the interop matrix. */
static bool pair(const char *sut, char *a, char *b, size_t cap)
{
    const char *x = strstr(sut, " x ");
    if (!x || (size_t)(x - sut) >= cap)
        return false;
    snprintf(a, cap, "%.*s", (int)(x - sut), sut);
    snprintf(b, cap, "%s", x + 3);
    return plain(a) && plain(b);
}

bool report_again(const struct result_case *c, char *command, size_t cap)
{
    char a[64], b[64], ip[16] = "";
    size_t n = 0;
    if (c->ip_version)
        snprintf(ip, sizeof ip, " --ip=%d", c->ip_version);
    /* A tap's name does not say where the agent of its stack listens. */
    if (!strcmp(c->suite, "script") && c->file && plain(c->file) && plain(c->sut) &&
        strncmp(c->sut, "tap:", 4))
        n = (size_t)snprintf(command, cap, "build/tcprig run --on=%s%s %s", c->sut, ip, c->file);
    else if (!strcmp(c->suite, "interop") && plain(c->name) && pair(c->sut, a, b, sizeof a))
        n = (size_t)snprintf(command, cap, "build/tcprig interop --a=%s --b=%s%s --filter=%s", a, b,
                             ip, c->name);
    return n > 0 && n < cap;
}
