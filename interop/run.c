#include "interop/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/ns.h"
#include "harness/pcapng_case.h"
#include "harness/pump.h"
#include "harness/report.h"
#include "interop/known.h"
#include "interop/publish.h"
#include "interop/tools.h"

/* A case that failed while the machine did not run it for this long, at once or in all, may have
 * met timers that fired for that reason alone; it is tried again, at most this often.  One that is
 * known to fail has done what was expected. */
enum { STALL = 20 * 1000, ATTEMPTS = 3 };
/* Exit status of a case's process: it asks for another try; it lost memory. */
enum { AGAIN = 3, LEAKED = 4 };
enum { LIMIT = 60, SLOW_LIMIT = 180 }; /* seconds */

struct running {
    struct interop_jobs *jobs;
    const struct interop_options *options;
    struct result *result;
    struct tap tap;
    char *folder; /* where captures go */
    bool keep_all;
    int now, busy; /* cases running; those of them that keep a processor busy */
};

/* ---- In the process of one case --------------------------------------------------------- */

static struct result_case *new_case(const struct interop_job *job, struct result *r)
{
    const char *a = job->cast.stack[END_A]->name, *b = job->cast.stack[END_B]->name;
    char *sut = result_text("%s x %s", a, b);
    struct result_case *c = result_case(r, "interop", job->name, sut, job->cast.ip_version);
    char *role = result_text("A is %s", job->cast.swapped ? b : a);
    if (job->source)
        case_file(c, job->source->path);
    if (job->source && job->source->roles)
        case_role(c, role);
    free(role);
    free(sut);
    return c;
}

bool interop_play(const struct interop_job *job, struct result *r)
{
    static struct play play;
    struct ns_error error;
    struct result_case *c = new_case(job, r);
    if (job->source && job->source->error) {
        case_verdict(c, VERDICT_ERROR, "%s", job->source->error);
        return false;
    }
    if (ns_enter(&error) < 0) {
        case_verdict(c, VERDICT_UNSUPPORTED, "%s", error.text);
        return false;
    }
    const uint64_t waited = clock_waited();
    if (job->tool)
        interop_tool_play(job->tool, job->cast.ip_version, c);
    else
        play_case(&play, job->source->script, job->source->text, &job->cast, &job->config, c);
    const bool late = play.stalled > STALL || clock_waited() - waited > STALL;
    return late && !job->known && (c->verdict == VERDICT_FAIL || c->verdict == VERDICT_ERROR);
}

/* Of the address sanitizer's runtime: reports memory that nothing points to, and whether there was
 * any.  Absent from other builds. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static void child(const struct running *run, const struct interop_job *job, char *capture,
                  int parent)
{
    const bool keep_all = run->keep_all;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!ns_die_with_parent(parent))
        _exit(1);
    struct result *r = result_new("interop case");
    bool again = interop_play(job, r);
    struct result_case *c = r->cases[0];
    bool wanted = capture && c->n_rows > 0 && (keep_all || c->verdict != VERDICT_PASS);
    char *log = keep_all && capture ? result_text("%.*slog.txt", (int)(strrchr(capture, '/') + 1 -
                                                                       capture), capture) : NULL;
    if (log && publish_folders(log) == 0 && publish_log(c, log) == 0)
        case_artefact(c, "log", log);
    free(log);
    if (wanted && pcapng_case(c, capture) == 0)
        case_artefact(c, "pcapng", capture);
    /* Nobody reads them, and each later case's process would begin as a copy of them all. */
    if (!run->options->traced)
        case_forget_rows(c);
    int status = again ? AGAIN : 0;
    if (report_json(r, job->answer) < 0)
        status = 1;
    fflush(job->answer);
    free(capture);
    result_free(r);
    /* The check needs a thread that a process with a namespace of process ids cannot have. */
    bool checked = !job->tool && job->cast.stack[END_B]->kind != STACK_TRANSLATOR;
    if (checked && __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
        status = LEAKED;
    _exit(status);
}

/* ---- In the process that runs them all -------------------------------------------------- */

static volatile sig_atomic_t stopped_by; /* a signal, or 0 */

static void on_stop(int sig)
{
    stopped_by = sig;
}

static bool is_busy(const struct interop_job *job)
{
    return job->source && job->source->busy;
}

/* With --keep a cell has a folder of its own; else what failed lies in one for all. */
static char *capture_path(const struct running *run, const struct interop_job *job)
{
    if (run->keep_all) {
        char *cell = publish_path(run->folder, job);
        char *kept = result_text("%s/wire.pcapng", cell);
        free(cell);
        return kept;
    }
    char *path = result_text("%s/%s-%s-ip%d.pcapng", run->folder, job->name,
                             job->cast.stack[END_B]->name, job->cast.ip_version);
    for (char *p = path + strlen(run->folder) + 1; *p; p++)
        if (*p == '/' || *p == ':')
            *p = '-';
    return path;
}

static void start(struct running *run, struct interop_job *job)
{
    int parent = (int)getpid();
    char *capture = run->folder ? capture_path(run, job) : NULL;
    job->answer = tmpfile();
    job->attempts++;
    job->started = pump_now();
    tap_running(&run->tap, job->name);
    fflush(NULL);
    job->pid = job->answer ? fork() : -1;
    if (job->pid == 0)
        child(run, job, capture, parent);
    free(capture);
    run->now++;
    run->busy += is_busy(job);
}

static void broken(struct running *run, const struct interop_job *job, const char *why)
{
    struct result_case *c = new_case(job, run->result);
    case_verdict(c, VERDICT_ERROR, "%s", why);
    c->seconds = (double)(pump_now() - job->started) / 1e6;
}

