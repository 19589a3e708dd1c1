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
        SANDBOX_THREADS, /* and threads, pread and fstat on descriptors it has */
        SANDBOX_LOAD,    /* and opens files to read and run them, until it enters another */
        SANDBOX_PEER,    /* and sockets that it has or connects: for tpm_worker */
        SANDBOX_DAEMON,  /* and files by name: for the daemons themselves; no exec */
};

struct sandbox {
        enum sandbox_profile profile;
        size_t memory;        /* RLIMIT_AS, bytes; 0: not set */
        unsigned cpu_seconds; /* RLIMIT_CPU; 0: not set */
        unsigned files;       /* RLIMIT_NOFILE; 0: not set */
};

/* Builds the system call filters, so that sandbox_enter() after a fork is quick. */
void sandbox_warm_up(enum sandbox_profile profile);
/* No new privileges, no core files, RLIMIT_FSIZE 0 for COMPUTE and THREADS, limits, filter. A
 * forbidden call kills the process with SIGSYS. */
void sandbox_enter(const struct sandbox *s);

/* Becomes that user and its group for good, no supplementary groups but those of group_too (NULL
 * for none). False when not root: the process stays who it is and `status` says so. Fatal when
 * root and the user does not exist. */
bool user_drop(const char *user, const char *group_too);

/* For every process at its start: no core files, not dumpable, umask 077, a clean environment but
 * PATH and what begins with BULKHEAD_. */
void process_harden(void);

#endif
