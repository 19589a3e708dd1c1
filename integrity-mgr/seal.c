/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals, unseals, re-seals. requests.c comes here. Measured, logged, judged and compared before the
 * TPM is asked: the comparison is there to name what changed, the TPM decides over a binding that
 * is computed afresh from what was found.
 */
#include "integrity-mgr/seal.h"
#include "integrity-mgr/binding.h"
#include "integrity-mgr/difference.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/judge.h"
#include "integrity-mgr/memory_image.h"
#include "integrity-mgr/seal_store.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/component.h"
#include "lib/report.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { BUSY_MOST = 64 };

static const char remedy_again[] = "restore it; or, if the change was meant, seal again, with a "
                                   "passphrase of the VM's disks: bulkhead vm seal NAME "
                                   "DESCRIPTOR.xml --passphrase-file FILE";

void seal_open(int dir)
{
        seal_store_open(dir);
}

/* --- one story at a time a VM --------------------------------------------------------------- */

static pthread_mutex_t busy_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uuid busy[BUSY_MOST];
static size_t busy_count;

static enum status claim(const struct uuid *vm)
{
        const struct host_state *host;
        enum status s = host_needed(&host);

        if (s)
                return s;
        pthread_mutex_lock(&busy_lock);
        for (size_t i = 0; i < busy_count && !s; i++)
                if (!memcmp(&busy[i], vm, sizeof *vm))
                        s = FAIL(ST_BUSY, .subject = "the seal of this VM",
                                 .found = "another request is at work on it", .remedy = "repeat");
        if (!s && busy_count == BUSY_MOST)
                s = FAIL(ST_BUSY, .subject = "seals", .remedy = "repeat");
        if (!s)
                busy[busy_count++] = *vm;
        pthread_mutex_unlock(&busy_lock);
        return s;
}

static void release(const struct uuid *vm)
{
        pthread_mutex_lock(&busy_lock);
        for (size_t i = 0; i < busy_count; i++)
                if (!memcmp(&busy[i], vm, sizeof *vm)) {
                        busy[i] = busy[--busy_count];
                        break;
                }
        pthread_mutex_unlock(&busy_lock);
}

/* --- what all stories share ----------------------------------------------------------------- */

/* What is there now, of a VM. */
struct present {
        struct uuid vm;
        struct digest config;
        struct descriptor descriptor; /* predicates resolved */
        struct disk_seen *disks;
        bool *writable; /* of each disk */
        size_t disks_count;
        struct found found;
        uint32_t pcr;
        struct digest binding;
};

static void see_disks(struct arena *a, struct present *p, const struct open_disk *disks,
                      size_t count)
{
        p->disks_count = count;
        p->disks = arena_get_many(a, count + 1, sizeof *p->disks);
        p->writable = arena_get_many(a, count + 1, sizeof *p->writable);
        for (size_t i = 0; i < count; i++) {
                p->disks[i] = (struct disk_seen){.uuid = disks[i].uuid, .path = disks[i].path};
                p->writable[i] = disks[i].writable;
        }
}

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

/* Measures and logs. The log is on disk before anything is judged by it. */
static enum status measure(struct arena *a, struct present *p, const struct open_disk *targets,
                           size_t count)
{
        const struct descriptor *d = &p->descriptor;
        const struct host_state *host;
        struct log_entry *entries;
        struct log_place place;
        struct log *log;
        enum status s = host_needed(&host);

        if (!s)
                s = binding_pcr(d, &p->pcr);
        if (!s)
                s = host_log_get(&log);
        if (!s)
                s = measure_all(a, d->targets.items, d->targets.count, targets, count,
                                host->keys.alg, &p->found);
        if (!s)
                s = host_log_found(a, &p->found, NULL, &entries, &place);
        return s ? s : log_sync(log, &place);
}

static enum status bind(struct present *p)
{
        const struct host_state *host;
        enum status s = host_needed(&host);

        if (s)
                return s;
        p->binding = binding_digest(&(struct binding){.alg = host->keys.alg,
                                                      .vm = p->vm,
                                                      .descriptor = &p->descriptor,
                                                      .plugins = p->found.plugins,
                                                      .forms = p->found.forms,
                                                      .disks = p->disks,
                                                      .disks_count = p->disks_count,
                                                      .config = p->config});
        return ST_DONE;
}

