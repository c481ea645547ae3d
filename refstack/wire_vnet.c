/* The virtio-net header (virtio 1.2 section 5.1.6) that a tap device may put before each frame.
 * Its fields are little-endian, the only ones here that are. */
#include "refstack/cursor.h"
#include "refstack/wire.h"

static uint16_t le16(struct rcur *c)
{
    const uint8_t low = rcur_u8(c);
    return (uint16_t)(low | rcur_u8(c) << 8);
}

static void put_le16(struct wcur *c, uint16_t v)
{
    wcur_u8(c, (uint8_t)v);
    wcur_u8(c, (uint8_t)(v >> 8));
}

enum wire_result vnet_parse(struct vnet_hdr *v, const uint8_t *p, size_t len)
{
    struct rcur c = rcur_of(p, len);

    v->flags = rcur_u8(&c);
    v->gso_type = rcur_u8(&c);
    v->hdr_len = le16(&c);
    v->gso_size = le16(&c);
    v->csum_start = le16(&c);
    v->csum_offset = le16(&c);
    return c.bad ? WIRE_TRUNCATED : WIRE_OK;
}

size_t vnet_emit(const struct vnet_hdr *v, uint8_t *buf, size_t cap)
{
    struct wcur c = wcur_of(buf, cap);

    wcur_u8(&c, v->flags);
    wcur_u8(&c, v->gso_type);
    put_le16(&c, v->hdr_len);
    put_le16(&c, v->gso_size);
    put_le16(&c, v->csum_start);
    put_le16(&c, v->csum_offset);
    return c.bad ? 0 : VNET_HEADER;
}
