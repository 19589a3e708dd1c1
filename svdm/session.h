/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of svdm: one connection, which is one operation on one VM. It owns a job of the device
 * worker and what that job has opened. Also the turns that operations on one VM's journal take.
 */
#ifndef BULKHEAD_SVDM_SESSION_H
#define BULKHEAD_SVDM_SESSION_H

#include "lib/worker.h"
#include "svdm/held.h"

struct session {
        struct arena *arena;
        struct job *job;
        struct uuid vm;
        struct claim *claim; /* NULL until disks are to be opened */
        bool open;
        bool look; /* of a VM that runs: about `device` alone, "" for none */
        const char *device;
        size_t count;
        const char *paths[OPEN_DISKS_MOST];
        /* Our own duplicates, or -1: the disk, its header as it is, its header as it will be. */
        int files[OPEN_DISKS_MOST], old[OPEN_DISKS_MOST], new[OPEN_DISKS_MOST];
        bool prepared, unlocked, kept;
        struct block_device *devices; /* mapped */
        size_t devices_count;
        uint64_t bare; /* as in struct attachment */
        /* Guarded by the turns' lock: */
        bool staged;
        uint64_t generation; /* staged */
        struct session *next_staged;
};

/* What all requests use. Set once, before the first. */
extern struct svdm {
        struct worker *worker;
        int dir; /* the state folder */
        const char *backend;
        bool own_user;
} svdm;

/* The connection's session, made at its first request that needs one, with a living job. */
enum status session_begin(struct request *r, struct session **session_out);
/* The same for requests that open a VM's disks: claimed for it, with nothing open yet. */
enum status session_claim(struct request *r, const struct uuid *vm, struct session **session_out);
/* What came of opening: s, and if that is an error, what was opened is undone. reply: of that
 * shape; its descriptors are closed then. */
enum status session_opened(struct session *n, enum status s, const struct shape *shape,
                           void *reply);
/* The same for requests that need open disks: ST_WRONG_STATE without. */
enum status session_open(struct request *r, struct session **session_out);
/* What the job has opened, as the session's own duplicates. */
enum status session_remember(struct session *n, const struct open_disk *disks, size_t count);
/* Back to a session that has opened nothing; what its job mapped is unmapped. */
void session_undo(struct session *n);
/* Has all unmapped that was mapped for a VM, or that one device. Nobody may have it open. */
enum status session_release(const struct uuid *vm, const char *device, struct arena *a);
/* A duplicate that lives as long as the session; -1 stays -1. */
enum status session_keep_fd(int fd, int *out);

/*
 * Staging and settling of one VM's journal happen one after the other. A turn is refused with
 * ST_BUSY if another one takes too long, or if another session's seal of the VM is under way with
 * a generation that is not this one: a session that did not stage a journal must not drop it.
 */
struct turn {
        struct uuid vm;
        struct turn *next;
};
enum status turn_take(struct turn *t, const struct uuid *vm, const struct session *asking,
                      uint64_t generation);
void turn_give(struct turn *t);
/* Within a turn. */
void session_set_staged(struct session *n, uint64_t generation);
void session_set_settled(struct session *n);

#endif
