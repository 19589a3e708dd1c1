/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a VM's seal that is forgotten. vm_undefine comes here with the VM claimed and
 * stopped. It learns first what else opens the disks, as far as they can be read. The headers
 * without the seal's key slots are journalled under generation 0, which is what a VM without a seal
 * has: they reach the disks once integrity-mgr has forgotten the seal, and never before.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/sealed_disks.h"
#include "compartment-mgr/stories.h"
#include "lib/report.h"

#include <string.h>
#include <unistd.h>

enum { NO_GENERATION = 0 };

/* What was found of the disks. */
struct undefining {
        struct vm_undefine_rep *reply;
        bool whole;                    /* all that the seal measures is open */
        bool read;                     /* a disk is open, at least */
        struct disk_slots_list unread; /* those that are not */
};

static bool is_encrypted(const struct disk *d)
{
        return !strcmp(d->kind, "crypt");
}

/* --- what there is ------------------------------------------------------------------------- */

static const char *reason(struct arena *a, enum status s)
{
        const struct error *why = error_last();

        return arena_print(a, "%s%s%s%s%s", status_sentence(s), *why->subject ? ": " : "",
                           why->subject, *why->found ? ": " : "", why->found);
}

static void add_unread(struct disk_slots_list *to, const char *device, const char *path,
                       const char *why)
{
        to->items[to->count++] =
                (struct disk_slots){.device = device, .path = path, .tokens = "", .unread = why};
}

static struct wanted_device_list list_encrypted(const struct operation *o)
{
        struct wanted_device_list wanted = {0};

        wanted.items = arena_get_many(o->arena, o->config.disks.count + 1, sizeof *wanted.items);
        for (size_t i = 0; i < o->config.disks.count; i++) {
                const struct disk *d = &o->config.disks.items[i];

                if (is_encrypted(d))
                        wanted.items[wanted.count++] =
                                (struct wanted_device){d->device, d->kind, d->path, d->writable,
                                                       sealed_disks_at(&o->sealed, d->path)};
        }
        return wanted;
}

/* Takes the disk that the error is about off the list. False if it is about none. */
static bool leave_out(struct operation *o, enum status s, struct wanted_device_list *wanted,
                      struct disk_slots_list *unread)
{
        const char *subject = arena_text(o->arena, error_last()->subject);

        for (size_t i = 0; i < wanted->count; i++) {
                const struct wanted_device d = wanted->items[i];

                if (strcmp(d.path, subject))
                        continue;
                add_unread(unread, d.name, d.path, reason(o->arena, s));
                memmove(&wanted->items[i], &wanted->items[i + 1],
                        (--wanted->count - i) * sizeof *wanted->items);
                return true;
        }
        return false;
}

/* The encrypted disks alone, and of them those that can be read: neither a kernel that is gone nor
 * another disk keeps a key slot where it is. *unread has the others, also if there is an error. */
static enum status open_encrypted(struct operation *o, struct disk_slots_list *unread)
{
        struct svdm_open_req q = {.vm = o->vm->uuid};
        enum status s;

        q.devices = list_encrypted(o);
        do
                s = operation_svdm(o, CALL(svdm_open, &q, &o->open), PEER_LONG);
        while (s && leave_out(o, s, &q.devices, unread) && q.devices.count);
        for (size_t i = 0; s && i < q.devices.count; i++)
                add_unread(unread, q.devices.items[i].name, q.devices.items[i].path,
                           reason(o->arena, s));
        return s;
}

/* Nothing can be told of any disk. */
static void list_unread(struct operation *o, enum status s, struct disk_slots_list *unread)
{
        const char *why = reason(o->arena, s);

        unread->count = 0;
        for (size_t i = 0; i < o->vm->disks.count; i++) {
                const struct disk *d = &o->vm->disks.items[i];

                if (is_encrypted(d))
                        add_unread(unread, d->device, d->path, why);
        }
}

/* What there is to tell of the disks: of those that are open, and of the others. */
static enum status ask_slots(struct operation *o, const struct disk_slots_list *unread,
                             struct disk_slots_list *out)
{
        struct svdm_slots_req q = {};
        struct svdm_slots_rep p = {};
        enum status s = operation_svdm(o, CALL(svdm_slots, &q, &p), PEER_LONG);

