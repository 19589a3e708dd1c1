/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of svdm: one connection, which is one operation on one VM. It owns a job of the device
 * worker and what that job has opened. Here are also the turns that operations take at the journal
 * of a VM.
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
        bool look; /* the VM runs; this session may add `device`, "" for none, to what it has */
        const char *device;
        size_t count;
        const char *paths[OPEN_DISKS_MOST];
        /* The session's own duplicates, or -1: the disk, its present header, its new header. */
        int files[OPEN_DISKS_MOST], old[OPEN_DISKS_MOST], new[OPEN_DISKS_MOST];
        bool prepared, unlocked, kept;
        struct mapped mapped;
        /* Guarded by the turns' lock: */
        bool staged;
        uint64_t generation; /* staged */
        struct session *next_staged;
};

/* What all requests use. main() sets it, before the first request. */
extern struct svdm {
        struct worker *worker, *content;
        int dir; /* the state folder */
        const char *backend;
        bool own_user;
        struct bytes slot_key; /* slot_key.h */
} svdm;

/* The connection's session, made at its first request that needs one, with a living job. */
enum status session_begin(struct request *r, struct session **session_out);
/* The same for requests that open a VM's disks: claims the VM. They may take long, and end with the
 * connection (lib/interrupt.h). ST_WRONG_STATE if this session has claimed one already. */
enum status session_claim(struct request *r, const struct uuid *vm, struct session **session_out);
/* Ends an opening with the status s, which is returned. If that is an error, undoes what was opened
 * and closes the descriptors in reply, which has that shape. */
enum status session_opened(struct session *n, enum status s, const struct shape *shape,
                           void *reply);
/* The session of a request that needs open disks. ST_WRONG_STATE if there are none. */
enum status session_open(struct request *r, struct session **session_out);
/* The same of a request that may take long, and then ends with the connection. */
enum status session_open_long(struct request *r, struct session **session_out);
/* Keeps what the job has opened, as the session's own duplicates. */
enum status session_remember(struct session *n, const struct open_disk *disks, size_t count);
/* Makes it a session that has opened nothing: what its job mapped and nobody keeps is unmapped. */
void session_undo(struct session *n);
/* Unmaps all that was mapped for a VM, or that one device (not ""). Nobody may have it open. */
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
