/* Programs of this machine as peers: curl, socat and ncat against refstack's applications. */
#ifndef INTEROP_TOOLS_H
#define INTEROP_TOOLS_H

#include "harness/result.h"

enum { TOOL_ARGS = 12, TOOL_INPUT = 100000, TOOL_FILE = 1 << 20 };

struct interop_tool {
    const char *name;
    const char *arg[TOOL_ARGS]; /* arg[0] is the program */
    bool echoes;                /* reads TOOL_INPUT octets and must give them back */
    bool fetches;               /* must give the server's file, TOOL_FILE octets */
    const char *says;           /* or must say this */
};

/* Ends with an entry without name. */
extern const struct interop_tool interop_tools[];

/* Runs the program against an endpoint in the namespace the process is in. */
void interop_tool_play(const struct interop_tool *, struct result_case *);

#endif
