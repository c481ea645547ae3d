/* Linux's struct tcp_info by the names of its members, as scripts and adapters use them. */
#ifndef HARNESS_TCPINFO_H
#define HARNESS_TCPINFO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* The C library's own has not what newer kernels tell. */
#include <linux/tcp.h>

/* The state as enum rs_state, or -1 when there is no such number. */
int tcpinfo_state(const struct tcp_info *);
/* False when it has no member of that name. */
bool tcpinfo_get(const struct tcp_info *, const char *name, int64_t *value);
/* Asks for each member by its name; what is not known is left 0. */
void tcpinfo_fill(struct tcp_info *, bool (*known)(void *, int fd, const char *, int64_t *),
                  void *sut, int fd);

#endif
