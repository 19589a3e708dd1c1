/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that several stories share; each asks one neighbour. */
#include "compartment-mgr/operation.h"
#include "compartment-mgr/open_disks.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/workers.h"
#include "lib/interrupt.h"
#include "lib/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { DECISION_TIME = 5 * 60 * 1000 /* ms */, LOOK_AGAIN = 100 /* ms */ };

enum status operation_ask_sealed(struct operation *o)
{
        struct im_sealed_req q = {.vm = o->vm->uuid};

        return peer_call(PEER_IM, CALL(im_sealed, &q, &o->sealed), o->arena, PEER_SHORT);
}

/* The definition says "sealed", and integrity-mgr knows of no seal: its folder is another one, or
 * not mounted yet. */
static bool is_lost(const struct operation *o)
{
        return !o->sealed.generation && o->vm->generation;
}

static enum status settle_disks(struct operation *o)
{
        const struct disk_list *disks = compartment_disks(o->compartment, &o->sealed);
        struct svdm_settle_req q = {.vm = o->vm->uuid,
                                    .generation = o->sealed.generation,
                                    .journal = o->sealed.journal,
                                    .disks = {disks->items, disks->count}};
        struct svdm_settle_rep p;

        return operation_svdm(o, CALL(svdm_settle, &q, &p), PEER_SHORT);
}

/* A seal that is lost decides nothing: the journal that it has committed to stays until the record
 * is back, or until the owner seals anew or undefines the VM. */
enum status operation_settle(struct operation *o)
{
        enum status s = operation_ask_sealed(o);

        if (s || is_lost(o))
                return s;
        s = settle_disks(o);
        if (!s)
                s = compartment_settle(o->compartment, &o->sealed);
        if (!s)
                compartment_set_undecided(o->compartment, false);
        return s;
}

enum status operation_drop_journal(struct operation *o)
{
        struct svdm_settle_req q = {.vm = o->vm->uuid, .generation = UINT64_MAX};
        struct svdm_settle_rep p;

        return operation_svdm(o, CALL(svdm_settle, &q, &p), PEER_SHORT);
}

/* Unmaps what a crash has left mapped: the VM does not run, so nobody uses it. */
static enum status release_devices(struct operation *o)
{
        struct svdm_release_req q = {.vm = o->vm->uuid};
        struct svdm_release_rep p;

        return operation_svdm(o, CALL(svdm_release, &q, &p), PEER_SHORT);
}

static enum status connect_svdm(struct operation *o, struct arena *a, struct compartment *c)
{
        o->arena = a;
        o->compartment = c;
        o->vm = compartment_definition(c);
        return peer_connect(PEER_SVDM, PEER_PATIENCE, &o->svdm);
}

enum status operation_must_be_sealed(const struct operation *o)
{
        if (o->sealed.generation)
                return ST_DONE;
        if (o->vm->generation)
                return FAIL(ST_DAMAGED, .subject = FMT("the seal of VM %s", o->vm->name),
                            .expected = FMT("number %" PRIu64, o->vm->generation),
                            .found = "integrity-mgr has no record of it",
                            .remedy = FMT_LONG("restore integrity-mgr's newest state folder; "
                                               "without it only a passphrase opens the disks: "
                                               "bulkhead vm seal %s DESCRIPTOR.xml "
                                               "--passphrase-file FILE",
                                               o->vm->name));
        return FAIL(ST_WRONG_STATE, .subject = FMT("VM %s", o->vm->name), .expected = "sealed",
                    .found = "not sealed",
                    .remedy = FMT("bulkhead vm seal %s DESCRIPTOR.xml", o->vm->name));
}

enum status operation_join(struct operation *o, struct arena *a, struct compartment *c)
{
        enum status s = connect_svdm(o, a, c);

        if (!s)
                s = operation_ask_sealed(o);
        return s ? s : operation_must_be_sealed(o);
}

enum status operation_begin(struct operation *o, struct arena *a, struct compartment *c)
{
        enum status s = connect_svdm(o, a, c);

        if (!s)
                s = release_devices(o);
        return s ? s : operation_settle(o);
}

struct digest operation_config(const struct operation *o)
{
        return digest_of(HASH_SHA256, o->vm->config.data, o->vm->config.len);
}

enum status operation_unseal(struct operation *o, int secret)
{
        struct im_unseal_req q = {.asker = *compartment_asker(o->compartment),
                                  .vm = o->vm->uuid,
                                  .owner = o->vm->owner,
                                  .config = operation_config(o)};
        struct im_unseal_rep p;
        enum status s;

        q.disks = o->open.disks;
        q.targets = (struct open_target_list){o->targets.items, o->targets.count};
        q.memory = o->memory_header;
        q.secret = secret;
        s = peer_call(PEER_IM, CALL(im_unseal, &q, &p), o->arena, PEER_LONG);
        if (s)
                return s;
        o->sealed.generation = p.generation;
        if (compartment_set_generation(o->compartment, p.generation))
                report_error("keeping the generation of a seal"); /* the next operation does it */
        return ST_DONE;
}

