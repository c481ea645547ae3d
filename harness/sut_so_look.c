/* Whether a file is a packetdrill plug-in, found out in a process of its own: loading runs code of
 * the plug-in, which may crash or print. */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/sut_so.h"

static void look_here(const char *path, struct so_found *f)
{
    void *dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct plugin_more *more = dl ? dlsym(dl, PLUGIN_MORE_SYMBOL) : NULL;
    f->is_plugin = dl && dlsym(dl, PLUGIN_SYMBOL);
    f->takes_settings = more && more->takes_settings;
    f->tells_state = more && more->state;
    if (!dl)
        snprintf(f->why, sizeof(f->why), "%s", dlerror());
    else if (!f->is_plugin)
        snprintf(f->why, sizeof(f->why), "%s has no symbol %s", path, PLUGIN_SYMBOL);
}

struct so_found so_look(const char *path)
{
    struct so_found f = { .why = "loading it ended the process" };
    int end[2];
    fflush(NULL);
    if (pipe(end) < 0)
        return f;
    const pid_t pid = fork();
    if (pid == 0) {
        look_here(path, &f);
        _exit(write(end[1], &f, sizeof(f)) != sizeof(f));
    }
    close(end[1]);
    struct so_found told;
    if (pid > 0 && read(end[0], &told, sizeof(told)) == sizeof(told))
        f = told;
    close(end[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return f;
}
