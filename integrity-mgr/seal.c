/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals, unseals, re-seals. requests.c comes here. A story measures, logs, judges and compares
 * before it asks the TPM: the comparison is there to name what changed; the TPM decides over a
 * binding that is computed afresh from what was found.
 */
#include "integrity-mgr/seal.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/judge.h"
#include "integrity-mgr/memory_image.h"
#include "integrity-mgr/present.h"
#include "integrity-mgr/seal_compare.h"
#include "integrity-mgr/seal_cover.h"
#include "integrity-mgr/seal_store.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/component.h"
#include "lib/interrupt.h"
#include "lib/principal.h"
#include "lib/report.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { BUSY_MOST = 64 };

static const char owner_of_vm[] = "the owner of the VM";

void seal_open(int dir)
{
        seal_store_open(dir);
}

/* --- one story at a time a VM --------------------------------------------------------------- */

static pthread_mutex_t busy_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uuid busy[BUSY_MOST];
static size_t busy_count;

/* Called with the lock. */
static enum status refuse_busy(const struct uuid *vm)
{
        for (size_t i = 0; i < busy_count; i++)
                if (uuid_equal(&busy[i], vm))
                        return FAIL(ST_BUSY, .subject = "the seal of this VM",
                                    .found = "another request is at work on it",
                                    .remedy = "repeat when bulkhead jobs no longer lists it");
        return ST_DONE;
}

static enum status must_be_free(const struct uuid *vm)
{
        enum status s;

        pthread_mutex_lock(&busy_lock);
        s = refuse_busy(vm);
        pthread_mutex_unlock(&busy_lock);
        return s;
}

static enum status claim(const struct uuid *vm)
{
        const struct host_state *host;
        enum status s = host_needed(&host);

        if (s)
                return s;
        pthread_mutex_lock(&busy_lock);
        s = refuse_busy(vm);
        if (!s && busy_count == BUSY_MOST)
                s = FAIL(ST_BUSY, .subject = "seals", .found = "too many at once",
                         .remedy = "repeat when bulkhead jobs lists fewer");
        if (!s)
                busy[busy_count++] = *vm;
        pthread_mutex_unlock(&busy_lock);
        return s;
}

static void release(const struct uuid *vm)
{
        pthread_mutex_lock(&busy_lock);
        for (size_t i = 0; i < busy_count; i++)
                if (uuid_equal(&busy[i], vm)) {
                        busy[i] = busy[--busy_count];
                        break;
                }
        pthread_mutex_unlock(&busy_lock);
}

/* --- what stories share --------------------------------------------------------------------- */

static enum status check_descriptor(const struct descriptor *d)
{
        if (d->kind != DESCRIPTOR_SEALING)
                return FAIL(ST_INVALID, .subject = "the descriptor", .expected = "<sealing-desc>",
                            .found = "a descriptor for attestation");
        for (size_t i = 0; i < d->targets.count; i++)
                if (d->targets.items[i].judged && !d->predicates.count)
                        return FAIL(ST_INVALID, .subject = d->targets.items[i].name,
                                    .expected = "a <predicate> that judges it",
                                    .found = "judged=\"yes\", and no predicate",
                                    .remedy = "add a predicate, or take judged away");
        return ST_DONE;
}

static enum status commit(const struct present *p, uint64_t generation,
                          const struct digest *journal, struct bytes blob_public,
                          struct bytes blob_private)
{
        struct seal_record r = {.version = SEAL_RECORD_VERSION,
                                .vm = p->vm,
                                .generation = generation,
                                .construction = BINDING_VERSIONS,
                                .owner = p->owner,
                                .payload = PAYLOAD_DISKS,
                                .recipient = p->recipient,
                                .policy = POLICY_STATE,
                                .pcr = p->pcr,
                                .blob_public = blob_public,
                                .blob_private = blob_private,
                                .binding = p->binding,
                                .config = p->config,
                                .journal = *journal,
                                .descriptor = p->descriptor,
                                .plugins = {p->found.plugins, p->found.count},
                                .disks = p->disks,
                                .measurements = {p->found.measurements, p->found.count}};

        enum status s = interrupt_check(); /* whoever gave up was told that nothing is sealed */

        return s ? s : seal_store_commit(&r);
}

