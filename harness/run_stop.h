/* Ctrl-C in the middle of many cases: what was judged is reported, and nobody is left behind. */
#ifndef HARNESS_RUN_STOP_H
#define HARNESS_RUN_STOP_H

/* From now on SIGINT and SIGTERM are only noted. */
void stop_watch(void);
/* The signal that came since, or 0. */
int stop_signal(void);
/* They do again what they did before: in a worker, and when all is done. */
void stop_unwatch(void);

#endif
