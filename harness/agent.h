/* The agent: socket calls for a stack that lives in another process on a tap or tun device.
 *
 * A stack that `tcprig run --on tap:DEVICE:SOCKET` is to test offers a unix stream socket with this
 * protocol.  Each request and each answer is one line of words; text is hexadecimal, an address as
 * inet_pton(3) reads it, levels, options and flags are Linux's numbers.
 *
 *     reset LOCAL REMOTE MTU PORT SEED [NAME=VALUE]...   the stack begins anew, at address LOCAL
 *     socket                                     ok FD
 *     bind FD ADDRESS|* PORT                     ok 0
 *     listen FD BACKLOG                          ok 0
 *     accept FD                                  ok FD ADDRESS PORT
 *     connect FD ADDRESS PORT                    err EINPROGRESS, and later `ready`
 *     send FD FLAGS HEX|-                        ok COUNT
 *     recv FD FLAGS CAPACITY                     ok COUNT HEX|-
 *     shutdown FD HOW    close FD                ok 0
 *     setsockopt FD LEVEL OPTION VALUE           ok 0
 *     getsockopt FD LEVEL OPTION                 ok VALUE
 *     ready FD                                   ok BITS of poll(2)
 *     state ADDRESS PORT ADDRESS PORT            ok STATE, local end first: ok ESTABLISHED
 *     fdstate FD                                 ok STATE
 *     info FD NAME                               ok VALUE, named as in Linux's struct tcp_info
 *
 * Nothing blocks: `err EAGAIN`.  `err NAME` is a call that failed, by its errno; `no SENTENCE` is
 * what the stack does not offer, and makes the script `unsupported`. */
#ifndef HARNESS_AGENT_H
#define HARNESS_AGENT_H

#include <signal.h>

#include "harness/ns.h"
#include "harness/sut.h"

enum { AGENT_LINE = 2 * 65536 + 256, AGENT_TEXT = 65536 };

/* A stack behind the protocol, given as an adapter's table. */
struct agent {
    const struct sut_ops *ops;
    void *sut; /* NULL before the first reset */
};

/* Answers one line, which it takes apart; the answer has no line end. */
void agent_answer(struct agent *, char *line, uint64_t now, char *answer, size_t cap);
void agent_free(struct agent *);

/* Takes away the socket of a server before; anything else at that path stays. */
void agent_unlink(const char *path);

/* Runs a stack in virtual time in real time: on the tun device of that name, which is made when
 * there is none, and behind the unix socket at the path.  One client at a time.  Returns 0 once
 * *stop is set, or -1 with the reason. */
int agent_serve(const struct sut_ops *, const char *device, const char *path,
                const volatile sig_atomic_t *stop, struct ns_error *);

#endif
