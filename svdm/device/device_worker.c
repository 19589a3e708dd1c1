/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device worker: root, because it opens disks and maps them, so it does nothing else. svdm
 * alone talks to it. Each job is a process that serves one operation on one VM. It holds the VM's
 * disks and their headers; of keys it holds, between key pipe and unlock, only the end of a pipe. A
 * disk's header is written in one place: on_device_write_header(). What a job has mapped outlives
 * it, and svdm has a later job release it.
 */
#include "lib/config.h"
#include "lib/report.h"
#include "lib/worker.h"
#include "svdm/device/device.h"
#include "svdm/device/file_device.h"
#include "svdm/device/header_diff.h"
#include "svdm/device/luks_disk.h"
#include "svdm/device/luks_token.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEVICE_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

static const struct device_backend *backend;

/* The job's operation: one process, one operation. */
static struct operation {
        struct arena *arena;
        struct uuid vm;
        struct device devices[OPEN_DISKS_MOST];
        size_t count;
        bool open, unlocked;
        int key_pipe; /* read end, or -1 */
} operation = {.key_pipe = -1};

static void operation_close(void)
{
        for (size_t i = 0; i < operation.count; i++)
                operation.devices[i].kind->close(&operation.devices[i]);
        operation.count = 0;
        operation.open = false;
}

static enum status need_open(void)
{
        return operation.open ? ST_DONE
                              : FAIL(ST_WRONG_STATE, .subject = "the disks",
                                     .expected = "opened before", .found = "not open");
}

/* --- opening ------------------------------------------------------------------------------- */

static bool lies_in(const struct device *d, struct held_disk *out)
{
        if (d->kind->hold)
                d->kind->hold(d, out);
        return d->kind->hold;
}

static enum status refuse_twice(size_t newest)
{
        const struct device *d = operation.devices;
        struct held_disk ours, other;

        for (size_t i = 0; lies_in(&d[newest], &ours) && i < newest; i++)
                if (lies_in(&d[i], &other) && ours.node == other.node &&
                    ours.device == other.device && ours.inode == other.inode)
                        return FAIL(ST_REFUSED, .subject = ours.path,
                                    .expected = "disks that are different",
                                    .found = FMT("the same as '%.200s'", other.path),
                                    .remedy = "name each disk once in the VM's definition");
        return ST_DONE;
}

static void undescribe(struct open_disk *disks, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (disks[i].file >= 0)
                        close(disks[i].file);
                if (disks[i].header >= 0)
                        close(disks[i].header);
        }
}

static enum status describe_all(struct arena *a, struct open_disk **items_out, size_t *count_out)
{
        struct open_disk *items = arena_get_many(a, operation.count, sizeof *items);
        enum status s = ST_DONE;
        size_t n = 0;

        for (size_t i = 0; i < operation.count && !s; i++)
                if (operation.devices[i].kind->describe)
                        s = operation.devices[i].kind->describe(&operation.devices[i], &items[n++]);
        if (s)
                undescribe(items, n);
        *items_out = items;
        *count_out = s ? 0 : n;
        return s;
}

/* Where everything lies that this operation maps. */
static void describe_held(struct arena *a, struct held_disk **held_out, size_t *count_out)
{
        *held_out = arena_get_many(a, operation.count, sizeof **held_out);
        *count_out = 0;
        for (size_t i = 0; i < operation.count; i++) {
                const struct device *d = &operation.devices[i];

                if (!d->look && lies_in(d, &(*held_out)[*count_out]))
                        (*held_out)[(*count_out)++].name = d->name;
        }
}

static enum status must_be_new(void)
{
        return operation.open
                       ? FAIL(ST_WRONG_STATE, .subject = "the disks", .found = "open already")
                       : ST_DONE;
}

/* as: for a device that the running VM has, which is opened for measuring only: the device number
 * of its mapping, or 0. NULL for other devices. */