/* Measured, judged, bound: everything but the TPM. */
static enum status judge_and_bind(struct arena *a, struct present *p)
{
        enum status s = judge_all(a, &p->descriptor, p->found.forms, p->found.count);

        return s ? s : bind(p);
}

static enum status commit(const struct present *p, uint64_t generation, struct bytes blob_public,
                          struct bytes blob_private)
{
        struct seal_record r = {.version = SEAL_RECORD_VERSION,
                                .vm = p->vm,
                                .generation = generation,
                                .owner = "",
                                .payload = PAYLOAD_DISKS,
                                .recipient = "",
                                .policy = POLICY_STATE,
                                .pcr = p->pcr,
                                .blob_public = blob_public,
                                .blob_private = blob_private,
                                .binding = p->binding,
                                .config = p->config,
                                .descriptor = p->descriptor,
                                .plugins = {p->found.plugins, p->found.count},
                                .disks = {p->disks, p->disks_count},
                                .measurements = {p->found.measurements, p->found.count}};

        return seal_store_commit(&r);
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

/* --- what changed since the seal ------------------------------------------------------------ */

static enum status differs(const char *subject, const struct digest *was, const struct digest *is,
                           const char *remedy)
{
        char a[DIGEST_HEX], b[DIGEST_HEX];

        if (digest_equal(was, is))
                return ST_DONE;
        digest_hex(was, a);
        digest_hex(is, b);
        return FAIL(ST_CHANGED, .subject = subject,
                    .expected = FMT("%s:%s", hash_name(was->alg), a),
                    .found = FMT("%s:%s", hash_name(is->alg), b), .remedy = remedy);
}

static enum status compare_disks(const struct seal_record *r, const struct present *p)
{
        if (r->disks.count != p->disks_count)
                return FAIL(ST_CHANGED, .subject = "the VM's disks",
                            .expected = FMT("%zu", r->disks.count),
                            .found = FMT("%zu", p->disks_count), .remedy = remedy_again);
        for (size_t i = 0; i < p->disks_count; i++) {
                char was[37], is[37];

                if (!memcmp(&r->disks.items[i].uuid, &p->disks[i].uuid, sizeof p->disks[i].uuid))
                        continue;
                uuid_write(&r->disks.items[i].uuid, was);
                uuid_write(&p->disks[i].uuid, is);
                return FAIL(ST_CHANGED, .subject = FMT("disk %.200s", p->disks[i].path),
                            .expected = FMT("LUKS UUID %s", was), .found = FMT("LUKS UUID %s", is),
                            .remedy = remedy_again);
        }
        return ST_DONE;
}

static enum status compare_plugins(const struct seal_record *r, const struct present *p)
{
        for (size_t i = 0; i < p->found.count; i++) {
                enum status s = differs(FMT("plug-in %s", p->found.plugins[i].name),
                                        &r->plugins.items[i].file, &p->found.plugins[i].file,
                                        "put back the plug-in that was sealed; or, if the new "
                                        "one is trusted, seal again, with a passphrase of the "
                                        "VM's disks: bulkhead vm seal NAME DESCRIPTOR.xml "
                                        "--passphrase-file FILE");

                if (s)
                        return s;
        }
        return ST_DONE;
}

/* A VM's facts say which setting it is that differs; without them only that one does. */
static enum status compare_config(const struct seal_record *r, const struct present *p)
{
        enum status s = ST_DONE;

        if (digest_equal(&r->config, &p->config))
                return ST_DONE;
        for (size_t i = 0; i < p->found.count && i < r->measurements.count && !s; i++)
                if (!strcmp(p->descriptor.targets.items[i].plugin, "vm"))
                        s = difference_check(&r->measurements.items[i], &p->found, i, remedy_again);
        return s ? s : differs("the VM's configuration", &r->config, &p->config, remedy_again);
}

/* All but what was measured. */
static enum status compare_setting(const struct seal_record *r, const struct present *p)
{
        enum status s = compare_config(r, p);

