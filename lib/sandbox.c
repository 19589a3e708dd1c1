/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up rights. The filters are lists of what is allowed, built by libseccomp once, before the
 * first fork; everything else kills the process. Nothing here can be taken back.
 */
#include "lib/sandbox.h"
#include "lib/report.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- system call filters --- */

static const char *const calls_compute[] = {
        "read",
        "write",
        "readv",
        "writev",
        "sendmsg",
        "recvmsg",
        "sendto",
        "recvfrom",
        "shutdown",
        "poll",
        "ppoll",
        "close",
        "munmap",
        "mremap",
        "madvise",
        "brk",
        "futex",
        "exit",
        "exit_group",
        "rt_sigreturn",
        "rt_sigprocmask",
        "rt_sigaction",
        "sigaltstack",
        "clock_gettime",
        "clock_nanosleep",
        "nanosleep",
        "gettimeofday",
        "getpid",
        "gettid",
        "getppid",
        "getrandom",
        "lseek",
        "sched_yield",
        "getrusage",
        "restart_syscall",
        "sysinfo",
        "sched_getaffinity",
        "fstat",
        "getuid",
        "geteuid",
        NULL,
};
static const char *const calls_threads[] = {
        "pread64",         "preadv", "fadvise64",  "readahead",
        "set_robust_list", "rseq",   "membarrier", NULL,
};
static const char *const calls_load[] = {
        "readlink",   "readlinkat", "access",  "faccessat", "faccessat2", "newfstatat",
        "getdents64", "uname",      "getegid", "getgid",    NULL,
};
static const char *const calls_peer[] = {
        "connect",     "getsockopt", "setsockopt", "select", "pselect6", "getpeername",
        "getsockname", "fcntl",      "pipe2",      "ioctl",  NULL,
};
static const char *const calls_daemon[] = {
        "openat",
        "openat2",
        "close_range",
        "unlinkat",
        "unlink",
        "rename",
        "renameat",
        "renameat2",
        "mkdirat",
        "fsync",
        "fdatasync",
        "sync_file_range",
        "ftruncate",
        "fallocate",
        "pwrite64",
        "pwritev",
        "getdents64",
        "newfstatat",
        "statx",
        "fstatfs",
        "readlink",
        "readlinkat",
        "access",
        "faccessat",
        "faccessat2",
        "fchmod",
        "fchmodat",
        "flock",
        "dup",
        "dup3",
        "accept4",
        "epoll_create1",
        "epoll_ctl",
        "epoll_wait",
        "epoll_pwait",
        "eventfd2",
        "signalfd4",
        "timerfd_create",
        "timerfd_settime",
        "memfd_create",
        "wait4",
        "socketpair",
        "umask",
        "prlimit64",
        "getegid",
        "getgid",
        "kill",
        "tgkill",
        "uname",
        "mlock",
        "getpriority",
        "setpriority",
        NULL,
};

static void allow(scmp_filter_ctx filter, const char *const *names)
{
        for (; *names; names++) {
                int number = seccomp_syscall_resolve_name(*names);

                if (number == __NR_SCMP_ERROR || number < 0)
                        continue; /* not on this architecture */
                if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0))
                        fatal("cannot build a system call filter (%s)", *names);
        }
}

