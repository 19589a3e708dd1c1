/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a VM whose memory goes to disk. vm_hibernate comes here with the VM claimed. The
 * image is a disk of its own under the VM's secret, which is unsealed once more for that: so a VM
 * can hibernate only if it could also be started now. start.c wakes it.
 */
#include "compartment-mgr/memory_image.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/interrupt.h"
#include "lib/report.h"

enum {
        SAVE_DEADLINE = PEER_LONG, /* as long as the disk needs */
        STREAM_SHARE = 64,         /* a 64th of the memory: what a stream says about its pages */
        STREAM_FIXED = 16 << 20,   /* bytes: what it says about all else */
};

/* --- the file -------------------------------------------------------------------------------- */

static enum status make_file(struct operation *o, const char **path_out)
{
        uint64_t bytes = o->config.maxmem << 20;
        struct svdm_memory_req q = {.vm = o->vm->uuid,
                                    .size = bytes + bytes / STREAM_SHARE + STREAM_FIXED};
        struct svdm_memory_rep p = {.path = ""};
        enum status s = peer_call(PEER_SVDM, CALL(svdm_memory, &q, &p), o->arena, PEER_SHORT);

        *path_out = p.path;
        return s;
}

/* Revokes the image before the guest runs on: else it could be woken later, over newer disks. */
enum status hibernate_run_on(struct arena *a, struct compartment *c)
{
        enum status s = memory_image_revoke(a, c);

        return s ? s : suspend_resume(a, c);
}

/* --- in order -------------------------------------------------------------------------------- */

/* Has everything measured and judged as at a start: only then is there a key for the image. */
static enum status map_image(struct operation *o, const char *path)
{
        struct svdm_unlock_rep mapped = {0};
        enum status s;

        operation_with_memory(o, path, "memory-new");
        s = operation_look(o, "memory");
        if (!s)
                s = operation_open_targets(o, &o->sealed.descriptor, o->open.disks.items,
                                           o->open.disks.count);
        if (!s)
                s = operation_unseal_disks(o);
        return s ? s : operation_unlock(o, &mapped);
}

static enum status save(struct operation *o)
{
        struct domain_save_req q = {.uuid = o->vm->uuid, .memory = o->memory_device};
        struct domain_save_rep p;

        return worker_call(workers.domain, SAVE_DEADLINE, CALL(domain_save, &q, &p), o->arena);
}

enum done { NOTHING, MADE, SAVED, TOLD };

/* Undoes the steps in reverse. If the worker has let the guest run on, resuming it is
 * ST_WRONG_STATE. */
static void undo(struct operation *o, enum done done)
{
        struct error why = *error_last();
        enum status s = ST_DONE;

        interrupt_forbid();
        operation_end(o);
        if (done == TOLD) /* perhaps: its answer may be lost */
                s = hibernate_run_on(o->arena, o->compartment);
        else if (done == SAVED)
                s = suspend_resume(o->arena, o->compartment);
        if (s && s != ST_WRONG_STATE)
                report_error(
                        "letting a VM run on whose hibernation was refused: it stays suspended");
        if (done >= MADE)
                memory_image_remove(o->arena, o->compartment);
        error_keep(&why);
}

/* Nothing has been made yet. */
static enum status begin(struct operation *o, struct arena *a, struct compartment *c)
{
        enum status s = compartment_allow_cancel(c);

        if (!s)
                s = operation_join(o, a, c);
        if (!s)
                s = operation_must_be_judgeable(o,
                                                arena_print(a, "bulkhead vm stop %s", o->vm->name));
        return s ? s : operation_read_config(o);
}

/* *done: what undo() has to undo if it fails. Each step counts as done before it is begun: one that
 * fails may have come half-way. */
static enum status write_image(struct operation *o, enum done *done)
{
        const char *path;
        enum status s;

        *done = MADE;
        s = make_file(o, &path);
        if (!s)
                s = map_image(o, path);
        if (s)
                return s;
        *done = SAVED; /* or half saved, if the worker dies */
        s = save(o);
        if (!s)
                s = compartment_commit(o->compartment);
        if (s)
                return s;
        *done = TOLD;
        return memory_image_commit(o->arena, o->compartment, o->memory_header, o->memory.path);
}

enum status hibernate_vm(struct arena *a, struct compartment *c)
{
        struct operation o = OPERATION_NONE;
        enum done done = NOTHING;
        enum status s;

        if (*compartment_memory(c)) /* an earlier attempt committed its image and left the domain */
                return stop_saved(a, c);
        s = begin(&o, a, c);
        if (!s)
                s = write_image(&o, &done);
        if (s) {
                undo(&o, done);
                return s;
        }
        operation_end(&o);
        return stop_saved(a, c);
}
