/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a definition that is replaced. vm_replace comes here with the VM claimed and
 * stopped. The present seal opens as for a start, with all that its owner asked for, unless a
 * passphrase is to open the disks. Then the disks, boot files and targets of the new definition are
 * sealed as in seal.c. The new definition is staged under the generation of the new seal, as the
 * new headers are in svdm's journal: what integrity-mgr has committed to decides about all three. A
 * VM that was never sealed gets the new definition as it is.
 */
#include "compartment-mgr/descriptor_rename.h"
#include "compartment-mgr/descriptors.h"
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/disk_guard.h"
#include "compartment-mgr/mac_guard.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/seal.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"

#include <string.h>
#include <unistd.h>

enum status replace_which(struct arena *a, const struct vm_replace_req *q, const char **vm_out)
{
        struct config_read_req ask = {.xl_cfg = q->config};
        struct config_read_rep c;
        struct vm_definition d;
        struct vm_summary vm;
        char *uuid = arena_get(a, 37);
        enum status s;

        *vm_out = q->vm;
        if (*q->vm)
                return ST_DONE;
        s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_read, &ask, &c), a);
        if (s)
                return s;
        uuid_write(&c.uuid, uuid);
        *vm_out = compartment_find(uuid, a, &d, &vm) ? c.name : uuid;
        error_clear();
        return ST_DONE;
}

/* The new definition, with the UUID and the MAC addresses of the present one. */
static enum status read_next(struct arena *a, const struct vm_definition *present,
                             const struct vm_replace_req *q, struct vm_definition *next_out)
{
        struct config_read_req ask = {
                .xl_cfg = q->config, .uuid = present->uuid, .present = present->config};
        struct config_read_rep c;
        enum status s =
                worker_call(workers.config, CONFIG_DEADLINE, CALL(config_read, &ask, &c), a);

        if (s)
                return s;
        *next_out = *present;
        next_out->owner = principal_copy(a, &present->owner);
        next_out->last_refusal = "";
        next_out->name = c.name;
        next_out->config = c.json;
        next_out->disks = c.disks;
        if (q->owner.kind != PRINCIPAL_NOBODY)
                next_out->owner = q->owner;
        return ST_DONE;
}

static enum status parse_config(struct arena *a, const struct vm_definition *d,
                                struct vm_config *config_out)
{
        struct config_parse_req q = {.json = d->config};
        struct config_parse_rep p;
        enum status s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_parse, &q, &p), a);

        if (!s)
                *config_out = p.config;
        return s;
}

/* --- the disks ------------------------------------------------------------------------------- */

static bool has_writable(const struct disk_list *disks, const struct disk *disk)
{
        for (size_t i = 0; i < disks->count; i++)
                if (disks->items[i].writable && !strcmp(disks->items[i].path, disk->path))
                        return true;
        return false;
}

/* How many writable disks of `in` are not in `other`; *first is one of them. */
static size_t count_missing(const struct disk_list *in, const struct disk_list *other,
                            const struct disk **first)
{
        size_t n = 0;

        for (size_t i = 0; i < in->count; i++)
                if (in->items[i].writable && !has_writable(other, &in->items[i])) {
                        *first = n ? *first : &in->items[i];
                        n++;
                }
        return n;
}

/* A disk that is left out keeps only the key of a seal that is gone then. One that comes in has to
 * open with what opens the others. One that has moved is both. */
static enum status keep_disks(const struct vm_definition *present, const struct vm_definition *next,
                              const struct vm_replace_req *q)
{
        const struct disk *gone = NULL, *new = NULL;
        size_t left = count_missing(&present->disks, &next->disks, &gone);
        size_t come = count_missing(&next->disks, &present->disks, &new);

        if (left > come && !q->forget_key)
                return FAIL(ST_REFUSED, .subject = FMT("disk %.200s", gone->path),
                            .expected = "the writable disks that VM has",
                            .found = "it is left out, and its key is in the seal, which goes",
                            .remedy = FMT_LONG("name it in the file again; the VM can do without "
                                               "it while it runs: bulkhead vm detach %s %s; the "
                                               "same with --forget-key gives up the seal's key of "
                                               "it, and its data if no passphrase opens it",
                                               present->name, gone->device));
        if (come > left && q->passphrase < 0)
                return FAIL(ST_REFUSED, .subject = FMT("disk %.200s", new->path),
                            .expected = "the writable disks that VM has",
                            .found = "one that the VM's seal has no key of",
                            .remedy = "make it LUKS2 with a passphrase that opens the VM's other "
                                      "disks, too, and give that: --passphrase-file");
        return ST_DONE;
}

