/* Debian's liblwip, loaded at run time, and its exact way back to the start.
 *
 * lwIP keeps everything in static variables.  They lie in one writable segment of some 12 KiB: its
 * octets after lwip_init are kept and put back, which takes a microsecond and leaves nothing of
 * the script before.  Several stacks in one process are several copies of the library: the loader
 * takes a copy in memory for a file of its own. */
#include "harness/sut_lwip.h"

#ifdef HAVE_LWIP

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <fcntl.h>
#include <unistd.h>

#define LWIP_FILE "liblwip.so.0"

static struct lwip_lib *spare; /* loaded copies that nobody uses */
static bool original_taken;

/* ---- Loading ---------------------------------------------------------------------------- */

/* The second copy and those after it, from a file in memory.  That one stays open, for the loader
 * takes a path that it has seen, with the number of a closed one in it, for the copy before. */
static void *load_copy(void *original)
{
    struct link_map *map;
    char path[64];
    struct { int in, out; } fd = { -1, memfd_create("liblwip", MFD_CLOEXEC) };
    void *dl = NULL;
    off_t size;
    if (dlinfo(original, RTLD_DI_LINKMAP, &map) == 0)
        fd.in = open(map->l_name, O_RDONLY | O_CLOEXEC);
    size = fd.in < 0 ? -1 : lseek(fd.in, 0, SEEK_END);
    if (fd.out >= 0 && size > 0 && lseek(fd.in, 0, SEEK_SET) == 0 &&
        sendfile(fd.out, fd.in, NULL, (size_t)size) == size) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd.out);
        dl = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (fd.in >= 0)
        close(fd.in);
    if (!dl && fd.out >= 0)
        close(fd.out);
    return dl;
}

/* A function's address through an object pointer: what POSIX wants of dlsym. */
static bool symbol(void *dl, const char *name, void *to, char *why, size_t cap)
{
    void *p = dlsym(dl, name);
    memcpy(to, &p, sizeof(p));
    if (!p)
        snprintf(why, cap, "this liblwip has no %s; install Debian's liblwip0", name);
    return p != NULL;
}

static bool bind_symbols(struct lwip_lib *l, void *dl, char *why, size_t cap)
{
#define LWIP_SYMBOL(name) ok = ok && symbol(dl, #name, &l->name, why, cap);
    bool ok = true;
    LWIP_CALLS(LWIP_SYMBOL)
    LWIP_SYMBOL(tcp_tmr)
    LWIP_SYMBOL(tcp_timer_needed)
#undef LWIP_SYMBOL
    return ok && symbol(dl, "tcp_active_pcbs", &l->active, why, cap) &&
           symbol(dl, "tcp_tw_pcbs", &l->time_wait, why, cap) &&
           symbol(dl, "tcp_bound_pcbs", &l->bound, why, cap) &&
           symbol(dl, "tcp_listen_pcbs", &l->listening, why, cap);
}

/* ---- Its variables ---------------------------------------------------------------------- */

struct segment {
    ElfW(Addr) base;
    unsigned char *from, *to;
};

/* The writable segment but for the part that the loader made read-only again. */
static int find_segment(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct segment *s = arg;
    (void)size;
    if (info->dlpi_addr != s->base)
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        unsigned char *at = (unsigned char *)(info->dlpi_addr + p->p_vaddr);
        if (p->p_type == PT_LOAD && (p->p_flags & PF_W)) {
            s->from = s->from ? s->from : at;
            s->to = at + p->p_memsz;
        } else if (p->p_type == PT_GNU_RELRO) {
            const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
            s->from = (unsigned char *)(((uintptr_t)at + p->p_memsz + page) & ~page);
        }
    }
    return 1;
}

static void trap_assertions(const struct link_map *);

static bool keep_variables(struct lwip_lib *l, void *dl)
{
    struct link_map *map;
    struct segment s = { 0 };
    if (dlinfo(dl, RTLD_DI_LINKMAP, &map) != 0)
        return false;
    trap_assertions(map);
    s.base = map->l_addr;
    if (!dl_iterate_phdr(find_segment, &s) || s.from >= s.to)
        return false;
    l->rw = s.from;
    l->rw_len = (size_t)(s.to - s.from);
    l->pristine = malloc(l->rw_len);
    if (l->pristine)
        memcpy(l->pristine, l->rw, l->rw_len);
    return l->pristine != NULL;
}

