/* SipHash-2-4 (Aumasson and Bernstein): the keyed generator behind every unpredictable number. */
#ifndef REFSTACK_SIPHASH_H
#define REFSTACK_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const void *data, size_t len);

#endif
