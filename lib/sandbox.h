/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up rights: users, limits, system calls. Whatever cannot be given up is fatal, so that a
 * process never runs with more than it said. Each step is for good.
 */
#ifndef BULKHEAD_LIB_SANDBOX_H
#define BULKHEAD_LIB_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_profile {
        SANDBOX_COMPUTE, /* read, write, memory, exit: nothing that names a file or a peer */
        SANDBOX_THREADS, /* COMPUTE; threads, pread() and the size of a block device */
        SANDBOX_LOAD,    /* THREADS; opens files to read and run them; may enter another sandbox */
        SANDBOX_PEER,    /* THREADS; local and IP sockets, connected or to connect: tpm_worker */
        SANDBOX_DAEMON,  /* THREADS; local sockets and files by name, no exec: the daemons */
};

struct sandbox {
        enum sandbox_profile profile;
        size_t memory;        /* RLIMIT_AS, bytes; 0: not set */
        unsigned cpu_seconds; /* RLIMIT_CPU; 0: not set */
        unsigned files;       /* RLIMIT_NOFILE; 0: not set */
};

/* Builds the system call filters, so that sandbox_enter() after a fork is quick. */
void sandbox_warm_up(enum sandbox_profile profile);
/* Sets no_new_privs, forbids core files and (COMPUTE, THREADS) any write to a file, sets the
 * limits, installs the filter. From then on a forbidden call kills the process with SIGSYS. */
void sandbox_enter(const struct sandbox *s);

/* Becomes that user, with the user's group and no supplementary one but group_too (NULL for none),
 * for good. False if the process is not root: it keeps its user, and `bulkhead status` says so.
 * Fatal if there is no such user. */
bool user_drop(const char *user, const char *group_too);

/* For every process at its start: no core files, not dumpable, umask 077, and of the environment
 * only PATH, what begins with BULKHEAD_, and the options of sanitizers. */
void process_harden(void);

#endif
