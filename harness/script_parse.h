/* Reads a script from text: packetdrill's language and our extensions, as GRAMMAR.md has them. */
#ifndef HARNESS_SCRIPT_PARSE_H
#define HARNESS_SCRIPT_PARSE_H

#include "harness/script.h"

enum { SCRIPT_ERROR_SIZE = 512, SCRIPT_MAX_OCTETS = 16 << 20 };

/* NULL after a sentence in error (SCRIPT_ERROR_SIZE octets): FILE:LINE:COL: expected X, found Y. */
struct script *script_parse(const char *name, const char *text, size_t len, char *error);
/* The same for a file; `error` also tells what cannot be read. */
struct script *script_load(const char *path, char *error);

#endif
