/* Choosing a planted bug; nothing at all in a build without them. */
#include "refstack/bugs.h"

#ifdef RS_BUGS
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum rs_bug rs_bug;

/* Compares "fin-not-counted" with FIN_NOT_COUNTED. */
static bool same_bug(const char *user, const char *planted)
{
    for (; *user && *planted; user++, planted++) {
        const char c = *user == '-' ? '_' : (char)toupper((unsigned char)*user);
        if (c != *planted)
            return false;
    }
    return *user == *planted;
}

bool rs_bug_choose(const char *name)
{
    static const char *const bug[] = {
#define BUG_NAME(name, text, class) [RS_BUG_##name] = #name,
        RS_BUG_LIST(BUG_NAME)
#undef BUG_NAME
    };
    for (int i = RS_BUG_NONE + 1; i < RS_N_BUGS; i++) {
        if (same_bug(name, bug[i])) {
            rs_bug = (enum rs_bug)i;
            return true;
        }
    }
    return false;
}

/* Before main, so that every program of such a build obeys: unit tests, tcprig, fuzz targets. */
__attribute__((constructor)) static void choose_by_environment(void)
{
    const char *name = getenv("TCPRIG_BUG");

    if (!name || !*name || rs_bug_choose(name))
        return;
    fprintf(stderr, "TCPRIG_BUG=%s is no planted bug; refstack/bugs.h lists them\n", name);
    exit(2);
}
#endif

/* A translation unit is never empty. */
typedef int bugs_unit;