static enum status check_generation(const struct uuid *vm, uint64_t asked)
{
        uint64_t present;
        enum status s = seal_store_generation(vm, &present);

        if (!s && asked != present + 1)
                s = FAIL(ST_WRONG_STATE, .subject = "the seal of this VM",
                         .expected = FMT("generation %" PRIu64, present + 1),
                         .found = FMT("generation %" PRIu64, asked),
                         .remedy = "it was sealed meanwhile: repeat");
        return s;
}

/* A record that cannot be read may be restored until another seal takes its place. So nobody gives
 * up its keys unasked. */
static enum status refuse_unread(struct arena *a)
{
        const char *why = arena_print(a, "%s: %s", error_last()->subject, error_last()->found);

        return FAIL(ST_REFUSED, .subject = "the present seal of this VM",
                    .expected = "a record that says of which disks it has the key", .found = why,
                    .remedy = "restore integrity-mgr's state folder from a backup, and repeat; the "
                              "same with --forget-key gives up the keys of that seal, and with "
                              "them the data of each disk that no passphrase opens");
}

static enum status keep_keys(struct arena *a, const struct im_seal_req *req)
{
        struct seal_record present;
        enum status s;

        if (req->generation == 1 || req->forget_key)
                return ST_DONE;
        s = seal_store_read(a, &req->vm, &present);
        if (s == ST_NOT_FOUND || s == ST_DAMAGED || s == ST_ROLLED_BACK)
                return refuse_unread(a);
        return s ? s : seal_compare_keys(&present, req);
}

/* --- the stories ---------------------------------------------------------------------------- */

static enum status seal_claimed(struct arena *a, const struct im_seal_req *req)
{
        struct present p = {.vm = req->vm,
                            .asker = req->asker,
                            .owner = req->owner,
                            .config = req->config,
                            .descriptor = req->descriptor};
        struct tpm_seal_req q;
        struct tpm_seal_rep made = {};
        enum status s;

        s = principal_needed(&req->owner, owner_of_vm);
        if (!s)
                s = check_generation(&req->vm, req->generation);
        if (!s)
                s = keep_keys(a, req);
        if (!s)
                s = check_descriptor(&req->descriptor);
        if (!s)
                s = seal_cover_check(req);
        if (!s)
                s = judge_resolve(a, &p.descriptor);
        if (!s)
                s = judge_try_checks(a, &p.descriptor);
        if (!s)
                s = present_look(a, &p, &req->disks, &req->targets);
        if (!s)
                s = present_bind(a, &p);
        if (s)
                return s;
        q = (struct tpm_seal_req){.pcr = p.pcr, .binding = p.binding, .secret = req->secret};
        s = tpm_client_call(CALL(tpm_seal, &q, &made), a);
        return s ? s
                 : commit(&p, req->generation, &req->journal, made.blob_public, made.blob_private);
}

enum status seal_make(struct arena *a, const struct im_seal_req *req)
{
        enum status s = claim(&req->vm);

        if (s)
                return s;
        s = seal_claimed(a, req);
        host_log_vm_event(&req->asker, "seal", &req->vm, req->generation, s);
        release(&req->vm);
        return s;
}

/* What is there now, measured by the record's own descriptor. p has asker, owner and config. */
static enum status look(struct arena *a, const struct seal_record *r,
                        const struct open_disk_list *disks, const struct open_target_list *targets,
                        struct present *p)
{
        enum status s = principal_needed(&p->owner, owner_of_vm);

        p->vm = r->vm;
        p->descriptor = r->descriptor;
        if (!s)
                s = present_look(a, p, disks, targets);
        return s ? s : seal_compare_setting(r, p);
}

/* What a seal names with which nothing is journalled. */
static struct digest no_journal(void)
{
        return digest_of(HASH_SHA256, "", 0);
}

/* The same secret, sealed to what is there now, of which `opens` is what the present seal opens
 * under. */
static enum status seal_anew(struct arena *a, const struct seal_record *r, const struct present *p,
                             const struct digest *opens, uint64_t generation,
                             const struct digest *journal)
{
        const struct tpm_reseal_req q = {.pcr = r->pcr,
                                         .binding = *opens,
                                         .blob_public = r->blob_public,
                                         .blob_private = r->blob_private,
                                         .new_binding = p->binding};
        struct tpm_reseal_rep made = {};
        enum status s = tpm_client_call(CALL(tpm_reseal, &q, &made), a);

        return s ? s : commit(p, generation, journal, made.new_public, made.new_private);
}

