/* What is in flight: for each stretch of [SND.UNA, SND.NXT) when it was last sent and what is known
 * of its fate.  The scoreboard of RFC 6675 and the transmit times of RFC 8985 are this one list.
 *
 * It stands in one page, held only while there is something in flight, so the work for a segment is
 * bounded by the page.  When the page is full, neighbours are kept together at the price of knowing
 * less: never at the price of sending less. */
#ifndef REFSTACK_FLIGHT_H
#define REFSTACK_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "refstack/pool.h"
#include "refstack/refstack.h"

enum flight_flag {
    FLIGHT_SACKED = 1, /* the peer says it holds it (RFC 2018) */
    FLIGHT_LOST = 2,   /* judged lost and not sent again since */
    FLIGHT_RESENT = 4  /* sent more than once: its ACK is ambiguous (Karn) */
};

struct flight_rec {
    rs_time sent;
    uint32_t end; /* one past its last number; it begins where the one before ends */
    uint32_t flags;
};

enum { FLIGHT_MAX = 128 };

struct flight {
    uint32_t page; /* PAGE_NONE: nothing in flight */
};

/* What an ACK newly reports as received. */
struct delivered {
    uint32_t octets;  /* newly acknowledged or SACKed */
    bool any;
    rs_time sent;     /* of the latest sent among them, RFC 8985's RACK.xmit_ts */
    uint32_t end;
    bool resent;      /* that one was sent more than once */
    bool reordered;   /* one never sent again was reported below what had been reported before */
};

/* What follows the last record, up to `end`, is sent now.  False when there is no page for it. */
bool flight_add(struct pool *, struct flight *, uint32_t end, rs_time now);
/* SND.UNA goes from `una` to `ack`; `fack` is the highest number reported so far. */
void flight_ack(struct pool *, struct flight *, uint32_t una, uint32_t ack, uint32_t fack,
                struct delivered *);
/* The peer holds [left, right). */
void flight_sack(struct pool *, struct flight *, uint32_t una, uint32_t left, uint32_t right,
                 uint32_t fack, struct delivered *);
void flight_lose(struct pool *, struct flight *, uint32_t una, uint32_t left, uint32_t right);
/* After a retransmission timeout all is lost, what was SACKed too (RFC 2018 section 8). */
void flight_lose_all(struct pool *, struct flight *);
/* The first stretch judged lost. */
bool flight_first_lost(const struct pool *, const struct flight *, uint32_t una, uint32_t *left,
                       uint32_t *right);
void flight_resent(struct pool *, struct flight *, uint32_t una, uint32_t left, uint32_t right,
                   rs_time now);
/* Octets believed to be on the way: neither SACKed nor lost (RFC 6675's pipe). */
uint32_t flight_pipe(const struct pool *, const struct flight *, uint32_t una);
uint32_t flight_sacked(const struct pool *, const struct flight *, uint32_t una);
unsigned flight_count(const struct pool *, const struct flight *);
struct flight_rec *flight_at(const struct pool *, const struct flight *, unsigned i);
void flight_free(struct pool *, struct flight *);

#endif
