/* Oracles: rules that must hold, and the one way of saying that one does not.
 *
 * Each oracle has an id, the clause it stands on and a function of its own in which it ends the
 * process, so that a fuzz engine that groups crashes by stack keeps two broken rules apart.  Before
 * that it prints its signature, which is what triage groups by:
 *
 *     oracle | clause | state before > after | event class
 */
#ifndef HARNESS_ORACLE_H
#define HARNESS_ORACLE_H

#include <stdbool.h>

#include "refstack/refstack.h"

#if defined(__GNUC__)
#define ORACLE_ALONE __attribute__((noinline, cold, noreturn, format(printf, 1, 2)))
#else
#define ORACLE_ALONE
#endif

/* X(id, clause, what must hold) */
#define ORACLES_WIRE(X)                                                                            \
    X(eth_round_trip, "RFC 894", "an Ethernet header that parses is emitted again as it was")      \
    X(arp_round_trip, "RFC 826", "an ARP packet that parses is emitted again as it was")           \
    X(ip4_round_trip, "RFC 791 s3.1", "an IPv4 header that parses is emitted again as it was")     \
    X(ip6_round_trip, "RFC 8200 s3", "an IPv6 header that parses is emitted again as it was")      \
    X(icmp_round_trip, "RFC 792", "an ICMP message that parses is emitted again as it was")        \
    X(tcp_round_trip, "RFC 9293 s3.1", "a TCP segment that parses is emitted again as it was")     \
    X(parse_in_bounds, "RFC 9293 s3.1", "what a parser points at lies inside what it was given")   \
    X(option_round_trip, "RFC 9293 s3.2", "an option that is walked is emitted again as it was")   \
    X(option_walk_ends, "RFC 9293 MUST-7", "an option walk takes at most one step per octet")      \
    X(option_read_agrees, "RFC 9293 s3.2", "reading options at once agrees with walking them")     \
    X(checksum_agrees, "RFC 1071", "every way of summing the same octets gives the same sum")

#define ORACLES_TCB(X)                                                                             \
    X(state_known, "RFC 9293 s3.3.2", "a connection is in one of the eleven states")               \
    X(state_diagram, "RFC 9293 s3.3.2", "states change along the diagram's arrows only")           \
    X(send_order, "RFC 9293 s3.3.1", "SND.UNA <= SND.NXT <= the highest number sent")              \
    X(send_una_back, "RFC 9293 s3.4", "SND.UNA never goes back")                                   \
    X(send_queue, "RFC 9293 s3.8", "what is in flight is in the send buffer or is SYN or FIN")     \
    X(send_buffer, "RFC 9293 s3.9.1.2", "the send buffer never holds more than its size")          \
    X(receive_buffer, "RFC 9293 s3.8", "the receive buffer never holds more than RCV.BUFF")        \
    X(receive_next_back, "RFC 9293 s3.4", "RCV.NXT never goes back")                               \
    X(receive_window, "RFC 9293 SHLD-14", "the right edge of the receive window never goes back")  \
    X(reassembly_order, "RFC 9293 s3.10.7.4", "held text is sorted, apart and after RCV.NXT")      \
    X(retransmit_armed, "RFC 6298 s5.1", "something outstanding has a timer that runs")            \
    X(persist_armed, "RFC 9293 MUST-35", "text held by a zero window has a timer that runs")       \
    X(ack_armed, "RFC 9293 MUST-40", "an ACK that is owed has a timer that runs")                  \
    X(time_wait_armed, "RFC 9293 MUST-13", "TIME-WAIT ends by its 2 MSL timer")                    \
    X(timer_bound, "RFC 6298 s5.5", "no timer is further off than its rule allows")                \
    X(deadline_late, "refstack.h", "the host's deadline is no later than its earliest timer")      \
    X(segment_size, "RFC 9293 s3.7.1", "the sender's segment size lies in its bounds")             \
    X(flight_order, "RFC 8985 s5.1", "what is in flight is listed in order up to SND.NXT")         \
    X(congestion_window, "RFC 5681 s3.1", "cwnd is at least one segment")                          \
    X(page_owned_once, "refstack.h", "each page of the pool is free or has one owner")             \
    X(page_leak, "refstack.h", "a host with no connection holds no page")                          \
    X(connection_count, "refstack.h", "the connections found are those in use")

#define ORACLES_CONN(X)                                                                            \
    X(refused_unchanged, "RFC 9293 s3.10.7", "a refused segment changes nothing but counters")     \
    X(arrival_reset, "RFC 9293 s3.5.2", "what belongs to no connection is answered by RST")        \
    X(arrival_window, "RFC 9293 s3.10.7.4 1", "text outside the window is answered, a RST is not") \
    X(arrival_rst, "RFC 5961 s3.2", "a RST at RCV.NXT ends the connection, and no other does")     \
    X(arrival_syn, "RFC 5961 s4.2", "a SYN ends no synchronized connection")                       \
    X(arrival_ack, "RFC 9293 s3.10.7.4 5", "SND.UNA follows an acceptable acknowledgment")         \
    X(arrival_wnd, "RFC 9293 s3.10.7.4 5", "SND.WND follows the newest segment and no older")      \
    X(arrival_text, "RFC 9293 s3.10.7.4 7", "text in order and in the window is taken")            \
    X(arrival_fin, "RFC 9293 s3.10.7.4 8", "a FIN in order is counted and changes the state")      \
    X(other_unchanged, "RFC 9293 s3.10.7", "a segment changes its own connection only")            \
    X(output_bounded, "RFC 9293 s3.8.6", "one event makes a bounded number of segments")           \
    X(work_bounded, "RFC 9293 s3.8", "time passes in a bounded number of steps")                   \
    X(work_per_event, "refstack.h", "one event costs no more work than the host's lists are long") \
    X(deadline_progress, "refstack.h", "firing a due timer moves the deadline on")                 \
    X(connection_ends, "RFC 9293 s3.9.1", "a connection that is let go of ends within a bound")    \
    X(status_agrees, "RFC 9293 s3.9.1.6", "STATUS agrees with what the wire has shown")            \
    X(receive_text, "RFC 9293 s3.8", "the user receives the octets sent to it, in order")          \
    X(call_result, "RFC 9293 s3.10", "a user call gives one of the results listed for its state")  \
    X(replay_same, "refstack.h", "the same calls with the same times give the same octets")