/* A seal that opened under an older construction is made anew under today's, so that older ones die
 * out. The start does not depend on it, but on knowing which seal is the present one: whoever seals
 * next journals headers under the generation behind it. Not while the VM wakes: its image belongs
 * to the present seal until it was read. */
static enum status bring_up_to_date(struct arena *a, const struct im_unseal_req *req,
                                    const struct present *p, struct seal_record *r)
{
        const struct digest opens = present_binding(p, r), none = no_journal();
        enum status s;

        if (r->construction == BINDING_VERSIONS || req->memory >= 0)
                return ST_DONE;
        s = seal_anew(a, r, p, &opens, r->generation + 1, &none);
        host_log_vm_event(&req->asker, "reseal", &req->vm, r->generation + 1, s);
        if (s)
                report_error("making a seal anew that an older version made; the next start tries "
                             "again");
        error_clear();
        return seal_store_generation(&req->vm, &r->generation);
}

static enum status unseal_claimed(struct arena *a, const struct im_unseal_req *req,
                                  struct seal_record *r)
{
        struct present p = {.asker = req->asker, .owner = req->owner, .config = req->config};
        struct tpm_unseal_req q;
        struct tpm_unseal_rep nothing;
        enum status s;

        s = seal_store_read(a, &req->vm, r);
        if (!s)
                s = memory_image_check(&req->vm, req->memory);
        if (!s)
                s = look(a, r, &req->disks, &req->targets, &p);
        if (!s)
                s = seal_compare_measured(a, r, &p, AFTER_NOTHING);
        if (!s)
                s = present_bind(a, &p);
        if (!s)
                s = memory_image_settle(&req->vm, req->memory);
        if (s)
                return s;
        q = (struct tpm_unseal_req){.pcr = p.pcr,
                                    .binding = present_binding(&p, r),
                                    .blob_public = r->blob_public,
                                    .blob_private = r->blob_private,
                                    .secret = req->secret};
        s = tpm_client_call(CALL(tpm_unseal, &q, &nothing), a);
        return s ? s : bring_up_to_date(a, req, &p, r);
}

enum status seal_unseal(struct arena *a, const struct im_unseal_req *req, uint64_t *generation_out)
{
        struct seal_record r = {0};
        enum status s = claim(&req->vm);

        if (s)
                return s;
        s = unseal_claimed(a, req, &r);
        host_log_vm_event(&req->asker, "start", &req->vm, r.generation, s);
        *generation_out = r.generation;
        release(&req->vm);
        return s;
}

static enum status device_claimed(struct arena *a, const struct im_device_req *req,
                                  uint64_t *generation_out)
{
        struct seal_record r;
        enum status s = seal_store_read(a, &req->vm, &r);

        if (s)
                return s;
        *generation_out = r.generation;
        return judge_device(a, &r.descriptor, req->device, req->state.items, req->state.count);
}

static void log_refused_device(struct arena *a, const struct im_device_req *req,
                               uint64_t generation, enum status outcome)
{
        struct error kept = *error_last();
        char vm[COMPONENT_VM];
        const char *device;

        if (component_child(a, component_vm(&req->vm, vm), req->device, &device))
                device = vm;
        error_keep(&kept);
        host_log_event(&req->asker, "device", device, generation, outcome);
}

enum status seal_try_device(struct arena *a, const struct im_try_device_req *req)
{
        struct descriptor d = req->descriptor;
        enum status s = judge_resolve(a, &d);

        if (!s)
                s = judge_try_checks(a, &d);
        return s ? s : judge_device(a, &d, req->device, req->state.items, req->state.count);
}

/* Only a refusal is logged: what is permitted leads to an unseal, or follows one. */
enum status seal_device(struct arena *a, const struct im_device_req *req)
{
        uint64_t generation = 0;
        enum status s = claim(&req->vm);

        if (s)
                return s;
        s = device_claimed(a, req, &generation);
        if (s)
                log_refused_device(a, req, generation, s);
        release(&req->vm);
        return s;
}

