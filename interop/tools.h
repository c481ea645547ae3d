/* Programs of this machine as peers of refstack: curl, socat and ncat, and endpoint programs, which
 * are called CASE ADDRESS PORT and say by status 127 that they do not know the case. */
#ifndef INTEROP_TOOLS_H
#define INTEROP_TOOLS_H

#include "harness/result.h"

enum { TOOL_ARGS = 14 /* with a NULL at the end */, TOOL_INPUT = 100000, TOOL_FILE = 1 << 20 };

struct interop_tool {
    const char *name;
    const char *arg[TOOL_ARGS]; /* arg[0] is the program; in the others %A stands for refstack's
                                 * address and %U for the same as a URL has it */
    bool sends;                 /* reads TOOL_INPUT octets */
    bool echoes;                /* the same, and must give them back */
    bool fetches;               /* must give the server's file, TOOL_FILE octets */
    const char *says;           /* or must say this */
    int status;                 /* by which it must end */
    bool cookies;               /* the backlog is full: refstack answers by a SYN cookie */
    bool peer;                  /* an endpoint program: 127 is `unsupported` */
};

/* Ends with an entry without name. */
extern const struct interop_tool interop_tools[];

/* The cases that an endpoint program is put through; arg holds what follows the program.  The last
 * one does not exist, so that a program which takes everything is found out. */
extern const struct interop_tool interop_peer_cases[];

/* Runs the program against an endpoint in the namespace the process is in. */
void interop_tool_play(const struct interop_tool *, int ip_version, struct result_case *);

#endif
