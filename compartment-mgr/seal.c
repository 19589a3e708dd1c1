/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a seal (OpenTC D05.4, 3.5.2). vm_seal comes here with the VM claimed and stopped.
 * The new LUKS2 headers are made in memory and journalled. They reach the disks only after
 * integrity-mgr has committed to their generation: a crash before that leaves the disks as they
 * were, and after a crash behind it the next settling completes the seal.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/descriptors.h"
#include "compartment-mgr/disk_guard.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/seal.h"
#include "compartment-mgr/stories.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { WORKER_END = 60 * 1000 /* ms */ };

/* If so, what the owner asked for at a start has to hold here, too. */
static bool opens_by_seal(const struct operation *o, bool format, int passphrase)
{
        return passphrase < 0 && !format && o->sealed.generation;
}

/* What opens the disks. *secret_out: the pipe that it comes from, if it is the present seal's. */
static enum status find_authority(struct operation *o, int passphrase, struct sealing *how,
                                  int *secret_out)
{
        enum status s = ST_DONE;

        how->authority = passphrase;
        how->authority_kind = passphrase >= 0 ? AUTHORITY_PASSPHRASE : AUTHORITY_NONE;
        if (opens_by_seal(o, how->format, passphrase)) {
                how->authority_kind = AUTHORITY_SECRET;
                s = operation_present_secret(o, secret_out);
                how->authority = *secret_out;
        }
        return s;
}

/* The disk that a line names, or NULL. */
static const struct disk *disk_of(const struct operation *o, const char *device, size_t len)
{
        for (size_t i = 0; i < o->config.disks.count; i++) {
                const struct disk *d = &o->config.disks.items[i];

                if (strlen(d->device) == len && !strncmp(d->device, device, len))
                        return d;
        }
        return NULL;
}

static bool can_be_read(int fd, int64_t deadline)
{
        struct pollfd p = {fd, POLLIN, 0};
        int r;

        do
                r = poll(&p, 1, deadline_left(deadline));
        while (r < 0 && errno == EINTR);
        return r > 0;
}

/* Reads until nobody can write any more. False if that takes too long. */
static bool read_lines(int written, struct buffer *lines)
{
        const int64_t deadline = deadline_in(WORKER_END);
        char part[512];
        ssize_t n = 1;

        while (n > 0 && !lines->full && can_be_read(written, deadline)) {
                n = read(written, part, sizeof part);
                if (n > 0)
                        buffer_add(lines, part, (size_t)n);
        }
        return n == 0;
}

/* For each disk of the configuration the file or device that it is. */
static const char **identities(const struct operation *o)
{
        const char **ids = arena_get_many(o->arena, o->config.disks.count + 1, sizeof *ids);

        for (size_t i = 0; i < o->config.disks.count; i++)
                ids[i] = disk_guard_identity(o, o->config.disks.items[i].path);
        return ids;
}

/* A list of disks with one more, unless it has that one. */
static const char *with_disk(struct arena *a, const char *disks, const char *path)
{
        const char *list = arena_print(a, ", %s,", disks);

        if (strstr(list, arena_print(a, ", %s,", path)))
                return disks;
        return arena_print(a, "%s%s%s", disks, *disks ? ", " : "", path);
}

/* Learns to which disks the device worker has begun to write. This is known once the worker has
 * ended. After an error svdm ends the worker when its connection ends, so the operation ends first.
 * What an earlier try has written to is as lost as before. */
static void learn_writes(struct operation *o, int written, enum status s)
{
        struct buffer lines = BUFFER_INIT(DISKS_MOST * (WORD_MOST + 1));
        const char **ids = identities(o);
        const char *disks = arena_text(o->arena, compartment_overwritten(o->compartment));
        bool all;

        if (s)
                operation_end(o);
        all = read_lines(written, &lines);
        for (size_t from = 0, to = 0; to < lines.len; to++) {
                const struct disk *d;

                if (lines.data[to] != '\n')
                        continue;
                d = disk_of(o, (const char *)lines.data + from, to - from);
                disks = with_disk(o->arena, disks, d ? d->path : "a disk");
                if (d)
                        compartment_add_filled(o->compartment, ids[d - o->config.disks.items]);
                from = to + 1;
        }
        if (!all)
                disks = with_disk(o->arena, disks, *disks ? "perhaps more" : "perhaps a disk");
        compartment_set_overwritten(o->compartment, disks);
        buffer_clear(&lines);
}

static enum status prepare(struct operation *o, const struct sealing *how,
                           struct svdm_prepare_rep *prepared_out)
{
        struct svdm_prepare_req q = {.format = how->format,
                                     .authority_kind = how->authority_kind,
                                     .authority = how->authority,
                                     .form = how->form,
                                     .written = -1};
        int ends[2] = {-1, -1};
        struct error why;
        enum status s;

        if (how->format && pipe2(ends, O_CLOEXEC))
                return FAIL(status_of_errno(errno), .subject = "pipe", .found = strerror(errno));
        q.written = ends[1];
        s = operation_svdm(o, CALL(svdm_prepare, &q, prepared_out), PEER_LONG);
        if (!how->format)
                return s;
        close(ends[1]);
        why = *error_last();
        learn_writes(o, ends[0], s);
        error_keep(&why);
        close(ends[0]);
        return s;
}