#define ORACLES_EGRESS(X)                                                                          \
    X(egress_form, "RFC 9293 s3.1", "a sent frame parses and its lengths agree")                   \
    X(egress_ip_checksum, "RFC 791 s3.1", "a sent IP header's checksum is right")                  \
    X(egress_checksum, "RFC 9293 MUST-2", "a sent segment's checksum is right")                    \
    X(egress_mtu, "RFC 9293 s3.7.1", "no datagram is longer than the link takes")                  \
    X(egress_mss, "RFC 9293 MUST-16", "no segment holds more text than the peer's MSS")            \
    X(egress_options, "RFC 9293 MUST-6", "sent options are well formed and padded with zeros")     \
    X(egress_mss_on_syn, "RFC 9293 MUST-5", "the MSS option stands on a SYN only")                 \
    X(egress_reserved, "RFC 9293 s3.1", "reserved bits are sent as zero")                          \
    X(egress_flags, "RFC 9293 s3.10", "no segment has SYN with FIN or RST")                        \
    X(egress_ack_bit, "RFC 9293 s3.10.7", "all but the first SYN and some RSTs carry ACK")         \
    X(egress_rst_for_rst, "RFC 9293 s3.5.2", "a RST is never answered by a RST")                   \
    X(egress_window_edge, "RFC 9293 SHLD-14", "the offered right edge never shrinks")              \
    X(egress_ack_back, "RFC 9293 s3.4", "a sent acknowledgment never goes back")                   \
    X(egress_ack_ahead, "RFC 9293 s3.4", "nothing is acknowledged that was not received")          \
    X(egress_text_same, "RFC 9293 s3.8.1", "a sequence number always carries the same octet")      \
    X(egress_in_window, "RFC 9293 s3.8.6", "no text is sent beyond the window, but for a probe")   \
    X(egress_after_fin, "RFC 9293 s3.6", "nothing is sent after the FIN's sequence number")        \
    X(egress_gap, "RFC 9293 s3.8", "no sequence number is sent before those below it")             \
    X(egress_silence, "RFC 9293 s3.10.7.1", "a host with no connection sends nothing unasked")     \
    X(egress_addresses, "RFC 9293 MUST-63", "a sent datagram goes from this host to a peer of it")

#define ORACLES_PAIR(X)                                                                            \
    X(pair_stream, "RFC 9293 s1", "what is received is a prefix of what was sent, in order")       \
    X(pair_delivered, "RFC 9293 s3.8", "a clean end means that everything sent was received")      \
    X(pair_ends, "RFC 9293 s3.6", "both ends end within a bound once faults stop")                 \
    X(pair_knows, "RFC 9293 s3.5.1", "an end that lost octets knows of the failure")               \
    X(pair_silence, "RFC 9293 s3.8.6", "silence follows the end of all connections")               \
    X(pair_link, "RFC 1122 s3.3.4.2", "what goes to a network goes out by the link it is on")      \
    X(pair_storm, "RFC 5961 s7", "segments sent are bounded by what there was to send")

#define ORACLES(X) ORACLES_WIRE(X) ORACLES_TCB(X) ORACLES_CONN(X) ORACLES_EGRESS(X) ORACLES_PAIR(X)

enum oracle {
#define ORACLE_ENUM(id, clause, text) ORACLE_##id,
    ORACLES(ORACLE_ENUM)
#undef ORACLE_ENUM
    N_ORACLES
};

struct oracle_info {
    const char *id;
    const char *clause;
    const char *text;
};
extern const struct oracle_info oracle_info[N_ORACLES];

/* One per oracle: prints the signature and the detail, then ends the process. */
#define ORACLE_DECLARE(id, clause, text) ORACLE_ALONE void oracle_broken_##id(const char *fmt, ...);
ORACLES(ORACLE_DECLARE)
#undef ORACLE_DECLARE

/* Demands that cond holds; what follows says in printf's manner what was seen instead. */
#define ORACLE(id, cond, ...)                                                                      \
    do {                                                                                           \
        if (!(cond))                                                                               \
            oracle_broken_##id(__VA_ARGS__);                                                       \
    } while (0)

/* Where the run is; the driver keeps it up to date and the signature quotes it. */
struct oracle_place {
    enum rs_state before;
    enum rs_state after;
    const char *event; /* the event's class, such as "segment SYN+ACK" or "call CLOSE" */
    unsigned index;    /* the event's place in the input, from 1 */
};
extern struct oracle_place oracle_place;

/* Tests catch a broken oracle here; the handler must not return.  NULL: abort(). */
extern void (*oracle_handler)(enum oracle);

#endif
