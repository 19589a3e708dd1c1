/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a VM's seal that is forgotten. vm_undefine comes here with the VM claimed and
 * stopped. It learns first what else opens the disks. The headers without the seal's key slots are
 * journalled under generation 0, which is what a VM without a seal has: they reach the disks once
 * integrity-mgr has forgotten the seal, and never before.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"

#include <string.h>
#include <unistd.h>

enum { NO_GENERATION = 0 };

static bool is_encrypted(const struct disk *d)
{
        return !strcmp(d->kind, "crypt");
}

/* --- what there is ------------------------------------------------------------------------- */

/* The encrypted disks alone: a kernel that is gone does not keep a key slot where it is. */
static enum status open_encrypted(struct operation *o)
{
        struct wanted_device_list wanted = {0};
        struct svdm_open_req q = {.vm = o->vm->uuid};

        wanted.items = arena_get_many(o->arena, o->config.disks.count + 1, sizeof *wanted.items);
        for (size_t i = 0; i < o->config.disks.count; i++) {
                const struct disk *d = &o->config.disks.items[i];

                if (is_encrypted(d))
                        wanted.items[wanted.count++] =
                                (struct wanted_device){d->device, d->kind, d->path, d->writable};
        }
        q.devices = wanted;
        return operation_svdm(o, CALL(svdm_open, &q, &o->open), PEER_LONG);
}

static const char *reason(struct arena *a, enum status s)
{
        const struct error *why = error_last();

        return arena_print(a, "%s%s%s%s%s", status_sentence(s), *why->subject ? ": " : "",
                           why->subject, *why->found ? ": " : "", why->found);
}

/* For the refusal, and for whoever has to know what is left. */
static void list_unread(struct operation *o, enum status s, struct disk_slots_list *out)
{
        const char *why = reason(o->arena, s);

        out->count = 0;
        out->items = arena_get_many(o->arena, o->vm->disks.count + 1, sizeof *out->items);
        for (size_t i = 0; i < o->vm->disks.count; i++) {
                const struct disk *d = &o->vm->disks.items[i];

                if (is_encrypted(d))
                        out->items[out->count++] = (struct disk_slots){
                                .device = d->device, .path = d->path, .tokens = "", .unread = why};
        }
        error_clear();
}

static enum status ask_slots(struct operation *o, struct disk_slots_list *out)
{
        struct svdm_slots_req q = {};
        struct svdm_slots_rep p = {};
        enum status s = operation_svdm(o, CALL(svdm_slots, &q, &p), PEER_LONG);

        if (!s)
                *out = p.disks;
        return s;
}

/* *whole_out: all that the seal measures is open. */
static enum status open_disks(struct operation *o, bool *whole_out)
{
        enum status s = operation_read_config(o);

        if (s)
                return s;
        s = operation_open_disks(o);
        *whole_out = !s;
        if (!s)
                return s;
        return open_encrypted(o);
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

static enum status may_forget(const struct operation *o, const struct disk_slots_list *disks)
{
        for (size_t i = 0; i < disks->count; i++) {
                const struct disk_slots *d = &disks->items[i];

                if (*d->unread)
                        return FAIL(ST_REFUSED, .subject = d->path,
                                    .expected = "a disk of which can be told what opens it",
                                    .found = d->unread,
                                    .remedy = FMT("put it back; or, if its data may go, for the "
                                                  "seal's key may be its only one: bulkhead vm "
                                                  "undefine --forget-key %s",
                                                  o->vm->name));
                if (!has(d, KEY_SLOT_PASSPHRASE))
                        return FAIL(ST_REFUSED, .subject = d->path,
                                    .expected = "a passphrase that opens the disk, too",
                                    .found = "none: the seal has its only key",
                                    .remedy = FMT("add one: bulkhead vm passphrase add %s; or, to "
                                                  "DESTROY the last key and so the data: bulkhead "
                                                  "vm undefine --forget-key %s",
                                                  o->vm->name, o->vm->name));
        }
        return ST_DONE;
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

static enum status stage_without_seal(struct operation *o, int secret, struct disk_slots_list *out)
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
                s = ask_slots(o, &then);
        if (!s)
                s = operation_stage(o, NO_GENERATION, &journal);
        if (!s)
                *out = then;
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
        struct svdm_settle_req q = {.vm = o->vm->uuid, .generation = UINT64_MAX};
        struct svdm_settle_rep p;
        struct error why = *error_last();

        operation_svdm(o, CALL(svdm_settle, &q, &p), PEER_SHORT);
        error_keep(&why);
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

static enum status forget(struct operation *o, bool whole, bool forget_key,
                          struct vm_undefine_rep *p)
{
        const bool read = p->disks.count && !*p->disks.items[0].unread;
        int secret = read ? key_if_needed(o, &p->disks, whole, &p->kept) : -1;
        enum status s = ST_DONE, staged = ST_DONE;

        if (read)
                staged = stage_without_seal(o, secret, &p->disks);
        if (secret >= 0)
                close(secret);
        if (staged) {
                p->kept = reason(o->arena, staged);
                error_clear();
        }
        s = forget_record(o);
        if (s) {
                drop_staged(o);
                return s;
        }
        return read && !staged ? settle(o, forget_key, &p->kept) : ST_DONE;
}

enum status undefine_forget(struct arena *a, struct compartment *c, bool forget_key,
                            struct vm_undefine_rep *p)
{
        struct operation o = OPERATION_NONE;
        bool whole = false;
        enum status s = operation_begin(&o, a, c), opened;

        p->kept = "";
        if (s)
                goto out;
        opened = open_disks(&o, &whole);
        if (!opened)
                opened = ask_slots(&o, &p->disks);
        if (opened)
                list_unread(&o, opened, &p->disks);
        /* A record that was lost does not make the seal's key slot the less the only one. */
        if ((o.sealed.generation || o.vm->generation) && !forget_key)
                s = may_forget(&o, &p->disks);
        if (!s)
                s = forget(&o, whole, forget_key, p);
out:
        operation_end(&o);
        return s;
}
