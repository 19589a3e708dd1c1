/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a seal record with what is there now, for seal.c. Nothing is asked and nothing kept. */
#include "integrity-mgr/seal_compare.h"
#include "integrity-mgr/difference.h"
#include "lib/principal.h"

#include <inttypes.h>
#include <string.h>

#define AGAIN(vm)                                                                                  \
        FMT_LONG("restore it. If the change was meant, seal again, with a passphrase of the VM's " \
                 "disks: bulkhead vm seal %s DESCRIPTOR.xml --passphrase-file FILE",               \
                 UUID_TEXT(vm))
/* Of another disk. Sealing refuses it, too, and says what would be lost. */
#define PUT_BACK(vm)                                                                               \
        FMT_LONG("put that disk back, or mount what it lies on: the seal has its key. If another " \
                 "disk is meant, this says what would be lost: bulkhead vm seal %s "               \
                 "DESCRIPTOR.xml --passphrase-file FILE",                                          \
                 UUID_TEXT(vm))

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
        if (r->disks.count != p->disks.count)
                return FAIL(ST_CHANGED, .subject = "the VM's disks",
                            .expected = FMT("%zu", r->disks.count),
                            .found = FMT("%zu", p->disks.count), .remedy = PUT_BACK(&r->vm));
        for (size_t i = 0; i < p->disks.count; i++) {
                char was[37], is[37];

                if (uuid_equal(&r->disks.items[i].uuid, &p->disks.items[i].uuid))
                        continue;
                uuid_write(&r->disks.items[i].uuid, was);
                uuid_write(&p->disks.items[i].uuid, is);
                return FAIL(ST_CHANGED, .subject = FMT("disk %.200s", p->disks.items[i].path),
                            .expected = FMT("LUKS UUID %s", was), .found = FMT("LUKS UUID %s", is),
                            .remedy = uuid_is_zero(&r->disks.items[i].uuid) ? AGAIN(&r->vm)
                                                                            : PUT_BACK(&r->vm));
        }
        return ST_DONE;
}

/* The file may be another: it is measured with the host, or else proves nothing. */
static enum status compare_plugins(const struct seal_record *r, const struct present *p)
{
        for (size_t i = 0; i < p->found.count; i++) {
                const struct plugin_seen *was = &r->plugins.items[i], *is = &p->found.plugins[i];

                if (strcmp(was->name, is->name) || was->version != is->version)
                        return FAIL(ST_CHANGED, .subject = FMT("plug-in %s", is->name),
                                    .expected = FMT("%s, version %" PRIu32 " of what it measures",
                                                    was->name, was->version),
                                    .found = FMT("version %" PRIu32, is->version),
                                    .remedy = FMT_LONG("put back the plug-in that measures that "
                                                       "version; or seal again, with a passphrase "
                                                       "of the VM's disks: bulkhead vm seal %s "
                                                       "DESCRIPTOR.xml --passphrase-file FILE",
                                                       UUID_TEXT(&r->vm)));
        }
        return ST_DONE;
}

static enum status compare_principals(const char *subject, const struct principal *was,
                                      const struct principal *is, const char *remedy)
{
        char a[PRINCIPAL_TEXT_SIZE], b[PRINCIPAL_TEXT_SIZE];

        if (principal_is(was, is))
                return ST_DONE;
        return FAIL(ST_CHANGED, .subject = subject, .expected = principal_write(was, a),
                    .found = principal_write(is, b), .remedy = remedy);
}

static enum status compare_owner(const struct seal_record *r, const struct present *p)
{
        enum status s;

        if (r->construction == BINDING_FILES)
                return ST_DONE;
        s = compare_principals("the owner of the VM", &r->owner, &p->owner,
                               FMT_LONG("restore compartment-mgr's newest state folder; or, if the "
                                        "change was meant, seal again, with a passphrase of the "
                                        "VM's disks: bulkhead vm seal %s DESCRIPTOR.xml "
                                        "--passphrase-file FILE",
                                        UUID_TEXT(&r->vm)));
        return s ? s
                 : compare_principals("the host that the VM is sealed for", &r->recipient,
                                      &p->recipient, AGAIN(&r->vm));
}

/* A VM's facts say which setting it is that differs; without them only that one does. */
static enum status compare_config(const struct seal_record *r, const struct present *p)
{
        enum status s = ST_DONE;

