/* Two translators as peers of the transfer benchmark.  Each gives a namespace a tap device and is
 * a TCP to it; behind, it is a client of the sockets of the namespace it runs in. */
#ifndef INTEROP_BENCH_TRANSFER_PEERS_H
#define INTEROP_BENCH_TRANSFER_PEERS_H

static inline bool has_device(const char *name, bool wanted)
{
    for (int i = 0; i < 300; i++, usleep(10000))
        if ((if_nametoindex(name) != 0) == wanted)
            return true;
    return false;
}

/* Starts a program that ends with this process and is not heard. */
static inline pid_t start_quiet(const char *const *argv)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int quiet = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(quiet, fd);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static inline bool installed(const char *name, char *why, size_t cap)
{
    char path[128];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", i ? "/usr/local/bin" : "/usr/bin", name);
        if (access(path, X_OK) == 0)
            return true;
    }
    snprintf(why, cap, "no %s", name);
    return false;
}

/* A namespace with slirp4netns's tap device in it, as a descriptor. */
static inline int start_slirp(char *why, size_t cap)
{
    struct ns_error error;
    char path[64];
    int home = ns_current();
    if (!installed("slirp4netns", why, cap))
        return -1;
    if (ns_enter_net(&error) < 0)
        bench_unsupported(&error);
    int ns = ns_current();
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), ns);
    bench_enter(home);
    start_quiet((const char *const[]){ "slirp4netns", "-c", "-m", "65520", "--netns-type=path",
                                       path, "s0", NULL });
    bench_enter(ns);
    if (!has_device("s0", true))
        snprintf(why, cap, "slirp4netns made no device");
    usleep(100000); /* its address comes after the device */
    bench_enter(home);
    close(home);
    return ns;
}

/* The first child of a process, once it has one. */
static inline pid_t child_of(pid_t pid)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    for (int i = 0; i < 300 && child == 0; i++, usleep(10000)) {
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%d", &child) != 1)
            child = 0;
        if (f)
            fclose(f);
    }
    return child;
}

/* pasta, which is passt on a tap device, wants to see a link with a default route, and makes the
 * namespace itself. */
static inline int start_passt(char *why, size_t cap)
{
    struct ns_error error;
    struct rtnl rt;
    char path[64];
    const struct rs_addr own = rs_ip4(10, 9, 0, 2), gateway = rs_ip4(10, 9, 0, 1);
    int home = ns_current();
    if (!installed("pasta", why, cap))
        return -1;
    if (tapdev_open("d0", RS_LINK_ETHERNET, &error) < 0 || rtnl_open(&rt) < 0)
        bench_unsupported(&error);
    if (rtnl_addr_add(&rt, "d0", &own, 24) < 0 ||
        rtnl_link_set(&rt, "d0", &(struct rtnl_link){ .up = true }) < 0 ||
        rtnl_route_add(&rt, "d0", &(struct rs_addr){ .version = 4 }, 0, &gateway) < 0)
        bench_die("a link for passt");
    rtnl_close(&rt);
    pid_t pasta = start_quiet((const char *const[]){
        "pasta", "-f", "--runas", "0", "--config-net", "-I", "p0", "-i", "d0", "-4", "-m", "65520",
        "-t", "none", "-u", "none", "-T", "none", "-U", "none", "sleep", "100", NULL });
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)child_of(pasta));
    int ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0 || setns(ns, CLONE_NEWNET) < 0 || !has_device("p0", true))
        snprintf(why, cap, "pasta made no device");
    usleep(100000);
    bench_enter(home);
    close(home);
    return ns;
}

#endif
