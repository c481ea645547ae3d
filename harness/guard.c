#include "harness/guard.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int guard_open(struct guard *g, size_t cap)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t rounded = (cap + page - 1) / page * page;
    void *map = mmap(NULL, rounded + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                     -1, 0);
    if (map == MAP_FAILED)
        return -1;
    *g = (struct guard){ .map = map, .map_len = rounded + page, .cap = rounded };
    if (mprotect(g->map + rounded, page, PROT_NONE) == 0)
        return 0;
    guard_close(g);
    return -1;
}

void guard_close(struct guard *g)
{
    if (g->map)
        munmap(g->map, g->map_len);
    *g = (struct guard){ 0 };
}

uint8_t *guard_at(const struct guard *g, size_t len)
{
    assert(len <= g->cap);
    return g->map + (g->cap - len);
}

uint8_t *guard_copy(const struct guard *g, const void *from, size_t len)
{
    uint8_t *p = guard_at(g, len);
    if (len)
        memcpy(p, from, len);
    return p;
}
