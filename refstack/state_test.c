/* The state diagram: the transitions of RFC 9293 and no other, and who hears of them. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "refstack/host.h"
#include "refstack/peer.h"

/* Written from section 3.3.2's figure and the text of section 3.10, apart from the table tested. */
static const char *const diagram[] = {
    "CLOSED > LISTEN",            /* passive OPEN */
    "CLOSED > SYN-SENT",          /* active OPEN */
    "LISTEN > SYN-RECEIVED",      /* SYN */
    "LISTEN > SYN-SENT",          /* SEND, or an active OPEN */
    "LISTEN > CLOSED",            /* CLOSE */
    "SYN-SENT > SYN-RECEIVED",    /* SYN */
    "SYN-SENT > ESTABLISHED",     /* SYN,ACK */
    "SYN-SENT > CLOSED",          /* CLOSE, RST, timeout */
    "SYN-RECEIVED > ESTABLISHED", /* ACK of the SYN */
    "SYN-RECEIVED > FIN-WAIT-1",  /* CLOSE */
    "SYN-RECEIVED > LISTEN",      /* RST, when it was opened passively */
    "SYN-RECEIVED > CLOSED",      /* RST, ABORT, timeout */
    "ESTABLISHED > FIN-WAIT-1",   /* CLOSE */
    "ESTABLISHED > CLOSE-WAIT",   /* FIN */
    "ESTABLISHED > CLOSED",
    "FIN-WAIT-1 > FIN-WAIT-2",    /* ACK of the FIN; with a FIN, TIME-WAIT comes next */
    "FIN-WAIT-1 > CLOSING",       /* FIN */
    "FIN-WAIT-1 > CLOSED",
    "FIN-WAIT-2 > TIME-WAIT",     /* FIN */
    "FIN-WAIT-2 > CLOSED",
    "CLOSE-WAIT > LAST-ACK",      /* CLOSE */
    "CLOSE-WAIT > CLOSED",
    "CLOSING > TIME-WAIT",        /* ACK of the FIN */
    "CLOSING > CLOSED",
    "LAST-ACK > CLOSED",          /* ACK of the FIN */
    "TIME-WAIT > CLOSED",         /* 2 MSL */
};

static bool in_diagram(enum rs_state from, enum rs_state to)
{
    const char *a = rs_state_name(from), *b = rs_state_name(to);

    for (unsigned i = 0; i < sizeof diagram / sizeof diagram[0]; i++)
        if (strncmp(diagram[i], a, strlen(a)) == 0 &&
            strncmp(diagram[i] + strlen(a), " > ", 3) == 0 &&
            strcmp(diagram[i] + strlen(a) + 3, b) == 0)
            return true;
    return false;
}

/* Whether the host ends the program rather than go from the one to the other.  Only a mistake of
 * the stack's own could ask for that, so it is asked for here by hand, in a child. */
static bool aborts(enum rs_state from, enum rs_state to)
{
    const pid_t child = fork();
    int status_of_child = 0;

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        plain_up();
        passive_open();
        p.host->tcb[0].state = from;
        tcb_set_state(p.host, &p.host->tcb[0], to);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status_of_child, 0), child);
    return WIFSIGNALED(status_of_child) && WTERMSIG(status_of_child) == SIGABRT;
}

static void a_transition_that_the_diagram_lacks_ends_the_program(void **unused)
{
    (void)unused;
    for (int from = 0; from < RS_N_STATES; from++)
        for (int to = 0; to < RS_N_STATES; to++)
            assert_int_equal(aborts((enum rs_state)from, (enum rs_state)to),
                             !in_diagram((enum rs_state)from, (enum rs_state)to));
}

struct seen {
    char text[512];
};

static void note(void *arg, const struct rs_observation *o)
{
    struct seen *s = arg;

    if (o->what != RS_OBS_STATE)
        return;
    assert_true(in_diagram(o->from, o->to));
    strcat(s->text, " > ");
    strcat(s->text, rs_state_name(o->to));
}

/* A whole life, as an observer hears of it. */
static void an_observer_hears_of_each_state(void **unused)
{
    struct seen s = { "CLOSED" };

    (void)unused;
    plain_up();
    rs_observe(p.host, note, &s);
    in_time_wait();
    to_deadline();
    assert_string_equal(s.text, "CLOSED > SYN-SENT > ESTABLISHED > FIN-WAIT-1 > FIN-WAIT-2 > "
                                "TIME-WAIT > CLOSED");
    rs_observe(p.host, NULL, NULL);
    established();
    assert_string_equal(s.text, "CLOSED > SYN-SENT > ESTABLISHED > FIN-WAIT-1 > FIN-WAIT-2 > "
                                "TIME-WAIT > CLOSED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transition_that_the_diagram_lacks_ends_the_program),
        cmocka_unit_test(an_observer_hears_of_each_state),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_down();
    return failed;
}
