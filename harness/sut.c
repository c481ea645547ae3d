#include "harness/sut.h"

#include <stdio.h>
#include <string.h>

#include "harness/sut_lwip.h"
#include "harness/sut_so.h"
#include "harness/sut_linux.h"
#include "harness/sut_tap.h"
#include "harness/sut_template.h"

static const struct sut_ops *const suts[] = { &sut_refstack, &sut_linux, &sut_lwip,
                                             &sut_template };

const struct sut_ops *sut_find(const char *name)
{
    for (size_t i = 0; i < sizeof(suts) / sizeof(suts[0]); i++)
        if (strcmp(suts[i]->name, name) == 0)
            return suts[i];
    if (strncmp(name, "so:", 3) == 0)
        return sut_so(name);
    return sut_tap_named(name); /* NULL for all other names */
}

void sut_names(char *text, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof(suts) / sizeof(suts[0]) && n < cap; i++)
        n += (size_t)snprintf(text + n, cap - n, "%s%s", i ? ", " : "", suts[i]->name);
}
