/* Writes captures in the pcapng format, with a comment on each packet.
 *
 * A section header, one block per interface and one enhanced packet block per packet is all that
 * readers need; no maintained C library in Debian writes comments, and the format is small.
 * Times are microseconds, as everywhere in the project, of any origin. */
#ifndef HARNESS_PCAPNG_H
#define HARNESS_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum pcapng_link {
    PCAPNG_ETHERNET = 1, /* LINKTYPE_ETHERNET */
    PCAPNG_RAW_IP = 101  /* LINKTYPE_RAW: IPv4 and IPv6 datagrams, as on a TUN device */
};

/* As the flags word of a packet has it: seen from the interface. */
enum pcapng_dir { PCAPNG_UNKNOWN = 0, PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };

struct pcapng {
    FILE *file;
    uint32_t interfaces;
    int error; /* the first errno met; everything after it is skipped */
};

struct pcapng_packet {
    uint32_t interface;
    uint64_t time;        /* microseconds */
    const uint8_t *octets;
    uint32_t len;         /* octets held here */
    uint32_t wire_len;    /* octets on the wire; 0: the same */
    enum pcapng_dir dir;
    const char *comment;  /* UTF-8, or NULL */
};

/* Creates the file and writes the section header.  Returns 0 or a negative errno. */
int pcapng_open(struct pcapng *, const char *path, const char *application);
/* Adds an interface; returns its number, for pcapng_packet. */
uint32_t pcapng_interface(struct pcapng *, enum pcapng_link, const char *name);
void pcapng_packet(struct pcapng *, const struct pcapng_packet *);
/* Closes the file; returns 0 or the first error met since pcapng_open, as a negative errno. */
int pcapng_close(struct pcapng *);

#endif
