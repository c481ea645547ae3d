/* A user and network namespace of the process's own.
 *
 * A namespace has no name and no file: it lives as long as the processes in it, so that nothing is
 * left behind however they end.  Without privilege the kernel gives one together with a user
 * namespace; where it refuses that, root gets a plain network namespace. */
#ifndef HARNESS_NS_H
#define HARNESS_NS_H

#include <stdbool.h>
#include <stddef.h>

/* Why set-up failed, as one sentence for the user, and the exit status it asks for. */
struct ns_error {
    int status; /* 2: bad input; 77: this machine cannot */
    char text[400];
};

/* Fills in the error (if any is wanted) and returns -1. */
int ns_fail(struct ns_error *, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Moves the process into new namespaces with the loopback device up.  The process must have one
 * thread.  Returns 0 or -1. */
int ns_enter(struct ns_error *);
/* Only a further network namespace, for a process that is in its own user namespace already; the
 * loopback device is up.  The old one can be returned to with setns on ns_current's descriptor. */
int ns_enter_net(struct ns_error *);
/* A descriptor of the network namespace the process is in; -1 and errno when /proc is not there. */
int ns_current(void);

/* Writes a sysctl by its dotted name, as sysctl(8) does. */
int ns_sysctl(const char *name, const char *value, struct ns_error *);

/* Asks the kernel to kill this process when its parent ends; false when that has happened
 * already. */
bool ns_die_with_parent(int parent_pid);

#endif