static enum status open_one(const struct wanted_device *w, const dev_t *as)
{
        const struct wanted_device ours = {.name = arena_text(operation.arena, w->name),
                                           .kind = arena_text(operation.arena, w->kind),
                                           .path = arena_text(operation.arena, w->path),
                                           .writable = w->writable,
                                           .sealed = w->sealed};
        const struct device_use use = {.backend = backend,
                                       .vm = &operation.vm,
                                       .arena = operation.arena,
                                       .look = as,
                                       .as = as ? *as : 0};
        enum status s = device_open(&operation.devices[operation.count], &ours, &use);

        return s ? s : refuse_twice(operation.count++);
}

/* s: what came of opening all devices. */
static enum status opened(enum status s, struct arena *a, struct open_disk **disks_out,
                          size_t *disks_count, struct held_disk **held_out, size_t *held_count)
{
        if (!s)
                s = describe_all(a, disks_out, disks_count);
        if (s)
                operation_close();
        else
                describe_held(a, held_out, held_count);
        operation.open = !s;
        return s;
}

enum status on_device_open(struct request *r, const struct device_open_req *q,
                           struct device_open_rep *p)
{
        enum status s = must_be_new();

        if (s)
                return s;
        operation.vm = q->vm;
        for (size_t i = 0; i < q->devices.count && !s; i++)
                s = open_one(&q->devices.items[i], NULL);
        return opened(s, r->arena, &p->disks.items, &p->disks.count, &p->held.items,
                      &p->held.count);
}

static dev_t mapped_as(const struct device_look_req *q, const char *device)
{
        for (size_t i = 0; i < q->mapped.count; i++)
                if (!strcmp(q->mapped.items[i].device, device))
                        return (dev_t)q->mapped.items[i].node;
        return 0;
}

enum status on_device_look(struct request *r, const struct device_look_req *q,
                           struct device_look_rep *p)
{
        enum status s = must_be_new();

        if (s)
                return s;
        operation.vm = q->vm;
        for (size_t i = 0; i < q->devices.count && !s; i++) {
                const struct wanted_device *w = &q->devices.items[i];
                const dev_t as = mapped_as(q, w->name);

                s = open_one(w, strcmp(w->name, q->device) ? &as : NULL);
        }
        return opened(s, r->arena, &p->disks.items, &p->disks.count, &p->held.items,
                      &p->held.count);
}

enum status on_device_open_target(struct request *r, const struct device_open_target_req *q,
                                  struct device_open_target_rep *p)
{
        enum status s = file_device_target(q->path, &p->disk);

        (void)r;
        if (s)
                undescribe(&p->disk, 1);
        return s;
}

/* --- before a seal ------------------------------------------------------------------------- */

enum status on_device_others(struct request *r, const struct device_others_req *q,
                             struct device_others_rep *p)
{
        enum status s = need_open();

        (void)r, (void)p;
        for (size_t i = 0; i < operation.count && !s; i++) {
                const struct device *d = &operation.devices[i];

                if (d->kind->others)
                        s = d->kind->others(d, q->others.items, q->others.count);
        }
        return s;
}

enum status on_device_content(struct request *r, const struct device_content_req *q,
                              struct device_content_rep *p)
{
        enum status s = need_open();

        (void)q;
        if (s)
                return s;
        p->disks.items = arena_get_many(r->arena, operation.count, sizeof *p->disks.items);
        for (size_t i = 0; i < operation.count && !s; i++) {
                const struct device *d = &operation.devices[i];

                if (d->kind->sample)
                        s = d->kind->sample(d, &p->disks.items[p->disks.count++]);
        }
        for (size_t i = 0; s && i < p->disks.count; i++)
                if (p->disks.items[i].sample >= 0)
                        close(p->disks.items[i].sample);
        return s;
}

/* --- sealing ------------------------------------------------------------------------------- */

static enum status prepare_all(bool format, const struct authority *authority,
                               const uint8_t secret[static SECRET_LEN])
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < operation.count && !s; i++) {
                struct device *d = &operation.devices[i];

                if (d->kind->prepare)
                        s = d->kind->prepare(d, format, authority, secret);
        }
        return s;
}

