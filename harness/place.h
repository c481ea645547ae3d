/* What every target needs of its input and of its engines. */
#ifndef HARNESS_PLACE_H
#define HARNESS_PLACE_H

#include <stddef.h>
#include <stdint.h>

/* The checkers' own branches are of no interest to an engine and cost it time. */
#if defined(__clang__)
#define UNCOUNTED __attribute__((no_sanitize("coverage")))
#else
#define UNCOUNTED
#endif

enum { PLACE_MAX = 4096 };

/* Copies octets (at most PLACE_MAX) to the end of a page that an unreadable one follows, so that
 * reading one octet too many ends the process in every build.  The next call uses the place again.
 */
uint8_t *place_octets(const uint8_t *data, size_t len);
/* The same place, to be filled by the caller. */
uint8_t *place_room(size_t len);

#endif