/* "What had begun was undone" holds of everything but what was written over. */
static enum status tell_overwritten(const struct operation *o, enum status s)
{
        const char *disks = compartment_overwritten(o->compartment), *found;

        if (s != ST_CANCELLED || !*disks)
                return s;
        found = arena_print(o->arena, "%s; --format has overwritten %s; nothing is sealed",
                            error_last()->found, disks);
        return FAIL(s, .subject = FMT("VM %s", o->vm->name), .found = found,
                    .remedy = FMT("bulkhead vm seal %s DESCRIPTOR.xml --format", o->vm->name));
}

/* Has the disks measured as they will be, through the new headers, and sealed. */
static enum status commit(struct operation *o, const struct sealing *how, uint64_t generation,
                          const struct svdm_prepare_rep *prepared, const struct digest *journal)
{
        struct im_seal_req q = {.asker = *compartment_asker(o->compartment),
                                .vm = o->vm->uuid,
                                .name = o->vm->name,
                                .owner = o->vm->owner,
                                .generation = generation,
                                .descriptor = *how->descriptor,
                                .config = operation_config(o),
                                .secret = prepared->secret,
                                .journal = *journal,
                                .forget_key = how->forget_key};
        struct im_seal_rep p;

        q.disks = prepared->disks;
        q.targets = (struct open_target_list){o->targets.items, o->targets.count};
        return peer_call(PEER_IM, CALL(im_seal, &q, &p), o->arena, PEER_LONG);
}

/* The new definition counts from the generation on that the new seal has. */
static enum status stage_next(struct operation *o, const struct vm_definition *next,
                              uint64_t generation)
{
        struct vm_definition d;

        if (!next)
                return ST_DONE;
        d = *next;
        d.generation = generation;
        return compartment_stage(o->compartment, &d);
}

enum status seal_disks(struct operation *o, const struct sealing *how)
{
        struct svdm_prepare_rep prepared = {.secret = -1};
        uint64_t generation = o->sealed.generation + 1;
        struct digest journal;
        enum status s = prepare(o, how, &prepared);

        if (!s)
                s = operation_open_targets(o, how->descriptor, prepared.disks.items,
                                           prepared.disks.count);
        if (!s)
                s = operation_stage(o, generation, &journal);
        if (!s)
                s = stage_next(o, how->next, generation);
        if (!s)
                s = operation_settle_after(o, commit(o, how, generation, &prepared, &journal),
                                           generation);
        open_disks_close(prepared.disks.items, prepared.disks.count);
        if (prepared.secret >= 0)
                close(prepared.secret);
        if (!s) {
                compartment_set_overwritten(o->compartment, "");
                compartment_forget_filled(o->compartment);
        }
        return how->format ? tell_overwritten(o, s) : s;
}

/* --- the story of vm_seal -------------------------------------------------------------------- */

/* What was asked for, before anything is opened for it. */
static enum status read_asked(struct arena *a, struct compartment *c, const struct vm_seal_req *q,
                              struct descriptor *d_out)
{
        enum status s = compartment_allow_cancel(c);

        if (!s)
                s = descriptors_read(q->descriptor, DESCRIPTOR_SEALING, a, d_out);
        return s ? s : targets_check(d_out->targets.items, d_out->targets.count);
}

/* May the VM be sealed so at all? Typed once more, from a shell's history, --format would destroy
 * what a sealed VM has written. */
static enum status check_asked(struct operation *o, const struct vm_seal_req *q,
                               const struct descriptor *d)
{
        enum status s = q->format ? disk_guard_may_format(o) : ST_DONE;

        if (!s)
                s = operation_read_config(o);
        if (!s)
                s = device_check_named(d, &o->config, o->arena);
        if (!s && opens_by_seal(o, q->format, q->passphrase))
                s = device_check_all(o);
        return s ? s : device_check_try(o, d);
}

static enum status open_guarded(struct operation *o, const struct vm_seal_req *q,
                                const char **warning_out)
{
        enum status s = operation_open_disks(o);

        return s ? s : disk_guard_check(o, q->format, q->yes, warning_out);
}

static enum status seal_opened(struct operation *o, const struct vm_seal_req *q,
                               const struct descriptor *d)
{
        struct sealing how = {
                .descriptor = d, .format = q->format, .forget_key = q->forget_key, .form = q->form};
        int secret = -1;
        enum status s = find_authority(o, q->passphrase, &how, &secret);

        if (!s)
                s = seal_disks(o, &how);
        if (secret >= 0)
                close(secret);
        return s;
}

enum status seal_vm(struct arena *a, struct compartment *c, const struct vm_seal_req *q,
                    const char **warning_out)
{
        struct operation o = OPERATION_NONE;
        struct descriptor d;
        enum status s;

        *warning_out = "";
        compartment_set_state(c, VM_SEALING, "");
        s = read_asked(a, c, q, &d);
        if (!s)
                s = operation_begin(&o, a, c);
        if (!s)
                s = check_asked(&o, q, &d);
        if (!s)
                s = open_guarded(&o, q, warning_out);
        if (!s)
                s = seal_opened(&o, q, &d);
        operation_end(&o);
        if (s != ST_CONSENT) /* a question */
                compartment_set_refusal(c, s);
        compartment_set_state(c, VM_STOPPED, s ? status_sentence(s) : "sealed");
        return s;
}
