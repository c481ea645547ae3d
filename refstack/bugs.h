/* Planted bugs: what the harness must catch to be believed.
 *
 * Each is a mistake a real stack has made or could make.  They exist only in builds with RS_BUGS;
 * there the variable below chooses one at run time, so that one build serves for all.  In every
 * other build BUG(x) is the constant false and the code behind it is gone.
 *
 * X(NAME, "text", class): class is semantic, liveness, memory, resource or leak. */
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
    X(RETRANSMIT_WRONG_OCTETS, "a retransmission starts one octet late in the queue", semantic)

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
