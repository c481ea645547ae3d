/* Inside stage 0 only: the bench on which refstack lies. */
#ifndef HARNESS_STAGE0_BENCH_H
#define HARNESS_STAGE0_BENCH_H

#include "harness/stage0.h"

#define ST0_PEER_ISS UINT32_C(0xfffffe00)
#define ST0_ISS UINT32_C(0xffffffc0)
#define ST0_PEER_TS UINT32_C(0xfffffff0)

enum { ST0_PORT = 7, ST0_PEER_PORT = 2000, ST0_RCV_BUF = 1024, ST0_SHIFT = 2, ST0_PEER_SHIFT = 3 };

struct rs_endpoint st0_peer(const struct st0_bench *);
struct rs_addr st0_addr(const struct st0_bench *);
/* Changes the configuration; the block is built anew by st0_start. */
void st0_configure(struct st0_bench *, unsigned ways);
/* A datagram of the peer's, its payload behind the IP header in buf already. */
size_t st0_put_ip(const struct st0_bench *, uint8_t *buf, uint8_t proto, size_t payload);
size_t st0_ip_header(const struct st0_bench *);
void st0_keep(struct st0_bench *);
/* Pages given back are poisoned under AddressSanitizer; a copy of the block must not care. */
void st0_unpoison(struct st0_bench *);
rs_observer st0_observe;

#endif
