#include "harness/run_suite.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/run_record.h"
#include "harness/run_stop.h"

/* ---- Workers ---------------------------------------------------------------------------- */

enum { MOST_ATTEMPTS = 8, FEW_AT_ONCE = 8 };

enum slot_state { SLOT_WAITING, SLOT_RUNNING, SLOT_AGAIN, SLOT_DONE };

struct slot {
    size_t turn; /* the case that is run as the n-th */
    _Atomic int state;
    pid_t worker;
    double began;
    double seconds;
    struct run_result result;
};

struct board {
    _Atomic size_t next;
    bool second; /* the second round, of what failed while many ran at once */
    char *records; /* folder of live runs' traces, or NULL */
    struct slot slot[];
};

double suite_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The seed depends on the case and not on the order, so that every -j gives the same octets. */
static uint64_t case_seed(const struct suite_options *opt, const struct suite_case *c)
{
    uint64_t h = opt->seed ^ UINT64_C(0xcbf29ce484222325);
    for (const char *p = c->name; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    return h;
}

/* Whether the failure is the one that is expected of this case. */
static bool is_known(const struct suite_options *opt, const struct suite_case *c,
                     const struct run_result *res)
{
    const struct expect_entry *known = opt->expect ? expect_find(opt->expect, c->path) : NULL;
    return known && strstr(res->reason, known->sign);
}

/* A pass too can be unexpected: what is not done twice within half a second is done on a machine
 * that takes longer. */
static bool as_expected(const struct suite_options *opt, const struct suite_case *c,
                        const struct run_result *res)
{
    if (res->verdict == VERDICT_FAIL)
        return is_known(opt, c, res);
    return res->verdict != VERDICT_PASS || !opt->expect || !expect_find(opt->expect, c->path);
}

/* What has to be recorded of it. */
static bool wanted(const struct suite_options *opt, enum verdict verdict)
{
    return opt->trace_all ? verdict != VERDICT_ERROR : opt->keep && verdict == VERDICT_FAIL;
}

static void run_once(const struct suite_case *c, const struct suite_options *opt,
                     struct result_case *trace, struct run_result *res)
{
    const struct run_options run = { .seed = case_seed(opt, c), .ip = c->ip, .trace = trace,
                                     .real_limit = opt->timeout_s * RS_SEC,
                                     .allow_shell = opt->allow_shell, .loose = opt->loose };
    run_script(c->script, opt->ops, &run, res);
}

/* One run, recorded where its verdict may count; true when that is settled by it. */
static bool run_recorded(const struct suite_case *c, const struct suite_options *opt,
                         struct board *b, size_t i)
{
    struct run_result *res = &b->slot[i].result;
    struct result *record = result_new("tcprig run");
    run_once(c, opt, result_case(record, "script", c->name, opt->ops->name, c->ip), res);
    if (wanted(opt, res->verdict))
        record_write(b->records, i, record);
    result_free(record);
    return as_expected(opt, c, res) && (res->verdict != VERDICT_FAIL || !res->stalled);
}

/* In real time two clocks may meet at one moment, and a loaded machine carries packets late: what
 * is unexpected is run again in the second round, and counts when it is seen three times there.
 * What fails while we run late has shown nothing, unless it goes on failing at that line. */
static void run_again(const struct suite_case *c, const struct suite_options *opt,
                      struct board *b, size_t i)
{
    const struct run_result *res = &b->slot[i].result;
    unsigned seen = 0, again = 0;
    uint32_t line = 0;
    for (int n = 0; n < MOST_ATTEMPTS; n++) {
        b->slot[i].began = suite_clock();
        if (run_recorded(c, opt, b, i))
            return;
        seen += !res->stalled;
        again = res->line == line ? again + 1 : 1;
        line = res->line;
        if (seen == 3 || again == 4 || (again == 2 && as_expected(opt, c, res)))
            return;
    }
}

/* The state the case is then in. */
static int run_case(const struct suite *s, const struct suite_options *opt, struct board *b,
                    size_t i)
{
    if (!opt->ops->wait)
        run_once(&s->item[i], opt, NULL, &b->slot[i].result);
    else if (b->second)
        run_again(&s->item[i], opt, b, i);
    else if (!run_recorded(&s->item[i], opt, b, i))
        return SLOT_AGAIN;
    return SLOT_DONE;
}

static void work(const struct suite *s, const struct suite_options *opt, struct board *b)
{
    for (size_t n; (n = atomic_fetch_add(&b->next, 1)) < s->n;) {
        const size_t i = b->slot[n].turn;
        struct slot *slot = &b->slot[i];
        if (b->second && atomic_load(&slot->state) != SLOT_AGAIN)
            continue;
        slot->worker = getpid();
        slot->began = suite_clock();
        atomic_store(&slot->state, SLOT_RUNNING);
        const int state = run_case(s, opt, b, i);
        slot->seconds = suite_clock() - slot->began;
        atomic_store(&slot->state, state);
    }
}

static pid_t start_worker(const struct suite *s, const struct suite_options *opt, struct board *b)
{
    fflush(NULL); /* or the child would write what is buffered a second time */
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    stop_unwatch();
    work(s, opt, b);
    _exit(0);
}

/* What became of the case that a worker was busy with when it ended. */
static void blame(const struct suite *s, struct board *b, pid_t pid, int status)
{
    for (size_t i = 0; i < s->n; i++) {
        struct slot *slot = &b->slot[i];
        if (slot->worker != pid || atomic_load(&slot->state) != SLOT_RUNNING)
            continue;
        slot->seconds = suite_clock() - slot->began;
        slot->result.verdict = VERDICT_ERROR;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            snprintf(slot->result.reason, RUN_REASON_SIZE,
                     "%s: it did not end in time; the stack hangs", s->item[i].path);
        else
            snprintf(slot->result.reason, RUN_REASON_SIZE, "%s: the stack crashed with %s %d",
                     s->item[i].path, WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        atomic_store(&slot->state, SLOT_DONE);
    }
}

/* Who hangs; everyone when we are to stop, and no case is begun any more. */
static void kill_hung(const struct suite *s, const struct suite_options *opt, struct board *b)
{
    const bool stop = stop_signal() != 0;
    if (stop)
        atomic_store(&b->next, s->n);
    for (size_t i = 0; i < s->n; i++)
        if (atomic_load(&b->slot[i].state) == SLOT_RUNNING &&
            (stop || suite_clock() - b->slot[i].began > opt->timeout_s))
            kill(b->slot[i].worker, SIGKILL);
}

/* ---- Results ---------------------------------------------------------------------------- */

static void tag_all(struct result_case *rc, const struct script *s)
{
    for (size_t i = 0; i < s->n_events; i++)
        if (s->event[i].kind == SC_TAGS)
            for (const struct sc_pair *p = s->event[i].u.pair; p; p = p->next)
                case_tag(rc, p->name);
}

static void report_one(const struct suite *s, const struct suite_options *opt,
                       const struct board *b, size_t i, struct result *out, struct tap *tap)
{
    const struct suite_case *c = &s->item[i];
    const struct slot *slot = &b->slot[i];
    const struct run_result *res = &slot->result;
    struct result_case *rc = result_case(out, "script", c->name, opt->ops->name, c->ip);
    const bool failed = res->verdict == VERDICT_FAIL;
    case_file(rc, c->path);
    case_actors(rc, "script", opt->ops->name);
    tag_all(rc, c->script);
    if (wanted(opt, res->verdict) && !opt->ops->wait) {
        struct run_result again;
        run_once(c, opt, rc, &again);
    } else if (wanted(opt, res->verdict)) {
        record_take(b->records, i, rc);
    }
    if (failed && opt->keep) {
        record_keep(rc, opt->keep, "pcapng");
        record_keep(rc, opt->keep, "ladder");
    }
    const char *pcap = failed && rc->n_artefacts ? rc->artefact[0].path : NULL;
    const struct expect_entry *known = opt->expect ? expect_find(opt->expect, c->path) : NULL;
    if (failed && is_known(opt, c, res))
        case_verdict(rc, VERDICT_EXPECTED_FAILURE, "%s", known->reason);
    else if (res->verdict == VERDICT_PASS && known)
        case_verdict(rc, VERDICT_FAIL, "%s: expected a failure (%s), got a pass; take the line out "
                                       "of %s", c->path, known->reason, opt->expect->path);
    else if (res->verdict == VERDICT_PASS)
        case_verdict(rc, VERDICT_PASS, NULL);
    else
        case_verdict(rc, res->verdict, "%s%s%s", res->reason, pcap ? "\n  pcapng: " : "",
                     pcap ? pcap : "");
    rc->seconds = slot->seconds;
    tap_case(tap, rc);
}

/* In order, as far as they are done, so that output does not depend on who was faster. */
static size_t report_done(const struct suite *s, const struct suite_options *opt, struct board *b,
                          size_t from, struct result *out, struct tap *tap)
{
    while (from < s->n && atomic_load(&b->slot[from].state) == SLOT_DONE) {
        report_one(s, opt, b, from, out, tap);
        from++;
    }
    return from;
}

struct length {
    uint64_t us;
    size_t item;
};

static int longer_first(const void *a, const void *b)
{
    const struct length *x = a, *y = b;
    if (x->us != y->us)
        return x->us < y->us ? 1 : -1;
    return x->item < y->item ? -1 : 1;
}

/* In real time the longest are begun first, so that none of them is waited for in the end. */
static void take_turns(const struct suite *s, const struct suite_options *opt, struct board *b)
{
    struct length *l = calloc(s->n + 1, sizeof(*l));
    if (!l)
        abort();
    for (size_t i = 0; i < s->n; i++)
        l[i] = (struct length){ opt->ops->wait ? run_least(s->item[i].script) : 0, i };
    qsort(l, s->n, sizeof(*l), longer_first);
    for (size_t i = 0; i < s->n; i++)
        b->slot[i].turn = l[i].item;
    free(l);
}

/* On a terminal: how many have a verdict, and one that has none yet. */
static void show(const struct suite *s, const struct board *b, struct tap *tap)
{
    size_t judged = 0, running = s->n;
    char line[80];
    if (!tap->live || suite_clock() < tap->shown + 0.1)
        return;
    for (size_t i = s->n; i-- > 0;) {
        const int state = atomic_load(&b->slot[i].state);
        judged += state == SLOT_DONE;
        running = state == SLOT_RUNNING ? i : running;
    }
    snprintf(line, sizeof(line), "%zu judged; %.50s", judged,
             running < s->n ? s->item[running].name : "");
    tap_running(tap, line);
    tap->shown = suite_clock();
}

/* Workers until all is done that this round is about; what is done is reported as it comes. */
static size_t run_round(const struct suite *s, const struct suite_options *opt, struct board *b,
                        unsigned jobs, size_t done, struct result *out, struct tap *tap)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < jobs && i < s->n; i++)
        alive += start_worker(s, opt, b) > 0;
    if (!alive)
        work(s, opt, b);
    while (alive) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            alive--;
            if (stop_signal())
                continue; /* it ended because we do */
            blame(s, b, pid, status);
            if (status != 0 && atomic_load(&b->next) < s->n)
                alive += start_worker(s, opt, b) > 0;
        } else {
            const struct timespec pause = { 0, 500000 };
            nanosleep(&pause, NULL);
            kill_hung(s, opt, b);
            show(s, b, tap);
        }
        done = report_done(s, opt, b, done, out, tap);
    }
    return report_done(s, opt, b, done, out, tap);
}

void suite_run(const struct suite *s, const struct suite_options *opt, struct result *out,
               struct tap *tap)
{
    const size_t size = sizeof(struct board) + s->n * sizeof(struct slot);
    struct board *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED)
        abort();
    take_turns(s, opt, b);
    if (opt->ops->wait && (opt->keep || opt->trace_all))
        b->records = record_folder();
    stop_watch();
    size_t done = run_round(s, opt, b, opt->jobs, 0, out, tap);
    if (done < s->n && !stop_signal()) {
        b->second = true;
        atomic_store(&b->next, 0);
        done = run_round(s, opt, b, opt->jobs < FEW_AT_ONCE ? opt->jobs : FEW_AT_ONCE, done, out,
                         tap);
    }
    while (done < s->n) /* stopped: behind a case without a verdict there are some with one */
        done = report_done(s, opt, b, done + 1, out, tap);
    stop_unwatch();
    record_folder_remove(b->records);
    munmap(b, size);
}
