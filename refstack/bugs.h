/* Planted bugs: what the harness must catch to be believed.
 *
 * Each is a mistake a real stack has made or could make.  They exist only in builds with RS_BUGS;
 * there the variable below chooses one at run time, so that one build serves for all.  In every
 * other build BUG(x) is the constant false and the code behind it is gone.
 *
 * X(NAME, "text", class): class is semantic, liveness, memory, resource or leak (of
 * information). */
#ifndef REFSTACK_BUGS_H
#define REFSTACK_BUGS_H

#include <stdbool.h>

#define RS_BUG_LIST(X)                                                                            \
    X(OPTION_LENGTH_ZERO, "an option of length 0 is stepped over by 0 octets", liveness)          \
    X(OPTION_OVERREAD, "an option's length octet is read past the end of the options", memory)    \
    X(SEQ_PLAIN_COMPARE, "ACK is compared with SND.UNA by plain <", semantic)                     \
    X(LISTEN_TAKES_RST, "a listener acts on an RST", semantic)                                    \
    X(RST_ANYWHERE_IN_WINDOW, "an RST anywhere in the window resets", semantic)                   \
    X(FIN_NOT_COUNTED, "the peer's FIN does not advance RCV.NXT", semantic)                       \
    X(FIN_OUT_OF_ORDER, "a FIN above a hole is taken at once", semantic)                          \
    X(TIME_WAIT_SILENT, "a retransmitted FIN in TIME-WAIT is not answered", liveness)             \
    X(NO_RETRANSMIT_TIMER, "the retransmission timer is stopped by any text received", liveness)  \
    X(NO_PERSIST, "no zero-window probe when nothing is in flight", liveness)                     \
    X(WINDOW_BEYOND_EDGE, "text beyond the right window edge is kept", semantic)                  \
    X(WL2_IGNORED, "an older ACK updates SND.WND", semantic)                                      \
    X(REASSEMBLY_OVERLAP, "an overlapped block is taken as new in full", semantic)                \
    X(REASSEMBLY_PAGE_LEAK, "the reassembly page is not freed when its last hole fills", resource) \
    X(SEND_PAGE_LEAK, "pages acknowledged together with the FIN are not freed", resource)         \
    X(RECEIVE_AFTER_FREE, "RECEIVE reads a page after giving it back", memory)                    \
    X(URGENT_POINTER_TRUSTED, "text up to the urgent pointer is read unchecked", memory)          \
    X(ACK_OF_ACK, "every out-of-window ACK is answered without limit", liveness)                  \
    X(CHECKSUM_IGNORED, "the TCP checksum is not verified", semantic)                             \
    X(RETRANSMIT_WRONG_OCTETS, "a retransmission starts one octet late in the queue", semantic) \
    X(SYN_NOT_COUNTED, "SYN and FIN are left out of SEG.LEN in the acceptability test", semantic) \
    X(OUT_OF_WINDOW_SILENT, "a segment outside the window is not answered", liveness) \
    X(RST_OUT_OF_WINDOW_ANSWERED, "an RST outside the window is answered by an ACK", semantic) \
    X(RST_ANSWERED, "an RST for no connection is answered by an RST", semantic) \
    X(RST_FOR_ACK_FROM_ZERO, "the RST that answers an ACK has SEQ 0", semantic) \
    X(RST_ACK_SHORT, "the RST that answers a SYN or FIN does not acknowledge it", semantic) \
    X(SIMULTANEOUS_OPEN_SEQ, "the SYN,ACK of a simultaneous open has SEQ ISS + 1", semantic) \
    X(PASSIVE_FORGOTTEN, "an RST in SYN-RECEIVED ends a passive OPEN", semantic) \
    X(WINDOW_UNSCALED, "SND.WND is taken without its scale", liveness) \
    X(WINDOW_16_BITS, "a scaled window is cut to 16 bits", liveness) \
    X(SYN_WINDOW_SCALED, "the window of a SYN,ACK is scaled", semantic) \
    X(TS_ECHO_LATEST, "the TSval echoed is the latest seen, in order or not", semantic) \
    X(PAWS_OFF, "old timestamps are not refused", semantic) \
    X(PAWS_ON_RST, "an RST is subject to PAWS", semantic) \
    X(SACK_SORTED, "SACK blocks are in order of number, not of arrival", semantic) \
    X(DSACK_REPEATED, "a duplicate is reported on every ACK from then on", semantic) \
    X(SACK_UNCHECKED, "SACK blocks beyond SND.NXT are believed", semantic) \
    X(SACK_RENEGED, "octets once SACKed are never sent again", liveness) \
    X(RTO_NO_BACKOFF, "the retransmission timeout does not double", semantic) \
    X(RTO_FLOOR_IGNORED, "the retransmission timeout has no floor", semantic) \
    X(KARN_IGNORED, "a retransmitted segment gives a round-trip sample", semantic) \
    X(RTTVAR_AFTER_SRTT, "RTTVAR is computed from the new SRTT", semantic) \
    X(CWND_KEPT_ON_RTO, "a retransmission timeout leaves cwnd as it is", semantic) \
    X(CWND_PER_ACK,   \
      "every ACK opens cwnd by a segment, however little it acknowledges", semantic) \
    X(CWND_IGNORED, "what is sent is not limited by cwnd", semantic) \
    X(NO_FAST_RETRANSMIT, "three duplicate ACKs do nothing", semantic) \
    X(RETRANSMIT_BURST, "a retransmission timeout sends the whole queue again", semantic) \
    X(NAGLE_IGNORED, "small segments go out while octets are unacknowledged", semantic) \
    X(SENDER_SILLY_WINDOW, "whatever fits a small window is sent into it", semantic) \
    X(RECEIVER_SILLY_WINDOW, "the right edge moves for every octet read", semantic) \
    X(WINDOW_SHRINKS, "the right edge moves back when text is not read", semantic) \
    X(DELAYED_ACK_NEVER, "an ACK that was delayed is forgotten", liveness) \
    X(ACK_DELAYED_ALWAYS, "the second full segment is not acknowledged at once", semantic) \
    X(FIN_BEFORE_TEXT, "the text of a segment with FIN is dropped", semantic) \
    X(FIN_TRIMMED, "the FIN of a partly old segment is ignored", liveness) \
    X(CLOSE_DROPS_QUEUE, "CLOSE sends the FIN before the text queued", semantic) \
    X(TIME_WAIT_SHORT, "TIME-WAIT lasts one MSL", semantic) \
    X(TIME_WAIT_FOREVER, "TIME-WAIT never ends", resource) \
    X(FIN_NOT_RETRANSMITTED, "a lost FIN is not sent again", liveness) \
    X(PERSIST_NO_BACKOFF, "window probes do not slow down", semantic) \
    X(PROBED_TO_DEATH, "a peer that answers window probes is given up after R2", semantic) \
    X(KEEPALIVE_KILLS, "one unanswered keep-alive ends the connection", semantic) \
    X(KEEPALIVE_ALWAYS, "keep-alive is on unasked", semantic) \
    X(URGENT_OFF_BY_ONE, "the urgent pointer names the last urgent octet", semantic) \
    X(MSS_IGNORES_OPTIONS, "options are not counted against the MSS", semantic) \
    X(MSS_UNBOUNDED, "an MSS smaller than the options is accepted", memory) \
    X(PUSH_MISSING, "PSH is never set", semantic) \
    X(ICMP_UNCHECKED, "an ICMP error need not quote octets in flight", semantic) \
    X(ICMP_ABORTS, "a hard ICMP error ends a synchronized connection", semantic) \
    X(BACKLOG_LEAK, "a reset connection still counts in its listener's backlog", resource) \
    X(FIN_WAIT_2_ORPHAN, "FIN-WAIT-2 lasts for ever after the user let go", resource) \
    X(RELEASE_HIDES_LOSS, "unread text at release ends in FIN, not RST", semantic) \
    X(CHALLENGE_GLOBAL, "challenge ACKs are counted for all connections together", leak) \
    X(ISS_PREDICTABLE, "the initial sequence number is the clock alone", leak) \
    X(PORTS_IN_ORDER, "ephemeral ports are given out in order", leak) \
    X(PROBE_STALE_OCTET, "a window probe carries an octet of the page, not of the queue", leak) \
    X(ECN_ECHO_STUCK, "ECE does not end with CWR", semantic) \
    X(SYN_COOKIE_ANY, "any ACK for a listener passes for a SYN cookie", semantic) \
    X(FASTOPEN_ANY, "any fast-open cookie lets text in", semantic) \
    X(OLD_ACK_ACCEPTED, "ACKs however old are accepted with their text", semantic) \
    X(SYN_RESETS, "a SYN in the window resets the connection", semantic) \
    X(IP_CHECKSUM_IGNORED, "the checksum of the IPv4 header is not verified", semantic) \
    X(TTL_JUDGED, "a datagram that has come with a TTL of 1 is dropped", semantic) \
    X(ARP_ANY_REQUEST, "a question for another address is answered", semantic) \
    X(ARP_ALL_LEARNT, "whoever asks for anything takes a place in the neighbour cache", resource) \
    X(ND_UNASKED_NOTED,   \
      "an advertisement nobody waits for takes a place in the neighbour cache", resource) \
    X(MLD_V1_UNHEARD, "a query of version 1 is answered in version 2", semantic) \
    X(MLD_ROUTED, "a report of listeners may pass a router", semantic) \
    X(MLD_ONCE, "a group is reported once, and a lost report is not made up for", semantic) \
    X(MLD_AFTER_QUESTION,   \
      "a group is joined only after something was asked of its address", liveness) \
    X(PMTU_NO_FLOOR, "a router may make segments as small as it likes", resource) \
    X(CWR_ON_RETRANSMISSION, "CWR stands on what is sent again", semantic) \
    X(FASTOPEN_TEXT_LOST, "text that came with a valid cookie is not taken", semantic) \
    X(TIME_WRAPS, "a timer set beyond the end of time fires at once", liveness) \
    X(SYN_COOKIE_OLD, "a SYN cookie serves however old it is", semantic) \
    X(SYN_COOKIE_MSS_LOST,   \
      "a connection made of a SYN cookie has forgotten the peer's MSS", semantic) \
    X(ICMP_QUOTE_SHORT, "an ICMP error quotes nothing behind the IP header", semantic) \
    X(ECHO_EMPTY, "an echo is answered without the octets that it came with", semantic) \
    X(ECHO_FROM_GROUP, "an echo to a group is answered from the group", semantic) \
    X(ROUTE_FIRST, "the first link carries everything", semantic) \
    X(GATEWAY_ALWAYS, "what is on the link goes to the gateway too", semantic) \
    X(PLATEAU_UNKNOWN, "Fragmentation Needed that names no size is not heeded", liveness) \
    X(PMTU_IGNORED, "the path MTU that a router tells is not heeded", liveness) \
    X(PMTU_FOR_EVER, "a path MTU once learned is never forgotten", semantic) \
    X(PMTU_SOON, "a larger path MTU is tried at once after a smaller one was told", semantic) \
    X(PMTU_PROBE_TAIL, "a path MTU probe goes with nothing behind it", liveness) \
    X(PMTU_PROBE_VAIN, "a path MTU probe that arrives changes nothing", semantic) \
    X(BLACK_HOLE, "segments that vanish again and again stay as large as they are", liveness) \
    X(FRAGMENT_CE_LOST, "the mark of congestion on a later fragment is lost", semantic) \
    X(FRAGMENT_ATOMIC,   \
      "a fragment that is the whole datagram meets others of its number", semantic) \
    X(FRAGMENT_HEADLESS, "the first fragment need not hold the upper header", semantic) \
    X(FRAGMENT_ODD, "a fragment of odd length in the middle is dropped without a word", semantic) \
    X(HOP_BY_HOP_LATE, "hop-by-hop options are read wherever they stand", semantic) \
    X(ROUTING_SKIPPED, "a routing header is skipped whatever it asks for", semantic) \
    X(NO_NEXT_ANSWERED, "a datagram with no next header is answered by an error", semantic) \
    X(DAD_UNASKED, "an address serves before anybody could claim it", semantic) \
    X(DAD_UNDEFENDED, "who wants an address of ours is not told that it is taken", semantic) \
    X(ASKER_TRUSTED, "who asks for us is taken to be reachable", semantic) \
    X(SOLICIT_FOREVER, "a neighbour that does not answer is asked for ever", resource) \
    X(WAITING_DROPPED, "a datagram is dropped while its neighbour is asked for", semantic) \
    X(TIME_WAIT_KILLED, "a reset ends TIME-WAIT whatever is set", semantic) \
    X(TS_MISSING_TAKEN, "a segment without the timestamp agreed on is taken", semantic) \
    X(PAWS_FOR_EVER, "TS.Recent counts however old it is", liveness) \
    X(RTO_NOT_RESTARTED,   \
      "an ACK of new text leaves the retransmission timer as it runs", semantic) \
    X(DUPLICATE_ANY,   \
      "any ACK of SND.UNA counts as a duplicate, text and window or not", semantic) \
    X(SACK_UNASKED, "SACK is used with a peer that did not offer it", semantic) \
    X(SACK_ONE_BLOCK, "one SACK block is reported however many there are", semantic) \
    X(SACK_BELOW_ACK, "a SACK block that begins below the ACK is believed", semantic) \
    X(WSCALE_ONE_SIDED, "the window is scaled though the peer did not offer it", semantic) \
    X(WSCALE_UNCLAMPED, "a scale of more than 14 is used as it is", semantic) \
    X(TS_ON_SYN_ONLY, "timestamps stand in the SYN only", semantic) \
    X(TS_UNASKED, "timestamps are used with a peer that did not offer them", semantic) \
    X(TS_UPTIME, "timestamps tell how long the host has been up", leak) \
    X(TS_NO_SAMPLE, "an echoed timestamp gives no sample", semantic) \
    X(TS_ECHO_BELIEVED, "an echo of a time that never was gives a sample", semantic) \
    X(WINDOW_ROUNDED, "the right edge moves back by what the scale rounds off", semantic) \
    X(PORT_IN_USE, "a port is drawn though a connection to the same peer has it", semantic) \
    X(RTO_FIRST_LONG, "the first retransmission timeout is three seconds", semantic) \
    X(RTO_RUNS_ON, "the retransmission timer runs though all is acknowledged", semantic) \
    X(RTO_SYN_FORGOTTEN, "after a lost SYN text begins with the usual timeout", semantic) \
    X(RTO_UNBOUNDED,   \
      "samples may make the retransmission timeout as long as they like", liveness) \
    X(DEADLINE_OF_FIRST,   \
      "of timers that are due together the first one tells the deadline", liveness) \
    X(UTO_IGNORED, "the user timeout that the peer asks for is not heeded", semantic) \
    X(UTO_OVERRULES, "the peer's user timeout overrules that of the application", semantic) \
    X(UTO_SECONDS, "the granularity bit of the user timeout option is not read", semantic) \
    X(UTO_UNLIMITED, "the peer may ask for any user timeout", resource) \
    X(UTO_SHORTENS, "the peer may ask for a user timeout shorter than ours", semantic) \
    X(UTO_ZERO, "a user timeout option of zero asks for the longest", resource) \
    X(UTO_CUT, "a user timeout of more than fifteen bits is cut to them", semantic) \
    X(UTO_UNASKED, "the user timeout option is sent unasked", semantic) \
    X(UTO_KEEPALIVE, "keep-alive gives up before the user timeout agreed on", semantic) \
    X(LOST_SYN_UNPAID, "a lost SYN leaves the initial window as it is", semantic) \
    X(IDLE_WINDOW_KEPT, "after idle time the whole window goes out at once", semantic) \
    X(INITIAL_WINDOW_LARGE, "the initial window is sixty-four segments", semantic) \
    X(SSTHRESH_EACH_RTO, "each timeout of one segment halves ssthresh again", semantic) \
    X(AVOIDANCE_PER_ACK, "congestion avoidance opens cwnd by a segment for each ACK", semantic) \
    X(LIMITED_COUNTED, "what limited transmit sent counts in ssthresh", semantic) \
    X(LIMITED_NOT, "the first two duplicate ACKs let nothing go", semantic) \
    X(LIMITED_BEYOND_EDGE, "limited transmit does not heed the window", semantic) \
    X(LIMITED_OPENS, "limited transmit opens cwnd", semantic) \
    X(CWND_STAYS_INFLATED, "what recovery inflated cwnd by is kept", semantic) \
    X(CWND_NOT_INFLATED, "duplicate ACKs during recovery let nothing go", semantic) \
    X(PARTIAL_ACK_IGNORED, "a partial ACK resends nothing", liveness) \
    X(PARTIAL_ACK_EMPTIES, "partial ACKs take cwnd down to nothing", liveness) \
    X(RECOVER_FORGOTTEN, "duplicates from before a timeout start a recovery", semantic) \
    X(RECOVERY_OUTLASTS_RTO, "a timeout does not end a recovery under way", semantic) \
    X(LOST_BY_OCTETS, "runs of SACKed segments do not tell of a loss, octets alone do", semantic) \
    X(PIPE_COUNTS_LOST, "what is lost counts as being in the pipe", semantic) \
    X(LAST_LOSS_FIRST, "of several holes the last is sent again first", semantic) \
    X(RECOVERY_EACH_LOSS, "each loss of one flight cuts cwnd again", semantic) \
    X(RACK_AT_ONCE, "a segment overtaken is held lost at once", semantic) \
    X(RACK_REORDERING_UNSEEN,   \
      "segments that were only late do not count as reordering", semantic) \
    X(RACK_DSACK_UNHEARD, "DSACKs do not widen the reordering window", semantic) \
    X(RACK_WINDOW_KEPT, "the reordering window never becomes smaller again", semantic) \
    X(TLP_NEVER, "the tail of a flight is not probed", semantic) \
    X(TLP_AGAIN, "the tail is probed again and again", liveness) \
    X(TLP_HASTY, "the probe does not wait for the delayed ACK of a single segment", semantic) \
    X(TLP_OLD_TEXT, "the probe is old text though there is new", semantic) \
    X(TLP_UNPAID, "a loss that the probe repaired leaves cwnd as it is", semantic) \
    X(TLP_ALWAYS_PAID, "a probe that was needless is taken for a loss", semantic) \
    X(REORDER_TIMER_LOST,   \
      "another timer for losses takes the place of that for reordering", semantic) \
    X(ECN_REFLECTED, "a SYN,ACK that reflects both bits grants ECN", semantic) \
    X(ECN_SYN_AGAIN, "a SYN sent again asks for ECN as the first did", liveness) \
    X(ECT_ALWAYS, "every segment is marked as able to tell congestion", semantic) \
    X(ECT_ON_PROBE, "a window probe is marked as able to tell congestion", semantic) \
    X(ECN_EACH_ACK, "each ACK with ECE halves the window", semantic) \
    X(ECN_TWICE, "an echo during recovery halves the window again", semantic) \
    X(ECN_UNASKED, "an echo of congestion counts though ECN was not agreed on", semantic) \
    X(CWR_NEVER, "the peer is not told that the window was halved", liveness) \
    X(FASTOPEN_UNASKED, "a listener gives cookies though fast open is off", semantic) \
    X(FASTOPEN_NO_COOKIE, "who asks for a cookie gets none", semantic) \
    X(FASTOPEN_ONE_COOKIE, "one cookie serves every client", leak) \
    X(FASTOPEN_PENDING, "any number of fast opens may be pending", resource) \
    X(FASTOPEN_LEAK, "a fast open that ended still counts as pending", resource) \
    X(FASTOPEN_FORGETFUL, "a client asks for a cookie each time anew", semantic) \
    X(FASTOPEN_INSISTS, "a SYN with text that was lost is tried again the next time", liveness) \
    X(FASTOPEN_AGAIN, "a SYN sent again carries the cookie and its text as before", liveness) \
    X(COOKIE_ANY_LENGTH, "a cookie of any length is taken", semantic) \
    X(EXPERIMENT_ANY,   \
      "an option for experiments is taken for Fast Open whatever it says", semantic) \
    X(CUBIC_HALVES, "CUBIC keeps half of the window on loss", semantic) \
    X(CUBIC_NO_FLOOR, "ssthresh may fall below two segments", liveness) \
    X(CUBIC_LINEAR, "CUBIC has no plateau at the window of before the loss", semantic) \
    X(CUBIC_UNBOUNDED, "the cubic may be any multiple of cwnd ahead", semantic) \
    X(CUBIC_UNFRIENDLY, "CUBIC is slower than Reno on a short path", semantic) \
    X(CUBIC_SHRINKS, "an ACK makes cwnd smaller where the cubic is", semantic) \
    X(CUBIC_ALPHA,   \
      "the Reno-friendly estimate grows by a segment a window from the first", semantic) \
    X(CUBIC_GREEDY, "a second loss lower down leaves no room for others", semantic) \
    X(CUBIC_CLOCK_RUNS, "time in which little is sent lets the cubic grow", semantic) \
    X(CUBIC_RTO_FORGOTTEN, "after a timeout CUBIC aims at the window of before", semantic) \
    X(HALF_OPEN_FOREVER, "a handshake that nobody finishes is never given up", resource) \
    X(WINDOW_SIGNED,   \
      "a window of 32768 or more is taken for a negative one, that is for none", liveness) \
    X(CHECKSUM_WITHOUT_OPTIONS, "the checksum sent leaves out the options", semantic) \
    X(OPTION_AFTER_END, "what stands behind the end of the option list is read", semantic) \
    X(OPTION_ON_SYN_ONLY, "options are read on a SYN only", semantic) \
    X(OPTION_UNKNOWN_ENDS, "an unknown option ends the list", semantic) \
    X(OPTION_ALIGNED, "an option is looked for at the next multiple of four octets", semantic) \
    X(PADDING_STALE, "the padding of the header is what the buffer held", leak) \
    X(MSS_EVERYWHERE, "the MSS option stands in every segment", semantic) \
    X(ZERO_WINDOW_DEAF,   \
      "a closed window lets nothing in, not an ACK, a RST or urgent news", liveness) \
    X(ISS_CLOCK_SLOW,   \
      "the clock of the initial sequence number ticks every four milliseconds", leak) \
    X(RST_WITH_TEXT_IGNORED, "a RST that carries text is not heeded", liveness) \
    X(RESET_AS_CLOSE, "a reset is told as the end of the text", semantic) \
    X(RELEASE_SWALLOWS, "text for a user who let go is acknowledged and forgotten", semantic) \
    X(TIME_WAIT_ANY_SYN, "any SYN ends TIME-WAIT, an old duplicate too", semantic) \
    X(TIME_WAIT_NO_TIMESTAMP,   \
      "only a higher number ends TIME-WAIT, whatever its timestamp", liveness) \
    X(MSS_IGNORED, "the MSS that the peer names is not heeded", semantic) \
    X(MSS_NOT_OFFERED, "a SYN carries no MSS option", semantic) \
    X(MSS_OF_THE_LINK, "a peer that names no MSS is taken to take what the link does", semantic) \
    X(MTU_OF_FIRST_LINK, "the MTU is that of the first link whatever link is taken", semantic) \
    X(MSS_IS_MTU, "the MSS offered leaves no room for headers", semantic) \
    X(NAGLE_ALWAYS, "Nagle cannot be turned off", semantic) \
    X(R1_SILENT, "nothing is told of a peer that does not answer, until it is given up", semantic) \
    X(R1_AT_ONCE, "the first retransmission is told as trouble", semantic) \
    X(R2_AT_R1, "a connection is given up at R1", semantic) \
    X(R2_NEVER, "a peer that does not answer is never given up", resource) \
    X(R2_OF_TEXT, "a SYN is given up as early as text", semantic) \
    X(USER_TIMEOUT_IGNORED, "the user timeout is not heeded", resource) \
    X(KEEPALIVE_NEVER, "keep-alive that is asked for does nothing", liveness) \
    X(KEEPALIVE_BUSY, "a keep-alive goes out however lately the peer was heard", semantic) \
    X(KEEPALIVE_FIXED, "the keep-alive interval is two hours whatever is set", semantic) \
    X(KEEPALIVE_SOON, "keep-alive begins after ten minutes unless told otherwise", semantic) \
    X(KEEPALIVE_TEXT, "a keep-alive carries an octet", semantic) \
    X(URGENT_UNMARKED, "urgent text goes out as any other", semantic) \
    X(URGENT_OWN_SEGMENT, "an urgent pointer past its own segment is ignored", semantic) \
    X(URGENT_UNTOLD, "the user is not told that the urgent pointer advances", semantic) \
    X(URGENT_LEFT_FROM_NEXT, "what is left of urgent text is counted from RCV.NXT", semantic) \
    X(USABLE_WINDOW_UNSIGNED, "a usable window below zero is taken for a huge one", semantic) \
    X(RETRANSMIT_BEYOND_EDGE, "a retransmission does not heed the window", semantic) \
    X(PROBE_LATE, "the first window probe waits for five timeouts", semantic) \
    X(ACK_AT_ONCE, "every segment is acknowledged by itself", semantic) \
    X(ACK_PER_SEGMENT, "segments that arrive together are answered one by one", semantic) \
    X(ACK_FOR_HOLE_WAITS, "the ACK for text beyond a hole may wait", semantic) \
    X(LISTEN_FIRST, "a segment is for a listener before it is for a connection", semantic) \
    X(LOCAL_ADDRESS_IGNORED, "the local address of an OPEN is not heeded", semantic) \
    X(SOURCE_FIRST, "the host's first address is the source for any destination", semantic) \
    X(SOURCE_PER_SEGMENT, "each segment has the address that suits its destination now", semantic) \
    X(OPEN_TO_GROUP, "an OPEN to a broadcast or multicast address is tried", semantic) \
    X(MORE_IGNORED, "text that is not pushed goes at once", semantic) \
    X(UNPUSHED_WAITS, "text that is not pushed waits until more comes", liveness) \
    X(PUSH_EVERYWHERE, "PSH is set on every segment with text", semantic) \
    X(SOFT_ERROR_UNTOLD, "ICMP errors that end nothing are not told either", semantic) \
    X(SOFT_ERROR_REPEATED, "a soft error is told again whenever the user asks", semantic) \
    X(SOFT_ERROR_ENDS, "a soft ICMP error ends a connection being opened", semantic) \
    X(DIFFSERV_IGNORED, "the Diffserv field is zero whatever is set", semantic) \
    X(DIFFSERV_OF_HOST,   \
      "the Diffserv field is that of the host, whatever the connection's is", semantic) \
    X(DIFFSERV_PRECEDENCE, "only the three bits of the old precedence are sent", semantic) \
    X(TTL_FIXED, "the TTL is 64 whatever is set", semantic) \
    X(IP_OPTIONS_COUNTED_TWICE, "IP options are not taken off the datagram's length", memory) \
    X(SOURCE_QUENCH_HEEDED, "Source Quench is taken for an error", semantic) \
    X(GROUP_ANSWERED, "a segment for a multicast address is answered", semantic) \
    X(TCP_OFFSET_TRUSTED, "a data offset past the end of the segment is believed", memory) \
    X(IP_LENGTH_TRUSTED, "an IPv4 length past the end of the frame is believed", memory) \
    X(IP6_LENGTH_TRUSTED, "an IPv6 length past the end of the frame is believed", memory) \
    X(EXTENSION_LENGTH_TRUSTED,   \
      "an extension header's length past the end of the datagram is believed", memory) \
    X(ARP_SHORT, "an ARP packet is read whole, however short it is", memory) \
    X(ICMP_SHORT, "an ICMP header is read whole, however short the message is", memory) \
    X(ICMP_QUOTE_TRUSTED, "an ICMP error is taken to quote a whole TCP header", memory) \
    X(CHECKSUM_ODD_OVERREAD, "the checksum of an odd length takes in the octet behind", memory) \
    X(FRAGMENT_BEYOND_END, "a fragment may end beyond the largest datagram", memory) \
    X(RECEIVE_BEYOND_ROOM, "RECEIVE copies all there is, however small the user's buffer", memory) \
    X(STALE_HANDLE, "a handle given back reaches the connection that came after", memory) \
    X(SYN_TEXT_DROPPED, "text that came with a SYN is thrown away", semantic) \
    X(LISTEN_ANSWERS_ANYTHING, "a listener resets what has neither SYN nor ACK", semantic) \
    X(LISTEN_TAKES_FIN, "a FIN wakes a listener as a SYN does", semantic) \
    X(RST_ENDS_OPEN, "a RST that acknowledges nothing refuses an OPEN", semantic) \
    X(SYN_ACK_OF_ALL, "an ACK of a part of the text in a SYN does not count", liveness) \
    X(SYN_SENT_WITHOUT_SYN, "an ACK without a SYN establishes an OPEN", semantic) \
    X(CLOSING_DEAF_TO_RST, "a RST in CLOSING and LAST-ACK is not heeded", resource) \
    X(SYN_RECEIVED_CHALLENGES, "a SYN in the window of SYN-RECEIVED changes nothing", semantic) \
    X(ACK_BIT_NOT_NEEDED, "text without the ACK bit is taken", semantic) \
    X(CLOSING_STAYS, "the ACK of the FIN is not heeded in CLOSING", liveness) \
    X(LAST_ACK_ANY, "any ACK ends LAST-ACK", semantic) \
    X(CLOSING_PASSED_BY,   \
      "a FIN in FIN-WAIT-1 leads to TIME-WAIT whatever it acknowledges", semantic) \
    X(RESERVED_REFUSED, "a segment with a reserved bit set is dropped", semantic) \
    X(URGENT_WITHOUT_URG, "the urgent pointer counts without its bit", semantic) \
    X(ZERO_WINDOW_SILENT, "text that comes into a closed window is not answered", liveness) \
    X(LAST_TEXT_DROPPED, "CLOSE in CLOSE-WAIT drops what is queued", semantic) \
    X(ABORT_SILENT, "ABORT tells the peer nothing", liveness) \
    X(ABORT_RESETS_ALWAYS,   \
      "ABORT sends a RST where the peer has sent its FIN and has ours", semantic) \
    X(END_BEFORE_TEXT, "RECEIVE tells the end of the text before the text", semantic) \
    X(SEND_AFTER_CLOSE, "SEND takes text after CLOSE", semantic) \
    X(SELF_CONNECT, "a socket may be connected to itself", liveness) \
    X(CROSSING_SYN_REFUSED, "the SYN,ACK that crosses ours is refused for its number", liveness) \
    X(RECEIVE_QUEUE_SHORT, "the last octet of a page is copied from the page behind it", memory) \
    X(REASSEMBLY_UNBOUNDED, "blocks are added past the end of their page", memory) \
    X(REASSEMBLY_PER_OCTET, "the list of blocks is searched for each octet of text", resource) \
    X(ACCEPT_TWICE, "a connection accepted stays in the listener's queue", resource) \
    X(ICMP_ABOUT_ICMP, "an ICMP error is answered by an ICMP error", liveness) \
    X(ICMP_NO_LIMIT, "ICMP errors are sent however many are asked for", resource) \
    X(ICMP_LIMIT_GLOBAL, "the limit of ICMP errors is one for all destinations", leak) \
    X(ICMP_QUOTES_BEYOND, "an ICMP error quotes eight octets of a shorter payload", memory) \
    X(LAST_PAGE_TAKEN, "the page that sending text takes goes to something else", liveness) \
    X(PATH_OF_ANOTHER, "a passive OPEN keeps the path MTU of the peer before", semantic) \
    X(FAST_OPEN_OF_ANOTHER, "a fast open counts for whoever has its listener's TCB", semantic) \
    X(WSCALE_OVER_BUFFER, "a scale that makes every window 0 is offered", liveness) \
    X(EDGES_STAY, "RECOVER stays behind until half of all numbers have gone by", semantic) \
    X(GATHER_SHORT, "text in more pieces than are handed out is cut off", semantic) \
    X(GATHER_STALE, "text of a segment that was held back follows another frame", semantic) \
    X(HOLE_TAKES_ALL, "text beyond a hole may take the last page", liveness) \
    X(ECN_FLIGHT_LEFT, "a mark counts what its ACK left in flight", semantic) \
    X(PMTU_ANY, "a path MTU under what every IPv6 link takes is believed", semantic) \
    X(PMTU_CREDULOUS, "a path MTU is believed though larger segments have just arrived", semantic) \
    X(PMTU_PROBE_CONGESTS, "the loss of a path MTU probe alone is taken for congestion", semantic) \
    X(PMTU_SILENT, "what was too big for the path is not sent again", liveness) \
    X(FRAGMENT_ID_FIXED, "all datagrams sent in pieces have one identification", semantic) \
    X(FRAGMENT_OVERLAP, "overlapping fragments are put together", semantic) \
    X(FRAGMENT_HOLE, "a datagram is whole once its last fragment is there", leak) \
    X(FRAGMENT_PAGE_LEAK, "what waited for more fragments is kept for ever", resource) \
    X(FRAGMENT_FLOOD, "fragments may fill the whole pool", resource) \
    X(FRAGMENT_LATE, "Time Exceeded is sent without the first fragment", semantic) \
    X(EXTENSION_CHAIN, "IPv6 extension headers are followed without limit", resource) \
    X(EXTENSION_OPTION, "an unknown IPv6 option is skipped whatever its type asks", semantic) \
    X(WEAK_HOST, "a link brings datagrams for the addresses of another link", semantic) \
    X(OWN_SOURCE, "the wire may bring datagrams from our own addresses", semantic) \
    X(ND_FAR, "Neighbour Discovery from beyond a router is believed", semantic) \
    X(MLD_FAR, "a listener query that may have passed a router is answered", semantic) \
    X(ND_OVERRIDES, "an advertisement moves an entry that it is not to override", semantic) \
    X(NEIGHBOUR_FLOOD, "addresses that never answer push out neighbours in use", liveness) \
    X(NEIGHBOUR_UNCONFIRMED, "a neighbour is asked though its ACKs show the way works", semantic) \
    X(NEIGHBOUR_FOREVER, "a neighbour once known is never asked for again", liveness) \
    X(DAD_DEAF, "an address serves though somebody has claimed it", semantic) \
    X(DEMUX_PORT_IGNORED, "a connection is looked up without the remote port", semantic) \
    X(RESET_KEEPS_LIMITS, "a host that was reset remembers its limits on ICMP errors", leak)

#ifdef RS_BUGS
enum rs_bug {
    RS_BUG_NONE,
#define RS_BUG_ENUM(name, text, class) RS_BUG_##name,
    RS_BUG_LIST(RS_BUG_ENUM)
#undef RS_BUG_ENUM
    RS_N_BUGS
};
extern enum rs_bug rs_bug; /* chosen before rs_init, by TCPRIG_BUG or rs_bug_choose */
bool rs_bug_choose(const char *name); /* "fin-not-counted"; false when there is none such */
#define BUG(name) (rs_bug == RS_BUG_##name)
#else
#define BUG(name) false
#endif

#endif
