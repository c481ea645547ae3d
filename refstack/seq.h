/* Sequence-number arithmetic, RFC 9293 section 3.4: all comparisons are modulo 2^32.
 *
 * Every comparison of sequence numbers in the project goes through these functions; a lint rule
 * rejects the plain operators.  "a < b" means that b is at most 2^31 - 1 octets ahead of a. */
#ifndef REFSTACK_SEQ_H
#define REFSTACK_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* The signed distance from b to a: positive when a is ahead.  Two's complement does the wrap: 1 -
 * 0xffffffff is 2, and half of the space lies either way. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline bool seq_lt(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) > 0;
}

static inline bool seq_ge(uint32_t a, uint32_t b)
{
    return seq_diff(a, b) >= 0;
}

/* Whether seq lies in the window of len octets that starts at left.  By one unsigned difference,
 * which is right for any length and wherever the numbers wrap (U-60); RCV.NXT =< SEG.SEQ <
 * RCV.NXT+RCV.WND is this. */
static inline bool seq_in(uint32_t seq, uint32_t left, uint32_t len)
{
    return seq - left < len;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
    return seq_gt(a, b) ? a : b;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
    return seq_lt(a, b) ? a : b;
}

#endif