        if (s)
                return s;
        out->count = 0;
        out->items =
                arena_get_many(o->arena, p.disks.count + unread->count + 1, sizeof *out->items);
        for (size_t i = 0; i < p.disks.count; i++)
                out->items[out->count++] = p.disks.items[i];
        for (size_t i = 0; i < unread->count && out->count < DISKS_MOST; i++)
                out->items[out->count++] = unread->items[i];
        return ST_DONE;
}

/* *whole_out: all that the seal measures is open. */
static enum status open_disks(struct operation *o, bool *whole_out, struct disk_slots_list *unread)
{
        enum status s = operation_read_config(o);

        if (s)
                return s;
        s = operation_open_disks(o);
        *whole_out = !s;
        return s ? open_encrypted(o, unread) : ST_DONE;
}

static void look(struct operation *o, struct undefining *u)
{
        struct disk_slots_list *unread = &u->unread;
        enum status s;

        unread->count = 0;
        unread->items =
                arena_get_many(o->arena, DISKS_MOST + o->vm->disks.count, sizeof *unread->items);
        s = open_disks(o, &u->whole, unread);
        if (!s)
                s = ask_slots(o, unread, &u->reply->disks);
        u->read = !s;
        if (u->read)
                sealed_disks_mark(&o->sealed, &o->open.disks, &u->reply->disks);
        if (s && !unread->count)
                list_unread(o, s, unread);
        if (s)
                u->reply->disks = *unread;
        error_clear();
}

static bool has(const struct disk_slots *d, enum key_slot_kind kind)
{
        for (size_t i = 0; i < d->slots.count; i++)
                if (d->slots.items[i].kind == kind)
                        return true;
        return false;
}

static bool any_has(const struct disk_slots_list *disks, enum key_slot_kind kind)
{
        for (size_t i = 0; i < disks->count; i++)
                if (has(&disks->items[i], kind))
                        return true;
        return false;
}

/* Of disks that are elsewhere the seal may have the only key, and nobody can say of which. */
static enum status record_unread(const struct operation *o, const char *forget)
{
        return FAIL(ST_REFUSED, .subject = FMT("the seal of VM %s", o->vm->name),
                    .expected = "a record that says of which disks it has the key",
                    .found = "none that can be read",
                    .remedy = FMT_LONG("restore integrity-mgr's state folder from a backup, and "
                                       "repeat; or, to give up the keys of that seal, and the data "
                                       "of each disk that no passphrase opens: %s",
                                       forget));
}

static enum status may_forget(const struct operation *o, const struct disk_slots_list *disks)
{
        const char *forget =
                arena_print(o->arena, "bulkhead vm undefine --forget-key %s", o->vm->name);

        for (size_t i = 0; i < disks->count; i++) {
                const struct disk_slots *d = &disks->items[i];

                if (*d->unread)
                        return FAIL(ST_REFUSED, .subject = d->path,
                                    .expected = "a disk of which can be told what opens it",
                                    .found = d->unread,
                                    .remedy = FMT("put it back; or, if its data may be lost (the "
                                                  "seal's key may be its only one): %s",
                                                  forget));
                if (!d->foreign && !has(d, KEY_SLOT_PASSPHRASE))
                        return FAIL(ST_REFUSED, .subject = d->path,
                                    .expected = "a passphrase that opens the disk, too",
                                    .found = "none: the seal has its only key",
                                    .remedy = FMT("add one: bulkhead vm passphrase add %s; or, to "
                                                  "DESTROY the last key and so the data: %s",
                                                  o->vm->name, forget));
        }
        return o->sealed.descriptor.canonical.len
                       ? sealed_disks_present(&o->sealed, &o->open.disks, forget)
                       : record_unread(o, forget);
}

/* --- what goes ----------------------------------------------------------------------------- */

/* A key slot that no proof stands for is known by the seal's key alone. */
static int key_if_needed(struct operation *o, const struct disk_slots_list *disks, bool whole,
                         const char **kept_out)
{
        int secret = -1;
        enum status s;

        if (!whole || !o->sealed.generation || !any_has(disks, KEY_SLOT_CLAIMED))
                return -1;
        s = device_check_all(o);
        if (!s)
                s = operation_present_secret(o, &secret);
        if (s) {
                *kept_out =
                        arena_print(o->arena, "the seal does not open: %s", reason(o->arena, s));
                error_clear();
        }
        return secret;
}