enum status on_device_prepare(struct request *r, const struct device_prepare_req *q,
                              struct device_prepare_rep *p)
{
        struct authority authority = {0};
        uint8_t secret[SECRET_LEN];
        int secret_fd = -1;
        enum status s;

        s = need_open();
        if (s)
                return s;
        file_device_tell_writes(q->written);
        secret_new(secret);
        luks_token_prove_with(q->slot_key);
        s = authority_read(q->authority_kind, q->form, q->authority, &authority);
        if (s)
                goto out;
        s = prepare_all(q->format, &authority, secret);
        if (s)
                goto out;
        s = secret_offer(secret, &secret_fd);
        if (s)
                goto out;
        s = describe_all(r->arena, &p->disks.items, &p->disks.count);
out:
        authority_clear(&authority);
        explicit_bzero(secret, sizeof secret);
        if (s && secret_fd >= 0)
                close(secret_fd);
        p->secret = s ? -1 : secret_fd;
        file_device_tell_writes(-1); /* it closes with the request */
        if (s)
                operation_close(); /* some have new headers, some have not */
        return s;
}

/* --- key slots ----------------------------------------------------------------------------- */

enum status on_device_slots(struct request *r, const struct device_slots_req *q,
                            struct device_slots_rep *p)
{
        enum status s = need_open();

        luks_token_prove_with(q->slot_key);
        p->disks.items = arena_get_many(r->arena, operation.count, sizeof *p->disks.items);
        for (size_t i = 0; i < operation.count && !s; i++) {
                const struct device *d = &operation.devices[i];
                struct disk_slots *out = &p->disks.items[p->disks.count];
                struct held_disk held;

                if (!d->kind->slots || !lies_in(d, &held))
                        continue;
                *out = (struct disk_slots){.device = d->name, .path = held.path};
                s = d->kind->slots(d, r->arena, out);
                for (size_t j = 0; j < out->slots.count; j++)
                        out->slots.items[j].still = d->still >> out->slots.items[j].slot & 1;
                p->disks.count++;
        }
        return s;
}

/* A disk that a new passphrase opens already is left alone; so the same request makes whole what
 * only some disks have. Refused is a passphrase that is new to none. */
static enum status edit_all(const struct device_edit *e)
{
        struct error old = {};
        size_t edited = 0;
        enum status s = ST_DONE;

        for (size_t i = 0; i < operation.count && !s; i++) {
                struct device *d = &operation.devices[i];

                if (!d->kind->edit)
                        continue;
                s = d->kind->edit(d, e);
                edited += !s;
                if (s == ST_EXISTS && e->change == SLOT_ADD) {
                        old = *error_last();
                        s = ST_DONE;
                }
        }
        if (s || edited || !old.status)
                return s;
        error_keep(&old);
        return old.status;
}

static enum authority_kind kind_if(enum authority_kind kind, int fd)
{
        return fd < 0 ? AUTHORITY_NONE : kind;
}

static enum status need_passphrases(const struct device_edit *e)
{
        const bool needs_fresh = e->change == SLOT_ADD || e->change == SLOT_CHANGE;
        const bool finds =
                (e->change == SLOT_CHANGE || e->change == SLOT_REMOVE) && e->slot == KEY_SLOTS_MOST;

        if ((needs_fresh && !e->fresh->kind) || (finds && !e->present->kind))
                return FAIL(ST_USAGE, .subject = "the passphrase",
                            .expected = needs_fresh && !e->fresh->kind
                                                ? "a new one"
                                                : "the present one, or the number of its slot",
                            .found = "none", .remedy = "bulkhead vm passphrase --help");
        return e->slot > KEY_SLOTS_MOST ? FAIL(ST_INVALID, .subject = "the number of a key slot")
                                        : ST_DONE;
}

enum status on_device_edit(struct request *r, const struct device_edit_req *q,
                           struct device_edit_rep *p)
{
        struct authority present = {0}, fresh = {0}, secret = {0};
        struct device_edit e = {q->change, q->slot, NULL, &present, &fresh, q->last};
        enum status s = need_open();

