/* The Internet checksum's throughput, alone and fused with a copy, beside what memcpy does with the
 * same octets in the same run: the ceiling of any one pass. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "refstack/wire.h"

enum { LARGEST = 65536, OCTETS_PER_RUN = 1 << 30 };

static uint8_t from[LARGEST], to[LARGEST];
static volatile uint32_t sink;

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void add(size_t len)
{
    sink = csum_add(sink, from, len);
}

static void copy_add(size_t len)
{
    sink = csum_copy(sink, to, from, len);
}

static void copy(size_t len)
{
    memcpy(to, from, len);
    /* Without a reader the copy would not be made. */
    __asm__ volatile("" : : "r"(to) : "memory");
}

static double gigabytes_per_second(void (*work)(size_t), size_t len)
{
    const size_t rounds = OCTETS_PER_RUN / (len + 20);
    const double start = cpu_seconds();
    for (size_t i = 0; i < rounds; i++)
        work(len);
    return (double)rounds * (double)len / (cpu_seconds() - start) / 1e9;
}

int main(void)
{
    static const size_t lens[] = { 20, 40, 1460, LARGEST };
    for (size_t i = 0; i < LARGEST; i++)
        from[i] = (uint8_t)(i * 7);
    printf("GB/s of CPU time       sum    copy+sum      memcpy\n");
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
        printf("%6zu octets   %11.1f %11.1f %11.1f\n", lens[i], gigabytes_per_second(add, lens[i]),
               gigabytes_per_second(copy_add, lens[i]), gigabytes_per_second(copy, lens[i]));
    return 0;
}
