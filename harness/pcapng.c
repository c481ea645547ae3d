#include "harness/pcapng.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Block types and option codes of draft-ietf-opsawg-pcapng. */
enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { BYTE_ORDER_MAGIC = 0x1a2b3c4d };
enum {
    OPT_END = 0,
    OPT_COMMENT = 1,
    SHB_USERAPPL = 4,
    IDB_NAME = 2,
    IDB_TSRESOL = 9,
    EPB_FLAGS = 2
};
enum { OPTION_MAX = 0xfff0 }; /* the length field of an option has 16 bits */

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

static void put(struct pcapng *w, const void *p, size_t len)
{
    if (w->error || len == 0)
        return;
    if (fwrite(p, 1, len, w->file) != len)
        w->error = errno ? errno : EIO;
}

/* Everything in the file is in the writer's byte order; the section header's magic tells which. */
static void put_u16(struct pcapng *w, uint16_t v)
{
    put(w, &v, sizeof v);
}

static void put_u32(struct pcapng *w, uint32_t v)
{
    put(w, &v, sizeof v);
}

static void put_padded(struct pcapng *w, const void *p, size_t len)
{
    static const uint8_t zeros[4];
    put(w, p, len);
    put(w, zeros, padded(len) - len);
}

static size_t option_size(size_t len)
{
    return 4 + padded(len);
}

static void put_option(struct pcapng *w, uint16_t code, const void *p, size_t len)
{
    put_u16(w, code);
    put_u16(w, (uint16_t)len);
    put_padded(w, p, len);
}

/* A text option longer than its length field can say is cut. */
static size_t text_len(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len < OPTION_MAX ? len : OPTION_MAX;
}

int pcapng_open(struct pcapng *w, const char *path, const char *application)
{
    *w = (struct pcapng){ .file = fopen(path, "wb") };
    if (!w->file)
        return -errno;

    size_t len = text_len(application);
    uint32_t total = (uint32_t)(28 + option_size(len) + 4);
    put_u32(w, BLOCK_SECTION);
    put_u32(w, total);
    put_u32(w, BYTE_ORDER_MAGIC);
    put_u16(w, 1); /* version 1.0 */
    put_u16(w, 0);
    put_u32(w, UINT32_MAX); /* section length not given: 64 bits of ones */
    put_u32(w, UINT32_MAX);
    put_option(w, SHB_USERAPPL, application, len);
    put_u32(w, OPT_END);
    put_u32(w, total);
    return -w->error;
}

uint32_t pcapng_interface(struct pcapng *w, enum pcapng_link link, const char *name)
{
    const uint8_t microseconds = 6; /* if_tsresol: a negative power of ten */
    size_t len = text_len(name);
    uint32_t total = (uint32_t)(20 + option_size(len) + option_size(1) + 4);
    put_u32(w, BLOCK_INTERFACE);
    put_u32(w, total);
    put_u16(w, (uint16_t)link);
    put_u16(w, 0);
    put_u32(w, 0); /* no limit on the octets captured */
    put_option(w, IDB_NAME, name, len);
    put_option(w, IDB_TSRESOL, &microseconds, 1);
    put_u32(w, OPT_END);
    put_u32(w, total);
    return w->interfaces++;
}

void pcapng_packet(struct pcapng *w, const struct pcapng_packet *p)
{
    size_t comment = text_len(p->comment);
    uint32_t flags = (uint32_t)p->dir;
    uint32_t total = (uint32_t)(32 + padded(p->len) + option_size(4) + 4);
    if (comment)
        total += (uint32_t)option_size(comment);

    put_u32(w, BLOCK_PACKET);
    put_u32(w, total);
    put_u32(w, p->interface);
    put_u32(w, (uint32_t)(p->time >> 32));
    put_u32(w, (uint32_t)p->time);
    put_u32(w, p->len);
    put_u32(w, p->wire_len ? p->wire_len : p->len);
    put_padded(w, p->octets, p->len);
    if (comment)
        put_option(w, OPT_COMMENT, p->comment, comment);
    put_option(w, EPB_FLAGS, &flags, sizeof flags);
    put_u32(w, OPT_END);
    put_u32(w, total);
}

int pcapng_close(struct pcapng *w)
{
    if (fclose(w->file) != 0 && !w->error)
        w->error = errno;
    w->file = NULL;
    return -w->error;
}