        luks_token_prove_with(q->slot_key);
        if (!s)
                s = authority_read(kind_if(AUTHORITY_PASSPHRASE, q->present), q->present_form,
                                   q->present, &present);
        if (!s)
                s = authority_read(kind_if(AUTHORITY_PASSPHRASE, q->fresh), q->fresh_form, q->fresh,
                                   &fresh);
        if (!s)
                s = authority_read(kind_if(AUTHORITY_SECRET, q->secret), PASSPHRASE_LINE, q->secret,
                                   &secret);
        if (secret.bytes.len)
                e.secret = secret.bytes.data;
        if (!s)
                s = need_passphrases(&e);
        if (!s)
                s = edit_all(&e);
        if (!s)
                s = describe_all(r->arena, &p->disks.items, &p->disks.count);
        authority_clear(&present);
        authority_clear(&fresh);
        authority_clear(&secret);
        if (s)
                operation_close(); /* some have new headers, some have not */
        return s;
}

/* --- writing ------------------------------------------------------------------------------- */

static enum status refuse_stranger(const struct device_write_header_req *q, const char *found)
{
        return FAIL(
                ST_CHANGED, .subject = q->path, .expected = "the disk that was prepared",
                .found = found,
                .remedy = FMT("put the sealed disk back at %s, or a copy of its header", q->path));
}

/* The journal comes from a process with fewer rights. What it makes of the disk's head has to be a
 * LUKS2 header, and the one that the request names. */
static enum status check_result(const struct device_write_header_req *q, int fd, struct bytes runs)
{
        static const uint8_t luks2[8] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 2};
        uint8_t head[HEADER_HEAD];
        struct digest result;
        enum status s = header_head_after(fd, runs, head);

        if (s)
                return s;
        result = digest_of(HASH_SHA256, head, sizeof head);
        if (memcmp(head, luks2, sizeof luks2) || !digest_equal(&result, &q->new_head))
                return FAIL(ST_DAMAGED, .subject = q->path,
                            .expected = "a journal that makes a LUKS2 header",
                            .found = "one that makes something else",
                            .remedy = "the disk is as it was; seal the VM again");
        return ST_DONE;
}

/* A disk that was blank has no head to be known by, and its size is not its own: after a power cut
 * another one may have its name. Either what is written over is what was there, or the disk has a
 * part of the new header already. */
static enum status check_area(const struct device_write_header_req *q, int fd, struct bytes runs)
{
        struct digest area;
        bool begun;
        enum status s = q->old_area.alg ? header_area(fd, runs, &area, &begun) : ST_DONE;

        if (s || !q->old_area.alg || begun || digest_equal(&area, &q->old_area))
                return s;
        return refuse_stranger(q, "other data where the header goes: another disk, or changed "
                                  "since");
}

enum status on_device_write_header(struct request *r, const struct device_write_header_req *q,
                                   struct device_write_header_rep *p)
{
        struct disk_identity seen;
        struct digest head;
        struct bytes runs;
        int fd;
        enum status s;

        (void)p;
        s = header_bytes(q->runs, r->arena, &runs);
        if (!s)
                s = open_disk(q->path, true, &fd, &seen);
        if (s)
                return s;
        s = header_head(fd, &head);
        if (!s && seen.size != q->size)
                s = refuse_stranger(q, "one of another size");
        else if (!s && !digest_equal(&head, &q->old_head) && !digest_equal(&head, &q->new_head))
                s = refuse_stranger(q, "another header: another disk, or changed since");
        else if (!s && !digest_equal(&head, &q->new_head)) {
                s = check_result(q, fd, runs);
                if (!s)
                        s = luks_check_runs(q->path, fd, seen.size, runs);
                if (!s)
                        s = check_area(q, fd, runs);
                if (!s)
                        s = header_apply(fd, seen.size, runs);
        }
        close(fd);
        return s;
}

/* --- starting ------------------------------------------------------------------------------ */

enum status on_device_key_pipe(struct request *r, const struct device_key_pipe_req *q,
                               struct device_key_pipe_rep *p)
{
        enum status s = need_open();

