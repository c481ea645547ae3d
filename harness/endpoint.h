/* The endpoint: a refstack host on a tap or tun device of the current namespace, with applications
 * on it, for programs of this machine to talk to. */
#ifndef HARNESS_ENDPOINT_H
#define HARNESS_ENDPOINT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/endpoint_apps.h"
#include "harness/ns.h"
#include "harness/pcapng.h"
#include "harness/pump.h"

enum { ENDPOINT_SERVICES = 8 };

struct endpoint_config {
    struct rs_config host;      /* its addr and prefix_len are refstack's */
    const char *device;         /* name of the tap or tun device */
    struct rs_addr kernel_addr; /* of the kernel's side; version 0: set up already */
    struct fault_rates rates[2]; /* by enum pump_dir */
    struct {
        enum app_service service;
        uint16_t port; /* 0: none */
    } serve[ENDPOINT_SERVICES];
    struct http_file file;
    const char *pcapng; /* records every frame there; or NULL */
};

struct endpoint {
    struct rs_host *host;
    int device;
    struct pump pump;
    struct apps apps;
    struct pcapng pcapng;
    bool recording;
    uint64_t started;
    char comment[512]; /* what the host went through since the last frame */
};

/* Ethernet, 10.0.0.2/24 for refstack, 10.0.0.1 for the kernel, device tap0, the services on the
 * ports that the RFCs give them. */
void endpoint_config_default(struct endpoint_config *);
/* Creates device and host, starts the services.  0, or -1 with the reason. */
int endpoint_start(struct endpoint *, const struct endpoint_config *, struct ns_error *);
/* 0 or the negative errno of the recording. */
int endpoint_stop(struct endpoint *);

/* Starts a program in this namespace; it and all it starts end with this process.  in and out
 * replace its standard input and output unless negative.  The process id, or -1 and errno.  One
 * program per process: its process namespace cannot be used again once it has ended. */
pid_t endpoint_spawn(const char *const *argv, int in, int out);
/* Serves until the program ends (pid 0: for ever), *stop is set or the time has come.  True with
 * its wait status when it ended; otherwise false, and the program is killed. */
bool endpoint_serve(struct endpoint *, pid_t, const volatile sig_atomic_t *stop, rs_time until,
                    int *status);

#endif