enum status operation_unseal_disks(struct operation *o)
{
        struct svdm_key_pipe_req q = {};
        struct svdm_key_pipe_rep p = {.secret = -1};
        enum status s = operation_svdm(o, CALL(svdm_key_pipe, &q, &p), PEER_SHORT);

        if (s)
                return s;
        s = operation_unseal(o, p.secret);
        close(p.secret);
        return s;
}

enum status operation_present_secret(struct operation *o, int *secret_out)
{
        int ends[2];
        enum status s;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return FAIL(status_of_errno(errno), .subject = "pipe", .found = strerror(errno));
        s = operation_open_targets(o, &o->sealed.descriptor, o->open.disks.items,
                                   o->open.disks.count);
        if (!s)
                s = operation_unseal(o, ends[1]);
        close(ends[1]);
        if (s)
                close(ends[0]);
        else
                *secret_out = ends[0];
        return s;
}

/* The owner goes on without the seal that is lost. What it has committed to goes only if there is a
 * table of seals without it: else it may come back with the folder. */
static enum status give_up_lost(struct operation *o)
{
        if (o->sealed.known)
                return operation_drop_journal(o);
        return FAIL(ST_DAMAGED, .subject = FMT("the seal of VM %s", o->vm->name),
                    .expected = FMT("number %" PRIu64, o->vm->generation),
                    .found = "integrity-mgr has no table of seals: was its state folder mounted?",
                    .remedy = "restore or mount integrity-mgr's newest state folder; without it "
                              "begin a new one: bulkhead host setup, then bulkhead host approve");
}

enum status operation_stage(struct operation *o, uint64_t generation, struct digest *journal_out)
{
        struct svdm_stage_req q = {.generation = generation};
        struct svdm_stage_rep p;
        enum status s = is_lost(o) ? give_up_lost(o) : ST_DONE;

        if (!s)
                s = operation_svdm(o, CALL(svdm_stage, &q, &p), PEER_SHORT);
        if (!s)
                *journal_out = p.journal;
        return s;
}

/* While integrity-mgr is at work on the seal, nobody knows whether it commits: its turn at the TPM
 * is not interrupted. */
static enum status settle_once_decided(struct operation *o)
{
        const int64_t deadline = deadline_in(DECISION_TIME);
        enum status s;

        while ((s = operation_settle(o)) == ST_BUSY && deadline_left(deadline))
                usleep(LOOK_AGAIN * 1000);
        return s;
}

/* integrity-mgr has committed, and svdm did not write: the seal counts. */
static enum status headers_left(const struct operation *o, enum status s)
{
        const char *why =
                arena_print(o->arena, "%s: %s", error_last()->subject, error_last()->found);

        return FAIL(s, .subject = FMT("VM %s", o->vm->name),
                    .found = FMT_LONG("sealed (generation %llu), but not all headers of its "
                                      "disks are written yet: %s",
                                      (unsigned long long)o->sealed.generation, why),
                    .remedy = "mend that; the next operation on this VM writes them");
}

enum status operation_settle_after(struct operation *o, enum status s, uint64_t generation)
{
        struct error why = *error_last();
        enum status settled;

        interrupt_forbid(); /* integrity-mgr has decided, or is about to */
        settled = settle_once_decided(o);
        compartment_set_undecided(o->compartment, settled);
        if (!settled && o->sealed.generation == generation) {
                compartment_committed(o->compartment);
                return ST_DONE;
        }
        if (settled && o->sealed.generation == generation)
                return headers_left(o, settled);
        if (s == ST_CANCELLED && settled)
                return settled; /* it may still be sealed, so nobody is told that it was undone */
        if (s)
                error_keep(&why);
        else if (!settled)
                return FAIL(ST_INTERNAL, .subject = FMT("VM %s", o->vm->name),
                            .found = "a seal that was not committed");
        return s ? s : settled;
}

enum status operation_must_be_judgeable(const struct operation *o, const char *remedy)
{
        if (!o->sealed.descriptor.clean_stop)
                return ST_DONE;
        return FAIL(ST_REFUSED, .subject = FMT("VM %s", o->vm->name),
                    .expected = "a seal that can be judged while the VM runs",
                    .found = "one with update=\"clean-stop\": what it writes cannot be measured "
                             "while it writes",
                    .remedy = remedy);
}

void operation_end(struct operation *o)
{
        targets_clear(&o->targets);
        open_disks_close(o->open.disks.items, o->open.disks.count);
        o->open.disks.count = 0;
        if (o->memory_header >= 0)
                close(o->memory_header);
        o->memory_header = -1;
        if (o->svdm >= 0)
                close(o->svdm);
        o->svdm = -1;
}