        if (!s)
                s = compare_disks(r, p);
        if (!s && (r->plugins.count != p->found.count || r->measurements.count != p->found.count))
                s = FAIL(ST_DAMAGED, .subject = "the seal record",
                         .expected = FMT("%zu targets", p->found.count),
                         .found = FMT("%zu", r->measurements.count), .remedy = remedy_again);
        return s ? s : compare_plugins(r, p);
}

/* A whole image that is one of the VM's own disks. Never a header, which no guest reaches. */
static bool guest_writes(const struct present *p, const struct target *t)
{
        for (size_t i = 0; i < p->disks_count; i++)
                if (p->writable[i] && !strcmp(p->disks[i].path, t->argument))
                        return !strcmp(t->plugin, "disk");
        return false;
}

/* after_run: what the guest may have changed is left out. */
static enum status compare_measurements(const struct seal_record *r, const struct present *p,
                                        bool after_run)
{
        const struct target *targets = p->descriptor.targets.items;
        enum status s = ST_DONE;

        for (size_t i = 0; i < p->found.count && !s; i++)
                if (!targets[i].judged && !(after_run && guest_writes(p, &targets[i])))
                        s = difference_check(&r->measurements.items[i], &p->found, i, remedy_again);
        return s;
}

/* --- what a seal has to cover --------------------------------------------------------------- */

/* The UUID of an encrypted disk is bound in any case, but its cipher stands in the header; of a
 * plain one nothing is. What a clean stop measures anew does not cover a header. */
static bool covers(const struct target *t, const struct open_disk *disk, bool clean_stop)
{
        if (strcmp(t->argument, disk->path))
                return false;
        return (disk->encrypted && !strcmp(t->plugin, "luks")) ||
               (!(disk->encrypted && clean_stop) && !strcmp(t->plugin, "disk"));
}

/* The facts of a VM hold the digests of its boot files; those of another VM say nothing here. */
static bool is_this_vm(const struct im_seal_req *req, size_t i)
{
        const struct target *t = &req->descriptor.targets.items[i];

        return !strcmp(t->plugin, "vm") && i < req->targets.count &&
               !memcmp(&req->targets.items[i].uuid, &req->vm, sizeof req->vm);
}

static bool is_covered(const struct im_seal_req *req, const struct open_disk *disk)
{
        const struct descriptor *d = &req->descriptor;

        for (size_t i = 0; i < d->targets.count; i++)
                if (covers(&d->targets.items[i], disk, d->clean_stop) ||
                    (disk->boot && is_this_vm(req, i)))
                        return true;
        return false;
}

/* The target that would measure it. */
static const char *wanted(char text[256], const struct im_seal_req *req,
                          const struct open_disk *disk)
{
        if (disk->boot)
                return status_format(text, "vm:%s", req->name);
        return status_format(text, "%s:%.200s", disk->encrypted ? "luks" : "disk", disk->path);
}

/* A disk that nothing measures can be exchanged, and the guest is given that one with its key; a
 * kernel that nothing measures is given the keys of all. */
static enum status check_covered(const struct im_seal_req *req)
{
        char target[256];

        for (size_t i = 0; i < req->disks.count; i++) {
                const struct open_disk *disk = &req->disks.items[i];

                if (!is_covered(req, disk))
                        return FAIL(ST_INVALID,
                                    .subject = FMT("%s %.200s", disk->boot ? "boot file" : "disk",
                                                   disk->path),
                                    .expected = "a target that measures it",
                                    .found = "none: it could be exchanged unnoticed",
                                    .remedy = FMT("add to the descriptor: <measureTarget "
                                                  "name=\"%.200s\" dest=\"PCR16\"/>",
                                                  wanted(target, req, disk)));
        }
        return ST_DONE;
}

/* --- the stories ---------------------------------------------------------------------------- */

static enum status seal_claimed(struct arena *a, const struct im_seal_req *req)
{
        struct present p = {.vm = req->vm, .config = req->config, .descriptor = req->descriptor};
        struct tpm_seal_req q;
        struct tpm_seal_rep made = {};
        enum status s;