/* --- the descriptor -------------------------------------------------------------------------- */

/* The one that was given; or that of the present seal, with the names that are new. */
static enum status find_descriptor(struct operation *o, const struct vm_replace_req *q,
                                   const struct vm_config *next, struct descriptor *d_out)
{
        const struct descriptor *sealed = &o->sealed.descriptor;
        enum status s;

        if (q->descriptor.len)
                return descriptors_read(q->descriptor, DESCRIPTOR_SEALING, o->arena, d_out);
        if (sealed->kind != DESCRIPTOR_SEALING)
                return FAIL(ST_DAMAGED, .subject = FMT("the seal of VM %s", o->vm->name),
                            .expected = "its descriptor", .found = "a seal that cannot be read",
                            .remedy = "give a descriptor: --descriptor, and a passphrase of the "
                                      "VM's disks: --passphrase-file");
        s = descriptors_read(descriptor_rename(o->arena, sealed->canonical, &o->config, next),
                             DESCRIPTOR_SEALING, o->arena, d_out);
        return s ? s : descriptor_keep_predicates(o->arena, sealed, d_out);
}

/* --- the story ------------------------------------------------------------------------------- */

/* All that a start asks for; then the secret. */
static enum status open_present(struct operation *o, struct sealing *how)
{
        enum status s = device_check_all(o);

        if (!s)
                s = operation_open_disks(o);
        if (!s)
                s = operation_present_secret(o, &how->authority);
        how->authority_kind = AUTHORITY_SECRET;
        return s;
}

/* The present definition: what it was sealed to has to be there. */
static enum status look_at_present(struct operation *o, struct arena *a, struct compartment *c,
                                   const struct vm_replace_req *q, const struct vm_definition *next,
                                   struct descriptor *d_out)
{
        struct vm_config config;
        enum status s = operation_begin(o, a, c);

        if (s || !o->sealed.generation)
                return s;
        s = operation_read_config(o);
        if (!s)
                s = keep_disks(o->vm, next, q);
        if (!s)
                s = parse_config(a, next, &config);
        if (!s)
                s = find_descriptor(o, q, &config, d_out);
        if (!s)
                s = targets_check(d_out->targets.items, d_out->targets.count);
        return s ? s : device_check_named(d_out, &config, a);
}

/* The VM as it is to be, in an operation of its own: svdm opens each definition's disks once. */
static enum status seal_next(struct arena *a, struct compartment *c, struct sealing *how, bool yes)
{
        struct operation o = OPERATION_NONE;
        enum status s = operation_begin(&o, a, c);
        const char *warning; /* in the log */

        o.vm = how->next;
        if (!s)
                s = operation_read_config(&o);
        if (!s)
                s = device_check_try(&o, how->descriptor);
        if (!s)
                s = operation_open_disks(&o);
        if (!s) /* one that comes in is adopted */
                s = disk_guard_check(&o, false, yes, &warning);
        if (!s)
                s = seal_disks(&o, how);
        operation_end(&o);
        return s;
}

static enum status replace(struct arena *a, struct compartment *c, const struct vm_replace_req *q,
                           const struct vm_definition *next)
{
        struct operation o = OPERATION_NONE;
        struct descriptor d;
        struct sealing how = {.descriptor = &d,
                              .authority_kind = AUTHORITY_PASSPHRASE,
                              .forget_key = q->forget_key,
                              .authority = q->passphrase,
                              .form = q->form,
                              .next = next};
        enum status s = look_at_present(&o, a, c, q, next, &d);
        bool sealed = o.sealed.generation;

        if (!s && sealed && q->passphrase < 0)
                s = open_present(&o, &how);
        operation_end(&o);
        if (!s && !sealed)
                s = compartment_commit(c);
        if (!s)
                s = sealed ? seal_next(a, c, &how, q->yes) : compartment_replace(c, next);
        if (how.authority >= 0 && how.authority != q->passphrase)
                close(how.authority);
        return s;
}

enum status replace_vm(struct arena *a, struct compartment *c, const struct vm_replace_req *q)
{
        struct vm_definition next;
        struct mac_claim claim;
        enum status s;

        compartment_set_state(c, VM_SEALING, "");
        s = compartment_allow_cancel(c);
        if (!s)
                s = read_next(a, compartment_definition(c), q, &next);
        if (!s)
                s = mac_guard_claim(&claim, &next, a);
        if (!s) {
                s = replace(a, c, q, &next);
                mac_guard_drop(&claim);
        }
        if (s != ST_CONSENT) /* a question */
                compartment_set_refusal(c, s);
        compartment_set_state(c, VM_STOPPED, s ? status_sentence(s) : "defined anew");
        return s;
}
