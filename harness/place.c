#include "harness/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/guard.h"
#include "refstack/bugs.h"

/* One mapping serves the whole process. */
static struct guard guard;

static void open_once(void)
{
    if (guard_open(&guard, PLACE_MAX) == 0)
        return;
    perror("fuzz: no memory for the guard page");
    exit(77);
}

uint8_t *place_room(size_t len)
{
    if (!guard.map)
        open_once();
    return guard_at(&guard, len);
}

uint8_t *place_octets(const uint8_t *data, size_t len)
{
    uint8_t *p = place_room(len);

    if (len)
        memcpy(p, data, len);
    return p;
}