        s = check_generation(&req->vm, req->generation);
        if (!s)
                s = check_descriptor(&req->descriptor);
        if (!s)
                s = check_covered(req);
        if (!s)
                s = judge_resolve(a, &p.descriptor);
        if (!s)
                s = judge_try_checks(a, &p.descriptor);
        if (!s)
                s = measure(a, &p, req->targets.items, req->targets.count);
        if (s)
                return s;
        see_disks(a, &p, req->disks.items, req->disks.count);
        s = judge_and_bind(a, &p);
        if (s)
                return s;
        q = (struct tpm_seal_req){.pcr = p.pcr, .binding = p.binding, .secret = req->secret};
        s = tpm_client_call(CALL(tpm_seal, &q, &made), a);
        return s ? s : commit(&p, req->generation, made.blob_public, made.blob_private);
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

/* What the record says, and what is there now, measured by the record's own descriptor. */
static enum status look(struct arena *a, const struct seal_record *r, const struct digest *config,
                        const struct open_disk *disks, size_t disks_count,
                        const struct open_disk *targets, size_t targets_count, struct present *p)
{
        enum status s;

        *p = (struct present){.vm = r->vm, .config = *config, .descriptor = r->descriptor};
        see_disks(a, p, disks, disks_count);
        s = measure(a, p, targets, targets_count);
        return s ? s : compare_setting(r, p);
}

static enum status unseal_claimed(struct arena *a, const struct im_unseal_req *req,
                                  struct seal_record *r)
{
        struct tpm_unseal_req q;
        struct tpm_unseal_rep nothing;
        struct present p;
        enum status s;

        s = seal_store_read(a, &req->vm, r);
        if (!s)
                s = memory_image_check(&req->vm, req->memory);
        if (!s)
                s = look(a, r, &req->config, req->disks.items, req->disks.count, req->targets.items,
                         req->targets.count, &p);
        if (!s)
                s = compare_measurements(r, &p, false);
        if (!s)
                s = judge_and_bind(a, &p);
        if (!s)
                s = memory_image_settle(&req->vm, req->memory);
        if (s)
                return s;
        q = (struct tpm_unseal_req){.pcr = p.pcr,
                                    .binding = p.binding,
                                    .blob_public = r->blob_public,
                                    .blob_private = r->blob_private,
                                    .secret = req->secret};
        return tpm_client_call(CALL(tpm_unseal, &q, &nothing), a);
}

enum status seal_unseal(struct arena *a, const struct im_unseal_req *req)
{
        struct seal_record r = {0};
        enum status s = claim(&req->vm);

        if (s)
                return s;
        s = unseal_claimed(a, req, &r);
        host_log_vm_event(&req->asker, "start", &req->vm, r.generation, s);
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
        struct seal_record r;
        struct tpm_reseal_req q;
        struct tpm_reseal_rep made = {};
        struct present p;
        enum status s;

        s = check_generation(&req->vm, req->generation);
        if (!s)
                s = seal_store_read(a, &req->vm, &r);
        if (!s && !r.descriptor.clean_stop)
                s = FAIL(ST_WRONG_STATE, .subject = "the seal of this VM",
                         .expected = "update=\"clean-stop\" in its descriptor",
                         .found = "none: it stays as it is");
        if (!s)
                s = look(a, &r, &req->config, req->disks.items, req->disks.count,
                         req->targets.items, req->targets.count, &p);
        if (!s)
                s = compare_measurements(&r, &p, true);
        if (!s)
                s = judge_and_bind(a, &p);
        if (s)
                return s;
        q = (struct tpm_reseal_req){.pcr = r.pcr,
                                    .binding = r.binding,
                                    .blob_public = r.blob_public,
                                    .blob_private = r.blob_private,
                                    .new_binding = p.binding};
        s = tpm_client_call(CALL(tpm_reseal, &q, &made), a);
        return s ? s : commit(&p, req->generation, made.new_public, made.new_private);
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

/* A record that is not the one committed to still has its generation, so that the VM can be sealed
 * again; seal_unseal() says what is wrong with it. */
enum status seal_present(struct arena *a, const struct uuid *vm, struct im_sealed_rep *rep_out)
{
        struct seal_record r;
        enum status s;

        *rep_out = (struct im_sealed_rep){};
        rep_out->descriptor.key = "";
        if (!host_get()) /* then nothing can be sealed */
                return ST_DONE;
        s = seal_store_generation(vm, &rep_out->generation);
        if (s || !rep_out->generation)
                return s;
        s = seal_store_read(a, vm, &r);
        if (!s)
                rep_out->descriptor = r.descriptor;
        else if (s == ST_DAMAGED || s == ST_ROLLED_BACK || s == ST_NOT_FOUND)
                report_error("reading a seal");
        else
                return s;
        error_clear();
        return ST_DONE;
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
