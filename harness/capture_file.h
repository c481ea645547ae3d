/* Captures read packet by packet: pcap and pcapng, whatever link they were taken on. */
#ifndef HARNESS_CAPTURE_FILE_H
#define HARNESS_CAPTURE_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_WHY = 256 };

/* A packet without its link header. */
struct capture_packet {
    unsigned long number;  /* from 1, as other readers count */
    uint64_t us;
    const uint8_t *octets; /* what was not recorded is zeros */
    size_t len;            /* 0: it is no longer than its link header */
    size_t held;           /* recorded of them */
};

/* Calls `each` for every packet until why, CAPTURE_WHY octets, holds a sentence: its own, or the
 * one about a file that is no capture.  0, or -1 with that sentence. */
int capture_read(const char *path, void (*each)(void *, const struct capture_packet *), void *arg,
                 char *why);

#endif
