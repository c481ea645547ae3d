#include "harness/run_stop.h"

#include <signal.h>
#include <stddef.h>

static const int signals[] = { SIGINT, SIGTERM };
static struct sigaction before[2];
static volatile sig_atomic_t came;

static void note(int sig)
{
    came = sig;
}

void stop_watch(void)
{
    const struct sigaction noted = { .sa_handler = note };
    for (size_t i = 0; i < 2; i++) {
        sigaction(signals[i], NULL, &before[i]);
        /* Who started us in the background wants it ignored. */
        if (before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &noted, NULL);
    }
}

int stop_signal(void)
{
    return came;
}

void stop_unwatch(void)
{
    for (size_t i = 0; i < 2; i++)
        sigaction(signals[i], &before[i], NULL);
}