/* lwIP's own TCP timer would be armed by the first connection and allocated for it: it is armed
 * here, once, so that the variables kept say so and later cases allocate nothing that stays.  It
 * never fires, for sys_check_timeouts is never called: tcp_tmr is, by the script's clock. */
static void arm_timer(struct lwip_lib *l)
{
    struct tcp_pcb none;
    *l->active = &none;
    l->tcp_timer_needed();
    *l->active = NULL;
}

/* ---- Its assertions --------------------------------------------------------------------- */

struct lwip_trap *lwip_trap;

static int on_print(int flag, const char *fmt, ...)
{
    va_list ap;
    (void)flag;
    va_start(ap, fmt);
    if (lwip_trap)
        vsnprintf(lwip_trap->said, sizeof(lwip_trap->said), fmt, ap);
    va_end(ap);
    return 0;
}

static void on_abort(void)
{
    if (!lwip_trap)
        abort();
    longjmp(lwip_trap->back, 1);
}

/* A slot through which the library calls what another one defines. */
static void put_slot(void *slot, uintptr_t value)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *at = (void *)((uintptr_t)slot & ~(page - 1));
    if (mprotect(at, page, PROT_READ | PROT_WRITE) != 0)
        return;
    memcpy(slot, &value, sizeof(value));
    mprotect(at, page, PROT_READ);
}

/* LWIP_ASSERT prints a line and calls abort.  Both are led here, so that a failed assertion is a
 * verdict on the case and its words are the reason. */
static void trap_assertions(const struct link_map *map)
{
    const ElfW(Rela) *rela = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    size_t size = 0;
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_JMPREL)
            rela = (const void *)d->d_un.d_ptr;
        else if (d->d_tag == DT_PLTRELSZ)
            size = d->d_un.d_val;
        else if (d->d_tag == DT_SYMTAB)
            symbols = (const void *)d->d_un.d_ptr;
        else if (d->d_tag == DT_STRTAB)
            names = (const void *)d->d_un.d_ptr;
    }
    for (size_t i = 0; rela && symbols && names && i < size / sizeof(*rela); i++) {
        const char *name = names + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;
        void *slot = (void *)(map->l_addr + rela[i].r_offset);
        if (!strcmp(name, "abort"))
            put_slot(slot, (uintptr_t)on_abort);
        else if (!strcmp(name, "__printf_chk"))
            put_slot(slot, (uintptr_t)on_print);
    }
}

static struct lwip_lib *load(char *why, size_t cap)
{
    void *dl = dlopen(LWIP_FILE, RTLD_NOW | RTLD_LOCAL);
    if (dl && original_taken)
        dl = load_copy(dl);
    struct lwip_lib *l = dl ? calloc(1, sizeof(*l)) : NULL;
    if (!l) {
        snprintf(why, cap, "there is no " LWIP_FILE " here; install liblwip0");
        return NULL;
    }
    if (!bind_symbols(l, dl, why, cap)) {
        free(l);
        return NULL;
    }
    original_taken = true;
    l->lwip_init();
    arm_timer(l);
    if (!keep_variables(l, dl)) {
        snprintf(why, cap, "the variables of this liblwip are not where they can be set back; "
                           "install Debian's liblwip0");
        free(l);
        return NULL;
    }
    return l;
}

struct lwip_lib *lwip_lib_take(char *why, size_t cap)
{
    struct lwip_lib *l = spare;
    if (!l)
        return load(why, cap);
    spare = l->next;
    return l;
}

void lwip_lib_abandon(struct lwip_lib *l)
{
    static struct lwip_lib *wrecks;
    l->next = wrecks;
    wrecks = l;
}

void lwip_lib_give(struct lwip_lib *l)
{
    memcpy(l->rw, l->pristine, l->rw_len);
    l->next = spare;
    spare = l;
}

#endif