        (void)r, (void)q;
        p->secret = -1;
        if (s)
                return s;
        if (operation.key_pipe >= 0)
                close(operation.key_pipe);
        operation.key_pipe = -1;
        return secret_pipe(&operation.key_pipe, &p->secret);
}

static enum status unlock_all(const uint8_t secret[static SECRET_LEN], struct device_unlock_rep *p)
{
        enum status s = ST_DONE;
        size_t i;

        for (i = 0; i < operation.count && !s; i++) {
                struct device *d = &operation.devices[i];

                if (d->kind->unlock && !d->look)
                        s = d->kind->unlock(d, secret, p);
        }
        if (s && p->memory >= 0)
                close(p->memory);
        if (s)
                p->memory = -1;
        while (s && i-- > 0)
                if (operation.devices[i].kind->undo && !operation.devices[i].look)
                        operation.devices[i].kind->undo(&operation.devices[i]);
        return s;
}

enum status on_device_unlock(struct request *r, const struct device_unlock_req *q,
                             struct device_unlock_rep *p)
{
        uint8_t secret[SECRET_LEN];
        enum status s = need_open();

        (void)q;
        if (!s && (operation.key_pipe < 0 || operation.unlocked))
                s = FAIL(ST_WRONG_STATE, .subject = "unlocking", .expected = "a key pipe, once");
        if (s)
                return s;
        s = secret_read(operation.key_pipe, secret);
        close(operation.key_pipe);
        operation.key_pipe = -1;
        p->devices.items = arena_get_many(r->arena, operation.count, sizeof *p->devices.items);
        p->memory = -1;
        if (!s)
                s = unlock_all(secret, p);
        explicit_bzero(secret, sizeof secret);
        operation.unlocked = !s;
        return s;
}

enum status on_device_check(struct request *r, const struct device_check_req *q,
                            struct device_check_rep *p)
{
        enum status s = need_open();

        (void)r, (void)q, (void)p;
        for (size_t i = 0; i < operation.count && !s; i++) {
                const struct device *d = &operation.devices[i];

                if (d->kind->check && !d->look)
                        s = d->kind->check(d);
        }
        return s;
}

/* --- clearing up --------------------------------------------------------------------------- */

enum status on_device_release(struct request *r, const struct device_release_req *q,
                              struct device_release_rep *p)
{
        (void)r, (void)p;
        return backend->release(&q->vm, q->device);
}

enum status on_device_sweep(struct request *r, const struct device_sweep_req *q,
                            struct device_sweep_rep *p)
{
        struct uuid *held = arena_get_many(r->arena, q->held.count, sizeof *held);

        for (size_t i = 0; i < q->held.count; i++)
                held[i] = q->held.items[i].vm;
        p->removed = backend->sweep(held, q->held.count);
        return ST_DONE;
}

/* --- beginning ----------------------------------------------------------------------------- */

static const struct handler handlers[] = {
#define DEVICE_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

static void child_begin(void)
{
        operation.arena = arena_new();
}

static const char *backend_name = "dm", *trees = "";

static error_t parse(int key, char *value, struct argp_state *state)
{
        (void)state;
        if (key != 'd' && key != 't')
                return ARGP_ERR_UNKNOWN;
        *(key == 'd' ? &backend_name : &trees) = value;
        return 0;
}

int main(int argc, char **argv)
{
        static const struct argp_option options[] = {
                {"devices", 'd', "BACKEND", 0, "dm, or sim: no device is mapped", 0},
                {"trees", 't', "DIR", 0, "The folder of hash trees", 0},
                {0}};
        static const struct argp argp = {
                .options = options, .parser = parse, .doc = "Started by svdm, never by hand."};
        static const struct worker_duty duty = {.name = "device_worker",
                                                .ahead = true,
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof handlers / sizeof *handlers,
                                                .child_begin = child_begin};

        process_harden();
        report_open("device_worker");
        argp_parse(&argp, argc, argv, 0, NULL, NULL);
        luks_init();
        if (device_backend_of_name(backend_name, &backend) || backend->begin(trees)) {
                report_error("beginning with the device back-end");
                return 3;
        }
        worker_serve(&duty);
}