static enum status stage_without_seal(struct operation *o, int secret, struct undefining *u)
{
        struct svdm_edit_req q = {.change = SLOT_FORGET,
                                  .slot = KEY_SLOTS_MOST,
                                  .secret = secret,
                                  .present = -1,
                                  .fresh = -1};
        struct svdm_edit_rep p = {};
        struct disk_slots_list then = {0};
        struct digest journal; /* no seal names it: there will be none */
        enum status s = operation_svdm(o, CALL(svdm_edit, &q, &p), PEER_LONG);

        open_disks_close(p.disks.items, p.disks.count);
        if (!s)
                s = ask_slots(o, &u->unread, &then);
        if (!s)
                s = operation_stage(o, NO_GENERATION, &journal);
        if (s)
                return s;
        sealed_disks_mark(&o->sealed, &o->open.disks, &then);
        u->reply->disks = then;
        return s;
}

static enum status forget_record(struct operation *o)
{
        struct im_forget_req q = {.asker = *compartment_asker(o->compartment), .vm = o->vm->uuid};
        struct im_forget_rep p;

        return o->sealed.generation
                       ? peer_call(PEER_IM, CALL(im_forget, &q, &p), o->arena, PEER_SHORT)
                       : ST_DONE;
}

static void drop_staged(struct operation *o)
{
        struct error why = *error_last();

        operation_drop_journal(o);
        error_keep(&why);
}

/* Integrity-mgr alone knows whether it has forgotten the seal, also if its answer was lost. As long
 * as it does not say, the journal stays for the next operation. */
static enum status settle_forgotten(struct operation *o, enum status s, uint64_t generation)
{
        struct error why = *error_last();
        bool forgotten;

        if (operation_ask_sealed(o)) {
                report_error("asking whether a seal was forgotten");
                error_keep(&why);
                return s;
        }
        forgotten = !o->sealed.generation;
        if (!forgotten) {
                drop_staged(o);
                if (compartment_set_generation(o->compartment, generation))
                        report_error("keeping the generation of a seal"); /* the next one will */
        }
        error_keep(&why);
        return forgotten ? ST_DONE : s;
}

/* First the definition says that there is no seal: from the moment on at which there is none, the
 * journal counts. Should it end between, the seal that is there puts its generation back. */
static enum status unseal_definition(struct operation *o)
{
        const bool had_record = o->sealed.generation;
        const uint64_t generation = o->vm->generation;
        enum status s = compartment_set_generation(o->compartment, NO_GENERATION);

        if (s) {
                drop_staged(o);
                return s;
        }
        s = forget_record(o);
        return s && had_record ? settle_forgotten(o, s, generation) : s;
}

/* A disk that cannot be written keeps its slot if its key may go, or else the VM its definition. */
static enum status settle(struct operation *o, bool forget_key, const char **kept_out)
{
        enum status s = operation_settle(o);

        if (!s || !forget_key)
                return s;
        *kept_out = reason(o->arena, s);
        drop_staged(o);
        error_clear();
        return ST_DONE;
}

static enum status forget(struct operation *o, bool forget_key, struct undefining *u)
{
        struct vm_undefine_rep *p = u->reply;
        int secret = u->read ? key_if_needed(o, &p->disks, u->whole, &p->kept) : -1;
        enum status s = ST_DONE, staged = ST_DONE;

        if (u->read)
                staged = stage_without_seal(o, secret, u);
        if (secret >= 0)
                close(secret);
        if (staged) {
                p->kept = reason(o->arena, staged);
                drop_staged(o); /* it may be there: perhaps the answer alone was lost */
                error_clear();
        }
        s = unseal_definition(o);
        if (s)
                return s;
        return u->read && !staged ? settle(o, forget_key, &p->kept) : ST_DONE;
}

/* If it never was, its disks are none of its business: another VM may have them. */
static bool was_sealed(const struct operation *o)
{
        return o->sealed.generation || o->vm->generation;
}

enum status undefine_forget(struct arena *a, struct compartment *c, bool forget_key,
                            struct vm_undefine_rep *p)
{
        struct operation o = OPERATION_NONE;
        struct undefining u = {.reply = p};
        enum status s = operation_begin(&o, a, c);

        p->kept = "";
        if (s)
                goto out;
        if (was_sealed(&o))
                look(&o, &u);
        /* A record that was lost does not make the seal's key slot the less the only one. */
        if (was_sealed(&o) && !forget_key)
                s = may_forget(&o, &p->disks);
        if (!s)
                s = forget(&o, forget_key, &u);
out:
        operation_end(&o);
        return s;
}