#define RULE(action, call, ...)                                                                    \
        do {                                                                                       \
                if (seccomp_rule_add(filter, action, SCMP_SYS(call), __VA_ARGS__))                 \
                        fatal("cannot build a system call filter (" #call ")");                    \
        } while (0)

/* To read and run files, and to enter the next sandbox. */
static void allow_loading(scmp_filter_ctx filter)
{
        RULE(SCMP_ACT_ALLOW, openat, 1,
             SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
        RULE(SCMP_ACT_ALLOW, mmap, 0);
        RULE(SCMP_ACT_ALLOW, mprotect, 0);
        RULE(SCMP_ACT_ALLOW, prlimit64, 1, SCMP_A0(SCMP_CMP_EQ, 0)); /* its own limits */
        RULE(SCMP_ACT_ALLOW, prctl, 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS));
        RULE(SCMP_ACT_ALLOW, prctl, 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
}

/* Memory that is not executable, fstat() (which is newfstatat() with an empty path), and what the
 * profile adds by argument. */
static void allow_narrowly(scmp_filter_ctx filter, enum sandbox_profile profile)
{
        RULE(SCMP_ACT_ALLOW, mmap, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        RULE(SCMP_ACT_ALLOW, mprotect, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        RULE(SCMP_ACT_ALLOW, prctl, 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
        if (profile != SANDBOX_DAEMON && profile != SANDBOX_LOAD)
                RULE(SCMP_ACT_ALLOW, newfstatat, 1,
                     SCMP_A3(SCMP_CMP_MASKED_EQ, 0x1000 /* AT_EMPTY_PATH */, 0x1000));
        if (profile == SANDBOX_COMPUTE)
                return;
        if (profile == SANDBOX_LOAD)
                allow_loading(filter);
        /* A filter cannot see the flags of clone3, so glibc is made to fall back to clone. */
        RULE(SCMP_ACT_ERRNO(ENOSYS), clone3, 0);
        RULE(SCMP_ACT_ALLOW, clone, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
        /* LOAD's filter stays in force under THREADS', so it has to allow this, too. */
        if (profile == SANDBOX_THREADS || profile == SANDBOX_LOAD)
                RULE(SCMP_ACT_ALLOW, ioctl, 1, SCMP_A1(SCMP_CMP_EQ, BLKGETSIZE64));
        if (profile == SANDBOX_PEER) {
                RULE(SCMP_ACT_ALLOW, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
                RULE(SCMP_ACT_ALLOW, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_INET));
                RULE(SCMP_ACT_ALLOW, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_INET6));
        }
        if (profile == SANDBOX_DAEMON)
                RULE(SCMP_ACT_ALLOW, socket, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static struct sock_fprog filters[SANDBOX_DAEMON + 1];

static struct sock_fprog export_filter(scmp_filter_ctx filter)
{
        struct sock_fprog program = {0};
        struct stat st;
        void *bytes;
        int fd = memfd_create("filter", MFD_CLOEXEC);

        if (fd < 0 || seccomp_export_bpf(filter, fd) || fstat(fd, &st) < 0)
                fatal("cannot build a system call filter: %s", strerror(errno));
        bytes = malloc((size_t)st.st_size);
        if (!bytes || pread(fd, bytes, (size_t)st.st_size, 0) != st.st_size)
                fatal("cannot build a system call filter: %s", strerror(errno));
        close(fd);
        program.len = (unsigned short)((size_t)st.st_size / sizeof(struct sock_filter));
        program.filter = bytes;
        return program;
}

void sandbox_warm_up(enum sandbox_profile profile)
{
        scmp_filter_ctx filter;

        if (filters[profile].filter)
                return;
        filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
        if (!filter)
                fatal("cannot build a system call filter");
        /* A tree, not a list: on entry the kernel runs the filter once for every system call. */
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        allow(filter, calls_compute);
        if (profile >= SANDBOX_THREADS)
                allow(filter, calls_threads);
        if (profile == SANDBOX_LOAD)
                allow(filter, calls_load);
        if (profile >= SANDBOX_PEER)
                allow(filter, calls_peer);
        if (profile == SANDBOX_DAEMON)
                allow(filter, calls_daemon);
        allow_narrowly(filter, profile);
        filters[profile] = export_filter(filter);
        seccomp_release(filter);
}

/* --- limits --- */

static void limit(int resource, rlim_t value)
{
        struct rlimit l = {value, value};

        if (setrlimit(resource, &l) < 0)
                fatal("cannot limit resource %d: %s", resource, strerror(errno));
}

void sandbox_enter(const struct sandbox *s)
{
        sandbox_warm_up(s->profile);
        limit(RLIMIT_CORE, 0);
        if (s->profile == SANDBOX_COMPUTE || s->profile == SANDBOX_THREADS) {
                limit(RLIMIT_FSIZE, 0);
                signal(SIGXFSZ, SIG_IGN); /* where stderr is a file, write() just fails */
        }
        if (s->files)
                limit(RLIMIT_NOFILE, s->files);
        if (s->cpu_seconds)
                limit(RLIMIT_CPU, s->cpu_seconds);
#ifndef __SANITIZE_ADDRESS__ /* it reserves terabytes and makes calls of its own */
        if (s->memory)
                limit(RLIMIT_AS, s->memory);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filters[s->profile]) < 0)
                fatal("cannot enter the sandbox: %s", strerror(errno));
#endif
}

/* --- users --- */

bool user_drop(const char *user, const char *group_too)
{
        const struct passwd *pw;
        const struct group *gr;
        gid_t gid_too = 0;

        if (geteuid() != 0)
                return false;
        if (group_too && (gr = getgrnam(group_too)))
                gid_too = gr->gr_gid;
        pw = getpwnam(user);
        if (!pw)
                fatal("no user %s: make it (packaging/bulkhead.sysusers), or do not start as root",
                      user);
        if (setgroups(gid_too ? 1 : 0, &gid_too) < 0 ||
            setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
            setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
                fatal("cannot become %s: %s", user, strerror(errno));
        if (setuid(0) == 0)
                fatal("%s can become root again", user);
        return true;
}

void process_harden(void)
{
        extern char **environ;
        char *keep[64];
        size_t n = 0;

        for (char **e = environ; e && *e && n < 63; e++)
                if (!strncmp(*e, "PATH=", 5) || !strncmp(*e, "BULKHEAD_", 9) ||
                    !strncmp(*e, "JOURNAL_STREAM=", 15) || !strncmp(*e, "ASAN_OPTIONS=", 13) ||
                    !strncmp(*e, "UBSAN_OPTIONS=", 14))
                        keep[n++] = *e;
        clearenv();
        for (size_t i = 0; i < n; i++)
                putenv(keep[i]);
        umask(077);
        limit(RLIMIT_CORE, 0);
        prctl(PR_SET_DUMPABLE, 0);
}