static enum status reseal_claimed(struct arena *a, const struct im_reseal_req *req)
{
        const struct digest journal = req->journal.alg == HASH_NONE ? no_journal() : req->journal;
        struct present p = {.asker = req->asker, .owner = req->owner, .config = req->config};
        struct seal_record r;
        enum status s;

        s = check_generation(&req->vm, req->generation);
        if (!s)
                s = seal_store_read(a, &req->vm, &r);
        if (!s && !req->slots && !r.descriptor.clean_stop)
                s = FAIL(ST_WRONG_STATE, .subject = "the seal of this VM",
                         .expected = "update=\"clean-stop\" in its descriptor",
                         .found = "none: it stays as it is");
        if (!s)
                s = look(a, &r, &req->disks, &req->targets, &p);
        if (!s)
                s = seal_compare_measured(a, &r, &p, req->slots ? AFTER_SLOTS : AFTER_RUN);
        if (!s)
                s = present_bind(a, &p);
        return s ? s : seal_anew(a, &r, &p, &r.binding, req->generation, &journal);
}

enum status seal_renew(struct arena *a, const struct im_reseal_req *req)
{
        enum status s = claim(&req->vm);

        if (s)
                return s;
        s = reseal_claimed(a, req);
        host_log_vm_event(&req->asker, "reseal", &req->vm, req->generation, s);
        release(&req->vm);
        return s;
}

static enum status name_journal_claimed(struct arena *a, const struct im_journal_req *req)
{
        struct seal_record r;
        enum status s = check_generation(&req->vm, req->generation);

        if (!s)
                s = seal_store_read(a, &req->vm, &r);
        if (s)
                return s;
        r.version = SEAL_RECORD_VERSION;
        r.generation = req->generation;
        r.journal = req->journal;
        return seal_store_commit(&r);
}

enum status seal_name_journal(struct arena *a, const struct im_journal_req *req)
{
        enum status s = claim(&req->vm);

        if (s)
                return s;
        s = name_journal_claimed(a, req);
        host_log_vm_event(&req->asker, "reseal", &req->vm, req->generation, s);
        release(&req->vm);
        return s;
}

/* A record that is not the one committed to still has its generation, so that the VM can be sealed
 * again; seal_unseal() says what is wrong with it. */
static enum status present(struct arena *a, const struct uuid *vm, struct im_sealed_rep *rep_out)
{
        struct seal_record r;
        enum status s;

        *rep_out = (struct im_sealed_rep){.owner = principal_nobody};
        rep_out->descriptor.key = "";
        if (!host_get()) /* then nothing can be sealed */
                return ST_DONE;
        s = seal_store_generation(vm, &rep_out->generation);
        rep_out->known = !s;
        if (s || !rep_out->generation)
                return s;
        s = seal_store_read(a, vm, &r);
        if (!s) {
                rep_out->config = r.config;
                rep_out->owner = r.owner;
                rep_out->descriptor = r.descriptor;
                rep_out->journal = r.journal;
                rep_out->disks = (struct disk_seen_list){r.disks.items, r.disks.count};
        } else if (s == ST_DAMAGED || s == ST_ROLLED_BACK || s == ST_NOT_FOUND) {
                report_error("reading a seal");
                rep_out->journal = no_journal(); /* nothing is written by it */
        } else {
                return s;
        }
        error_clear();
        return ST_DONE;
}

enum status seal_present(struct arena *a, const struct uuid *vm, struct im_sealed_rep *rep_out)
{
        enum status s = must_be_free(vm);

        return s ? s : present(a, vm, rep_out);
}

enum status seal_shown(struct arena *a, const struct uuid *vm, struct bytes *descriptor_out)
{
        struct im_sealed_rep p;
        enum status s = present(a, vm, &p);

        if (!s)
                *descriptor_out = p.descriptor.canonical;
        return s;
}

enum status seal_forget(const struct principal *by, const struct uuid *vm)
{
        enum status s;

        if (!host_get())
                return ST_DONE;
        s = claim(vm);
        if (s)
                return s;
        s = seal_store_forget(vm);
        host_log_vm_event(by, "forget", vm, 0, s);
        release(vm);
        return s;
}