static void tidy_capture(const struct running *run, const struct interop_job *job,
                         const struct result_case *c)
{
    if (!run->folder || run->keep_all || c->verdict != VERDICT_PASS)
        return;
    char *capture = capture_path(run, job);
    unlink(capture);
    free(capture);
}

/* Takes over what the case's process wrote; without it, says how that process ended. */
static void collect(struct running *run, struct interop_job *job, int status)
{
    char why[512];
    struct result *r = NULL;
    rewind(job->answer);
    if (WIFEXITED(status))
        r = report_read(job->answer, job->name, why, sizeof why);
    else
        snprintf(why, sizeof why, "the case's process ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    if (r)
        result_merge(run->result, r);
    else
        broken(run, job, why);
    struct result_case *c = run->result->cases[run->result->n_cases - 1];
    if (c->verdict == VERDICT_PASS && job->attempts > 1)
        case_verdict(c, VERDICT_PASS, "at attempt %d; before, it failed while the machine did not "
                     "run it for over %d ms", job->attempts, STALL / 1000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == LEAKED)
        case_verdict(c, VERDICT_ERROR, "the case's process lost memory: the report is on stderr");
    else if (job->known)
        interop_known_judge(job->known, c);
    tidy_capture(run, job, c);
    tap_case(&run->tap, c);
}

static void ended(struct running *run, struct interop_job *job, int status)
{
    run->now--;
    run->busy -= is_busy(job);
    job->pid = 0;
    bool again = WIFEXITED(status) && WEXITSTATUS(status) == AGAIN && job->attempts < ATTEMPTS;
    if (!again) {
        job->done = true;
        collect(run, job, status);
    }
    fclose(job->answer);
}

/* The cases that take longest begin first: slow ones, bulk ones, one per processor, and those that
 * wait for a timer; what is over at once fills the gaps. */
static int rank_of(const struct interop_job *job)
{
    if (job->config.slow)
        return 3;
    return job->source && job->source->bulk ? 2 : job->source && job->source->waits;
}

static struct interop_job *next_job(struct running *run, int processors)
{
    struct interop_job *best = NULL;
    int best_rank = -1;
    for (size_t i = 0; i < run->jobs->n; i++) {
        struct interop_job *job = &run->jobs->job[i];
        bool busy = is_busy(job) && run->busy >= processors;
        int rank = rank_of(job);
        if (job->pid || job->done || busy || rank <= best_rank)
            continue;
        best = job;
        best_rank = rank;
    }
    return best;
}

static void end_overdue(struct running *run)
{
    for (size_t i = 0; i < run->jobs->n; i++) {
        struct interop_job *job = &run->jobs->job[i];
        uint64_t limit = (uint64_t)(job->config.slow ? SLOW_LIMIT : LIMIT) * RS_SEC;
        if (job->pid > 0 && pump_now() - job->started > limit)
            kill(job->pid, SIGKILL);
    }
}

static void reap(struct running *run)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < run->jobs->n; i++)
            if (run->jobs->job[i].pid == pid)
                ended(run, &run->jobs->job[i], status);
}

/* Sleeps until a child ends, or for a while: SIGCHLD is blocked, so that none is missed. */
static void sleep_for_child(const sigset_t *chld)
{
    const struct timespec a_while = { .tv_nsec = 200 * 1000 * 1000 };
    sigtimedwait(chld, NULL, &a_while);
}

static void run_all(struct running *run)
{
    sigset_t chld, before;
    struct interop_job *job;
    int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, &before);
    while (!stopped_by) {
        while (run->now < run->options->jobs && (job = next_job(run, processors)) != NULL) {
            start(run, job);
            if (job->pid < 0) {
                run->now--;
                run->busy -= is_busy(job);
                job->done = true;
                broken(run, job, "cannot start a process for the case");
            }
        }
        if (run->now == 0)
            break;
        sleep_for_child(&chld);
        reap(run);
        end_overdue(run);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Ctrl-C: the cases' processes end, and their namespaces with them. */
static void end_all(struct running *run)
{
    for (size_t i = 0; i < run->jobs->n; i++)
        if (run->jobs->job[i].pid > 0)
            kill(run->jobs->job[i].pid, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

/* Captures go into the folder asked for, or into a fresh one that is removed if it stays empty. */
static char *make_folder(const struct interop_options *options)
{
    const char *tmp = getenv("TMPDIR");
    if (options->keep)
        return result_text("%s", options->keep);
    char *folder = result_text("%s/tcprig-interop.XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(folder))
        return folder;
    free(folder);
    return NULL;
}

int interop_run(struct interop_jobs *jobs, const struct interop_options *options,
                struct result *result)
{
    struct running run = { .jobs = jobs, .options = options, .result = result,
                           .keep_all = options->keep != NULL };
    const struct sigaction stop = { .sa_handler = on_stop };
    struct sigaction before[2];
    uint64_t began = pump_now();
    run.folder = make_folder(options);
    sigaction(SIGINT, &stop, &before[0]);
    sigaction(SIGTERM, &stop, &before[1]);
    tap_begin(&run.tap, options->tap_aside ? stderr : stdout, jobs->n);
    run_all(&run);
    if (stopped_by)
        end_all(&run);
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
    result->seconds = (double)(pump_now() - began) / 1e6;
    int status = tap_end(&run.tap, result);
    if (run.folder && !run.keep_all)
        rmdir(run.folder); /* goes only when no case left a capture in it */
    free(run.folder);
    return stopped_by ? 128 + stopped_by : status;
}