        if (digest_equal(&r->config, &p->config))
                return ST_DONE;
        for (size_t i = 0; i < p->found.count && i < r->measurements.count && !s; i++)
                if (p->found.targets[i].covers == COVERS_VM)
                        s = difference_check(&r->measurements.items[i], &p->found, i,
                                             AGAIN(&r->vm));
        return s ? s : differs("the VM's configuration", &r->config, &p->config, AGAIN(&r->vm));
}

enum status seal_compare_setting(const struct seal_record *r, const struct present *p)
{
        enum status s = compare_owner(r, p);

        if (!s)
                s = compare_config(r, p);
        if (!s)
                s = compare_disks(r, p);
        if (!s && (r->plugins.count != p->found.count || r->measurements.count != p->found.count))
                s = FAIL(ST_DAMAGED, .subject = "the seal record",
                         .expected = FMT("%zu targets", p->found.count),
                         .found = FMT("%zu", r->measurements.count), .remedy = AGAIN(&r->vm));
        return s ? s : compare_plugins(r, p);
}

/* --- the keys that a new seal does not have ------------------------------------------------ */

static bool is_sealed(const struct im_seal_req *req, const struct uuid *uuid)
{
        for (size_t i = 0; i < req->disks.count; i++)
                if (uuid_equal(&req->disks.items[i].uuid, uuid))
                        return true;
        return false;
}

/* What lies where the disk was. */
static const char *found_at(char text[256], const struct im_seal_req *req, const char *path)
{
        for (size_t i = 0; i < req->disks.count; i++)
                if (!strcmp(req->disks.items[i].path, path))
                        return req->disks.items[i].encrypted
                                       ? status_format(text, "another disk: LUKS UUID %s",
                                                       UUID_TEXT(&req->disks.items[i].uuid))
                                       : "a disk that is not encrypted";
        return "it is none of the disks that are to be sealed";
}

enum status seal_compare_keys(const struct seal_record *present, const struct im_seal_req *req)
{
        char found[256];

        for (size_t i = 0; i < present->disks.count && !req->forget_key; i++) {
                const struct disk_seen *d = &present->disks.items[i];

                if (uuid_is_zero(&d->uuid) || is_sealed(req, &d->uuid))
                        continue;
                return FAIL(ST_REFUSED, .subject = FMT("disk %.200s", d->path),
                            .expected = FMT("LUKS UUID %s: the present seal has its key",
                                            UUID_TEXT(&d->uuid)),
                            .found = found_at(found, req, d->path),
                            .remedy = "put that disk back, or mount what it lies on, and repeat; "
                                      "the same with --forget-key gives up the seal's key of it, "
                                      "and with that its data if no passphrase opens it");
        }
        return ST_DONE;
}

/* --- what was measured ----------------------------------------------------------------------- */

/* Is the target this, of a disk of the VM's own that it may write? */
static bool is_of_own_disk(const struct present *p, size_t target, enum covers what)
{
        const struct target *t = &p->descriptor.targets.items[target];

        for (size_t i = 0; i < p->disks.count; i++)
                if (p->writable[i] && !strcmp(p->disks.items[i].path, t->argument))
                        return p->found.targets[target].covers == what;
        return false;
}

/* A guest writes a whole image, never a header, which no guest reaches. */
static bool may_differ(const struct present *p, size_t target, enum seal_after after)
{
        return (after == AFTER_RUN || (after == AFTER_SLOTS && p->descriptor.clean_stop)) &&
               is_of_own_disk(p, target, COVERS_CONTENT);
}

enum status seal_compare_measured(struct arena *a, const struct seal_record *r,
                                  const struct present *p, enum seal_after after)
{
        const struct target *targets = p->descriptor.targets.items;
        enum status s = ST_DONE;

        for (size_t i = 0; i < p->found.count && !s; i++) {
                const struct measurement *sealed = &r->measurements.items[i];

                if (targets[i].judged || may_differ(p, i, after))
                        continue;
                if (after == AFTER_SLOTS && is_of_own_disk(p, i, COVERS_HEADER))
                        s = difference_check_but_slots(a, sealed, &p->found, i, AGAIN(&r->vm));
                else
                        s = difference_check(sealed, &p->found, i, AGAIN(&r->vm));
        }
        return s;
}
