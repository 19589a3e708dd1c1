/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing without TPM and workers: what is compared and how it is named, what predicates leave
 * open, which record counts; and the same under faults at each call that changes the disk.
 */
#include "integrity-mgr/binding.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/measure.h"
#include "integrity-mgr/seal.h"
#include "integrity-mgr/seal_store.h"
#include "integrity-mgr/state_key.h"
#include "lib/principal.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"
#include "tests/fault/fake_measure.h"
#include "tests/fault/fake_tpm.h"
#include "tests/fault/fault.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int dir;
static struct arena *a;
static struct target targets[2];
static struct predicate predicate;
static struct descriptor descriptor;
static struct open_disk disks[2];
static size_t disks_count = 2; /* of those that are sealed */
static bool forget_key;
static struct open_target opened[2];
static struct digest config;
static struct principal owner;
#define RECORD_NAME(n) "seal-01020300-0000-0000-0000-000000000000-" n

static uint64_t unsealed; /* the generation that the last unseal told */
static const struct uuid vm = {{1, 2, 3}}, other_vm = {{4}};
#define VM "host/vms/01020300-0000-0000-0000-000000000000"
#define OTHER_VM "host/vms/04000000-0000-0000-0000-000000000000"

static void set_up_host(void)
{
        struct tpm_keys keys = {.alg = HASH_SHA256,
                                .static_pcrs = 0x95,
                                .host_identity = digest_of(HASH_SHA256, "EK", 2)};
        struct approval approval = {.epoch = 1};

        ck_assert_int_eq(host_set_up(&keys), ST_DONE);
        ck_assert_int_eq(host_approve(&approval), ST_DONE);
        ck_assert_int_eq(generations_begin(), ST_DONE);
}

static void open_state(void)
{
        generations_open(dir);
        seal_open(dir);
        ck_assert_int_eq(host_open(dir), ST_DONE);
        if (!host_get())
                set_up_host();
}

static struct bytes text(const char *t)
{
        return (struct bytes){(const uint8_t *)t, strlen(t)};
}

static void prepare(void)
{
        dir = folder_new();
        a = arena_new();
        fake_tpm_new();
        disks_count = 2;
        forget_key = false;
        fake_measure_reset();
        targets[0] = (struct target){
                .name = "disk:/a", .plugin = "disk", .argument = "/a", .method = "", .pcr = 16};
        targets[1] = (struct target){
                .name = "luks:/b", .plugin = "luks", .argument = "/b", .method = "", .pcr = 0};
        predicate = (struct predicate){"", text("<x/>")};
        descriptor = (struct descriptor){.kind = 2,
                                         .canonical = text("<d></d>"),
                                         .key = "k",
                                         .targets = {targets, 2},
                                         .predicates = {&predicate, 0}};
        disks[0] = (struct open_disk){
                .path = "/a", .uuid = {{7}}, .writable = true, .file = -1, .header = -1};
        disks[1] = (struct open_disk){.path = "/b",
                                      .uuid = {{8}},
                                      .encrypted = true,
                                      .writable = true,
                                      .file = -1,
                                      .header = -1};
        opened[0] = (struct open_target){VM "/xvda", COVERS_CONTENT, -1, -1};
        opened[1] = (struct open_target){VM "/xvdb", COVERS_HEADER, -1, -1};
        config = digest_of(HASH_SHA256, "config", 6);
        owner = (struct principal){PRINCIPAL_USER, "1000"};
}

static void set_up(void)
{
        prepare();
        open_state();
}

static void tear_down(void)
{
        fault_disarm();
        generations_open(-1);
        arena_free(a);
        folder_remove(dir);
}

static void open_log(void)
{
        ck_assert_int_eq(host_log_open(dir, HASH_SHA256), ST_DONE);
}

static enum status do_seal(uint64_t generation, char secret_of)
{
        char secret[32];
        int fds[2];
        struct im_seal_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                .owner = owner,
                                .vm = vm,
                                .name = "web01",
                                .generation = generation,
                                .descriptor = descriptor,
                                .config = config,
                                .disks = {disks, disks_count},
                                .targets = {opened, 2},
                                .forget_key = forget_key};
        enum status s;

        memset(secret, secret_of, sizeof secret);
        ck_assert_int_eq(pipe(fds), 0);
        /* writev() is not counted */
        ck_assert_int_eq(writev(fds[1], &(struct iovec){secret, 32}, 1), 32);
        q.secret = fds[0];
        s = seal_make(a, &q);
        close(fds[0]);
        close(fds[1]);
        return s;
}

/* ST_DONE and *secret_of, or the error. */
static enum status do_unseal(char *secret_of)
{
        char secret[33];
        int fds[2];
        struct im_unseal_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .owner = owner,
                                  .vm = vm,
                                  .config = config,
                                  .disks = {disks, 2},
                                  .targets = {opened, 2},
                                  .memory = -1};
        enum status s;

        ck_assert_int_eq(pipe(fds), 0);
        q.secret = fds[1];
        s = seal_unseal(a, &q, &unsealed);
        close(fds[1]);
        ck_assert_int_eq(read(fds[0], secret, sizeof secret), s ? 0 : 32);
        *secret_of = secret[0];
        close(fds[0]);
        return s;
}

static enum status do_reseal(uint64_t generation)
{
        struct im_reseal_req q = {.asker = {PRINCIPAL_USER, "1000"},
                                  .owner = owner,
                                  .vm = vm,
                                  .generation = generation,
                                  .config = config,
                                  .disks = {disks, 2},
                                  .targets = {opened, 2}};

        return seal_renew(a, &q);
}

static uint64_t generation(void);

/* The present seal has the key of the second disk. Instead of that one there is: */
static const struct {
        struct uuid uuid;
        size_t count;
        bool encrypted;
        const char *found;
} others[] = {
        {{{9}}, 2, true, "another disk: LUKS UUID 09000000-0000-0000-0000-000000000000"},
        {{{0}}, 2, false, "a disk that is not encrypted"},
        {{{8}}, 1, true, "none of the disks"},
};

START_TEST(test_a_key_is_not_given_up_unsaid)
{
        char secret;

        open_log();
        ck_assert_int_eq(do_seal(1, 's'), ST_DONE);
        disks[1].uuid = others[_i].uuid;
        disks[1].encrypted = others[_i].encrypted;
        opened[1].covers = others[_i].encrypted ? COVERS_HEADER : COVERS_CONTENT;
        disks_count = others[_i].count;
        ck_assert_int_eq(do_seal(2, 't'), ST_REFUSED);
        ck_assert_str_eq(error_last()->subject, "disk /b");
        ck_assert(strstr(error_last()->expected, "08000000-0000-0000-0000-000000000000"));
        ck_assert(strstr(error_last()->found, others[_i].found));
        ck_assert(strstr(error_last()->remedy, "--forget-key"));
        ck_assert_uint_eq(generation(), 1);
        forget_key = true;
        ck_assert_int_eq(do_seal(2, 't'), ST_DONE);
        ck_assert_uint_eq(generation(), 2);
        forget_key = false;
        ck_assert_int_eq(do_seal(3, 'u'), ST_DONE); /* the new seal never had that key */
        if (others[_i].count == 2) {
                ck_assert_int_eq(do_unseal(&secret), ST_DONE);
                ck_assert_int_eq(secret, 'u');
        }
}
END_TEST

static uint64_t generation(void)
{
        struct im_sealed_rep p;

        ck_assert_int_eq(seal_present(a, &vm, &p), ST_DONE);
        return p.generation;
}

/* --- what changed, and how it is told --------------------------------------------------------- */

static struct value *values(int m, size_t node)
{
        return fake_found[m].nodes.items[node].values.items;
}

static void nothing(void)
{
}
static void image(void)
{
        values(0, 0)[0].text = "sha256:22";
}
static void cipher(void)
{
        values(1, 0)[1].text = "null";
}
static void added(void)
{
        fake_found[1].nodes.count = 3;
}
static void removed(void)
{
        fake_found[1].nodes.count = 1;
}
static void fewer_values(void)
{
        fake_found[0].nodes.items[0].values.count = 1;
}
static void version(void)
{
        fake_found[0].version = fake_plugins[0].version = 2;
}
static void plugin(void)
{
        fake_plugins[1].version = 3;
}
static void plugin_file(void)
{
        fake_plugins[1].file.bytes[0] ^= 1;
}
static void another_owner(void)
{
        owner.name = "1001";
}
static void configuration(void)
{
        config.bytes[0] ^= 1;
}
static void disk_uuid(void)
{
        disks[1].uuid.bytes[0] = 9;
}
static void disk_order(void)
{
        struct open_disk d = disks[0];

        disks[0] = disks[1];
        disks[1] = d;
}

static const struct {
        void (*change)(void);
        enum status s;
        const char *subject, *expected, *found;
} changes[] = {
        {nothing, ST_DONE, "", "", ""},
        {image, ST_CHANGED, "disk:/a", "sha256:11", "sha256:22"},
        {cipher, ST_CHANGED, "luks:/b (cipher)", "aes", "null"},
        {added, ST_CHANGED, "luks:/b (keyslot 1)", "not there", "added"},
        {removed, ST_CHANGED, "luks:/b (keyslot 0)", "as it was sealed", "removed"},
        {fewer_values, ST_CHANGED, "disk:/a (size)", "4096", "no such value"},
        {version, ST_CHANGED, "plug-in disk", "disk, version 1 of what it measures", "version 2"},
        {plugin, ST_CHANGED, "plug-in luks", "luks, version 1 of what it measures", "version 3"},
        {plugin_file, ST_DONE, "", "", ""},
        {another_owner, ST_CHANGED, "the owner of the VM", "uid:1000", "uid:1001"},
        {configuration, ST_CHANGED, "the VM's configuration", "sha256:", "sha256:"},
        {disk_uuid, ST_CHANGED, "disk /b", "LUKS UUID 08", "LUKS UUID 09"},
        {disk_order, ST_CHANGED, "disk /b", "LUKS UUID 07", "LUKS UUID 08"},
};

START_TEST(test_changes)
{
        char secret_of;
        unsigned calls;

        open_log();
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        changes[_i].change();
        calls = fake_tpm->calls;
        ck_assert_int_eq(do_unseal(&secret_of), changes[_i].s);
        if (!changes[_i].s) {
                ck_assert_int_eq(secret_of, 'x');
                return;
        }
        ck_assert_uint_eq(fake_tpm->calls, calls); /* named before the TPM was asked */
        ck_assert_str_eq(error_last()->subject, changes[_i].subject);
        ck_assert(!strncmp(error_last()->expected, changes[_i].expected,
                           strlen(changes[_i].expected)));
        ck_assert(!strncmp(error_last()->found, changes[_i].found, strlen(changes[_i].found)));
        ck_assert_str_ne(error_last()->expected, error_last()->found);
        ck_assert_str_ne(error_last()->remedy, "");
}
END_TEST

/* The comparison explains; the TPM decides: a record whose measurements were made to fit does not
 * open, because what is bound is computed from what was found. (Its digest is in the table, so
 * this takes whoever could write the table, too.) */
START_TEST(test_tpm_decides)
{
        struct seal_record r;
        struct seal_entry e;
        struct buffer b = BUFFER_INIT(STATE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t n = 0;
        char secret_of;

        open_log();
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        ck_assert_int_eq(state_read_record(dir, "seal-01020300-0000-0000-0000-000000000000-1",
                                           &state_kind_seal, a, &r),
                         ST_DONE);
        r.generation = 2;
        r.measurements.items[0].nodes.items[0].values.items[0].text = "sha256:22";
        ck_assert_int_eq(message_encode(&shape_seal_record, &r, &b, fds, &n), ST_DONE);
        ck_assert_int_eq(state_write(dir, "seal-01020300-0000-0000-0000-000000000000-2",
                                     &state_kind_seal, buffer_bytes(&b)),
                         ST_DONE);
        e = (struct seal_entry){
                .vm = vm, .generation = 2, .record = digest_of(HASH_SHA256, b.data, b.len)};
        ck_assert_int_eq(generations_commit(&e), ST_DONE);
        image();
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
        ck_assert_str_eq(error_last()->subject, "the fake TPM");
        buffer_clear(&b);
}
END_TEST

/* --- seals of an older version ---------------------------------------------------------------- */

/* Makes the present seal, of generation 1, what version 0.1 would have made: a file of version 2,
 * and a binding over the plug-ins' files. */
static void make_old(void)
{
        static const struct state_kind kind = {"seal", 2, &shape_seal_record_2, NULL, 0};
        struct seal_record r;
        struct seal_record_2 old;
        struct found found;
        struct binding b;
        struct seal_entry e = {.vm = vm, .generation = 2};
        struct buffer bytes = BUFFER_INIT(STATE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t n = 0;

        ck_assert_int_eq(state_read_record(dir, RECORD_NAME("1"), &state_kind_seal, a, &r),
                         ST_DONE);
        ck_assert_int_eq(
                measure_all(a, &principal_self, targets, 2, opened, 2, HASH_SHA256, &found),
                ST_DONE);
        b = (struct binding){
                BINDING_FILES, HASH_SHA256,   vm,          principal_nobody, principal_nobody,
                &r.descriptor, found.plugins, found.forms, r.disks.items,    r.disks.count,
                config};
        old = (struct seal_record_2){.version = 1,
                                     .vm = vm,
                                     .generation = 2,
                                     .owner = "",
                                     .payload = PAYLOAD_DISKS,
                                     .recipient = "",
                                     .policy = POLICY_STATE,
                                     .pcr = 16,
                                     .blob_private = r.blob_private,
                                     .binding = binding_digest(&b),
                                     .config = config,
                                     .descriptor = r.descriptor,
                                     .plugins = {r.plugins.items, r.plugins.count},
                                     .disks = {r.disks.items, r.disks.count},
                                     .measurements = {r.measurements.items, 2}};
        old.blob_public = (struct bytes){old.binding.bytes, 32};
        ck_assert_int_eq(message_encode(&shape_seal_record_2, &old, &bytes, fds, &n), ST_DONE);
        ck_assert_int_eq(state_write(dir, RECORD_NAME("2"), &kind, buffer_bytes(&bytes)), ST_DONE);
        e.record = digest_of(HASH_SHA256, bytes.data, bytes.len);
        ck_assert_int_eq(generations_commit(&e), ST_DONE);
        buffer_clear(&bytes);
}

static struct seal_record present_record(void)
{
        struct seal_record r;

        ck_assert_int_eq(seal_store_read(a, &vm, &r), ST_DONE);
        return r;
}

/* An update of Bulkhead has brought other files of the same plug-ins. */
START_TEST(test_an_old_seal_opens_and_is_made_anew)
{
        char secret_of;

        open_log();
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        make_old();
        ck_assert_int_eq(present_record().construction, BINDING_FILES);
        plugin_file();
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(secret_of, 'x');
        ck_assert_uint_eq(unsealed, 3);
        ck_assert_uint_eq(generation(), 3);
        ck_assert_int_eq(present_record().construction, BINDING_VERSIONS);
        ck_assert_str_eq(present_record().owner.name, "1000");
        plugin_file();
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(secret_of, 'x');
        ck_assert_uint_eq(generation(), 3); /* once */
        another_owner();
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
}
END_TEST

START_TEST(test_an_old_seal_names_what_changed)
{
        void (*const changed[])(void) = {image, version, plugin, configuration, disk_uuid};
        char secret_of;

        open_log();
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        make_old();
        plugin_file();
        changed[_i]();
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
        ck_assert_str_ne(error_last()->subject, "the fake TPM");
        ck_assert_uint_eq(generation(), 2);
}
END_TEST

/* A clean stop makes it anew, too. */
START_TEST(test_an_old_seal_after_a_clean_stop)
{
        char secret_of;

        open_log();
        descriptor.clean_stop = true;
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        make_old();
        plugin_file();
        image();
        ck_assert_int_eq(do_reseal(3), ST_DONE);
        ck_assert_int_eq(present_record().construction, BINDING_VERSIONS);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(secret_of, 'x');
}
END_TEST

/* --- predicates ------------------------------------------------------------------------------- */

START_TEST(test_judged)
{
        char secret_of;

        open_log();
        targets[0].judged = true;
        ck_assert_int_eq(do_seal(1, 'x'), ST_INVALID); /* no predicate judges it */
        descriptor.predicates.count = 1;
        fake_verdict = ST_PREDICATE;
        ck_assert_int_eq(do_seal(1, 'x'), ST_PREDICATE);
        ck_assert_uint_eq(generation(), 0);
        fake_verdict = ST_DONE;
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        image(); /* judged */
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        fake_verdict = ST_PREDICATE;
        ck_assert_int_eq(do_unseal(&secret_of), ST_PREDICATE);
        fake_verdict = ST_TIMEOUT;
        ck_assert_int_eq(do_unseal(&secret_of), ST_TIMEOUT);
        fake_verdict = ST_DONE;
        cipher(); /* bound */
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
}
END_TEST

/* --- which record counts ---------------------------------------------------------------------- */

START_TEST(test_old_record)
{
        unsigned char *old, *bytes;
        size_t old_len, len;
        char secret_of;

        open_log();
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        old = folder_read(dir, RECORD_NAME("1"), &old_len);
        ck_assert_int_eq(do_seal(2, 'y'), ST_DONE);
        ck_assert_int_eq(faccessat(dir, RECORD_NAME("1"), F_OK, 0), -1);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(secret_of, 'y');
        bytes = folder_read(dir, RECORD_NAME("2"), &len);
        folder_write(dir, RECORD_NAME("2"), old, old_len);
        ck_assert_int_eq(do_unseal(&secret_of), ST_ROLLED_BACK);
        ck_assert_uint_eq(generation(), 2);
        ck_assert_int_eq(do_seal(3, 'z'), ST_REFUSED);
        unlinkat(dir, RECORD_NAME("2"), 0);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DAMAGED);
        ck_assert_int_eq(do_seal(3, 'z'), ST_REFUSED);
        bytes[len - 1] ^= 1;
        folder_write(dir, RECORD_NAME("2"), bytes, len);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DAMAGED);
        ck_assert_int_eq(do_seal(3, 'z'), ST_REFUSED);
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "restore integrity-mgr's state folder"));
        bytes[len - 1] ^= 1; /* it is restored: nothing was given up */
        folder_write(dir, RECORD_NAME("2"), bytes, len);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        bytes[len - 1] ^= 1;
        folder_write(dir, RECORD_NAME("2"), bytes, len);
        forget_key = true; /* it can be sealed again, by whoever says so */
        ck_assert_int_eq(do_seal(3, 'z'), ST_DONE);
        forget_key = false;
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(seal_forget(&principal_self, &vm), ST_DONE);
        ck_assert_int_eq(faccessat(dir, RECORD_NAME("3"), F_OK, 0), -1);
        ck_assert_int_eq(do_unseal(&secret_of), ST_NOT_FOUND);
        ck_assert_uint_eq(generation(), 0);
        free(old);
        free(bytes);
}
END_TEST

START_TEST(test_clean_stop)
{
        char secret_of;

        open_log();
        ck_assert_int_eq(do_reseal(1), ST_NOT_FOUND);
        descriptor.clean_stop = true;
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        image();
        ck_assert_int_eq(do_reseal(1), ST_WRONG_STATE);
        ck_assert_int_eq(do_reseal(2), ST_DONE);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(secret_of, 'x');
        configuration(); /* a stop does not take a new configuration along */
        ck_assert_int_eq(do_reseal(3), ST_CHANGED);
        configuration();
        plugin();
        ck_assert_int_eq(do_reseal(3), ST_CHANGED);
        ck_assert_uint_eq(generation(), 2);
}
END_TEST

static void read_only(void)
{
        disks[0].writable = false;
        image();
}

static void outside(void)
{
        image();
}

/* A guest writes to its writable disks; whoever else wrote while it ran is not vouched for. */
START_TEST(test_clean_stop_vouches_for_the_guest_alone)
{
        void (*const written[])(void) = {read_only, outside, cipher};
        char secret_of;

        open_log();
        descriptor.clean_stop = true;
        if (written[_i] == outside)
                disks[0] = disks[1]; /* so that disk:/a is none of the VM's disks */
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        written[_i]();
        ck_assert_int_eq(do_reseal(2), ST_CHANGED);
        ck_assert_uint_eq(generation(), 1);
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
}
END_TEST

static const struct {
        enum covers covers; /* of the only target besides luks:/b */
        const char *path;
        bool encrypted, clean_stop;
        enum status sealed;
} coverings[] = {
        {COVERS_CONTENT, "/a", false, false, ST_DONE},
        {COVERS_CONTENT, "/a", true, false, ST_DONE},
        {COVERS_CONTENT, "/a", false, true, ST_DONE},
        {COVERS_CONTENT, "/a", true, true, ST_INVALID},
        {COVERS_HEADER, "/a", true, false, ST_DONE},
        {COVERS_HEADER, "/a", true, true, ST_DONE},
        {COVERS_HEADER, "/a", false, false, ST_INVALID},
        {COVERS_CONTENT, "/a/.", false, false, ST_INVALID},
        {COVERS_HEADER, "/b", true, false, ST_INVALID},
        {COVERS_NOTHING, "/a", true, false, ST_INVALID},
        {COVERS_VM, "/a", false, false, ST_INVALID},
};

START_TEST(test_a_disk_that_nothing_measures_is_not_sealed)
{
        open_log();
        opened[0].covers = coverings[_i].covers;
        targets[0].argument = coverings[_i].path;
        disks[0].encrypted = coverings[_i].encrypted;
        descriptor.clean_stop = coverings[_i].clean_stop;
        ck_assert_int_eq(do_seal(1, 'x'), coverings[_i].sealed);
        if (coverings[_i].sealed)
                ck_assert(strstr(error_last()->remedy,
                                 coverings[_i].encrypted ? "luks:/a" : "disk:/a"));
}
END_TEST

static const struct {
        enum covers covers; /* of the target that may cover /kernel */
        const char *component, *argument;
        enum status sealed;
} boot_coverings[] = {
        {COVERS_VM, VM, "web01", ST_DONE},
        {COVERS_VM, OTHER_VM, "web01", ST_INVALID},
        {COVERS_VM, "host/vms", "web01", ST_INVALID},
        {COVERS_CONTENT, VM "/kernel", "/kernel", ST_DONE},
        {COVERS_CONTENT, VM "/kernel", "/kernel2", ST_INVALID},
        {COVERS_HEADER, VM "/kernel", "/kernel", ST_INVALID},
        {COVERS_NOTHING, VM, "all", ST_INVALID},
};

START_TEST(test_a_kernel_that_nothing_measures_is_not_sealed)
{
        open_log();
        opened[0].covers = boot_coverings[_i].covers;
        opened[0].component = boot_coverings[_i].component;
        targets[0].argument = boot_coverings[_i].argument;
        disks[0] = (struct open_disk){.path = "/kernel", .boot = true, .file = -1, .header = -1};
        ck_assert_int_eq(do_seal(1, 'x'), boot_coverings[_i].sealed);
        if (boot_coverings[_i].sealed) {
                ck_assert_str_eq(error_last()->subject, "boot file /kernel");
                ck_assert(strstr(error_last()->remedy, "<measureTarget name=\"vm:web01\" dest="));
        }
}
END_TEST

/* The facts of the VM say what in its configuration is another; without them only that it is. */
START_TEST(test_a_changed_configuration_is_named)
{
        char secret_of;

        open_log();
        opened[1] = (struct open_target){VM, COVERS_VM, -1, -1};
        disks[1] = (struct open_disk){.path = "/b", .boot = true, .file = -1, .header = -1};
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        configuration();
        cipher();
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
        ck_assert_str_eq(error_last()->subject, "luks:/b (cipher)");
        fake_measure_reset();
        ck_assert_int_eq(do_unseal(&secret_of), ST_CHANGED);
        ck_assert_str_eq(error_last()->subject, "the VM's configuration");
}
END_TEST

static void look_while_sealing(void)
{
        struct bytes shown = {0};
        struct im_sealed_rep p;

        ck_assert_int_eq(seal_shown(a, &vm, &shown), ST_DONE);
        ck_assert_uint_gt(shown.len, 0);
        ck_assert_int_eq(seal_present(a, &vm, &p), ST_BUSY);
}

/* Its asker was killed and is back: what this seal journalled is not dropped before it is known
 * whether the seal counts. */
START_TEST(test_nothing_is_settled_while_a_seal_is_made)
{
        char secret_of;

        open_log();
        ck_assert_int_eq(do_seal(1, 'a'), ST_DONE);
        fake_tpm_while_sealing = look_while_sealing;
        ck_assert_int_eq(do_seal(2, 'b'), ST_DONE);
        fake_tpm_while_sealing = NULL;
        ck_assert_uint_eq(generation(), 2);
        ck_assert_int_eq(do_unseal(&secret_of), ST_DONE);
        ck_assert_int_eq(secret_of, 'b');
}
END_TEST

/* --- the key of the state files -------------------------------------------------------------- */

START_TEST(test_state_key)
{
        struct im_state_key_rep p, again;

        open_log();
        ck_assert_int_eq(state_key_get(a, &p), ST_DONE);
        ck_assert_uint_eq(p.key.len, 32);
        ck_assert(p.first);
        ck_assert_int_eq(state_key_kept(), ST_DONE);
        ck_assert_int_eq(state_key_kept(), ST_DONE);
        generations_open(dir); /* as after a restart */
        ck_assert_int_eq(state_key_get(a, &again), ST_DONE);
        ck_assert_mem_eq(p.key.data, again.key.data, 32);
        ck_assert(!again.first);
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE); /* the table has room for VMs beside it */
        fake_tpm->gone = true;
        ck_assert_int_eq(state_key_get(a, &p), ST_TPM);
}
END_TEST

/* As whoever has the disk could: the approvals are taken out of the host's file, and perhaps the
 * table goes, too. Such a host has had a key. */
START_TEST(test_a_state_key_is_not_forgotten)
{
        struct im_state_key_rep p;
        struct host_state emptied;

        open_log();
        emptied = (struct host_state){.keys = host_get()->keys};
        ck_assert_int_eq(state_write_record(dir, "host", &state_kind_host, &emptied), ST_DONE);
        if (_i)
                ck_assert_int_eq(state_remove(dir, "generations"), ST_DONE);
        if (_i == 2)
                fake_tpm->known.alg = HASH_NONE; /* never approved */
        generations_open(dir);
        ck_assert_int_eq(host_open(dir), ST_DONE);
        ck_assert_uint_eq(host_get()->approvals.count, 0);
        ck_assert_int_eq(state_key_get(a, &p), _i == 2 ? ST_DONE : ST_DAMAGED);
        if (_i == 2)
                ck_assert_uint_eq(p.key.len, 0);
        else
                ck_assert(strstr(error_last()->remedy, "host approve"));
}
END_TEST

/* --- the log ---------------------------------------------------------------------------------- */

static bool is_logged(const char *event)
{
        static char content[1 << 16];
        int fd = openat(dir, "log", O_RDONLY);
        ssize_t n = read(fd, content, sizeof content);

        close(fd);
        ck_assert_int_gt(n, 0);
        return memmem(content, (size_t)n, event, strlen(event));
}

#define OF_VM(vm, part, of)                                                                        \
        "<event by=\"uid:1000\" component=\"host/vms/" vm "-0000-0000-0000-000000000000" part      \
        "\" " of

START_TEST(test_events_name_their_component)
{
        struct im_device_req q = {
                .asker = {PRINCIPAL_USER, "1000"}, .vm = other_vm, .device = "xvda"};

        open_log();
        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
        ck_assert(is_logged(
                OF_VM("01020300", "", "generation=\"1\" kind=\"seal\" outcome=\"done\">")));
        ck_assert_int_eq(seal_device(a, &q), ST_NOT_FOUND);
        ck_assert(is_logged(OF_VM("04000000", "/xvda", "kind=\"device\" outcome=")));
        ck_assert_int_eq(error_last()->status, ST_NOT_FOUND);
}
END_TEST

/* --- faults ---------------------------------------------------------------------------------- */

/* In a child: opens the state, seals generation 2 with a fault at call n. Its exit status: 0 never
 * reached, 1 the seal went well, 2 it was refused, FAULT_EXIT killed. */
static int seal_with_fault(unsigned n, enum fault kind)
{
        pid_t child = fork();
        int st;

        if (!child) {
                enum status s;

                open_state();
                open_log();
                fault_arm(n, kind);
                s = do_seal(2, 'y');
                if (!fault_hit())
                        _exit(s ? 3 : 0);
                fault_disarm();
                if (kind == FAULT_KILL)
                        _exit(FAULT_EXIT);
                /* the same process goes on: the old or the new one, and then a new seal */
                open_log();
                if (generation() != 1 && generation() != 2)
                        _exit(4);
                if (do_seal(generation() + 1, 'z'))
                        _exit(5);
                _exit(s ? 2 : 1);
        }
        waitpid(child, &st, 0);
        return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

/* In a child: what a restarted daemon finds. */
static void check_restarted(bool sealed_after)
{
        pid_t child = fork();
        int st;

        if (!child) {
                char secret_of;
                uint64_t g;

                open_state();
                open_log();
                g = generation();
                if (do_unseal(&secret_of))
                        _exit(1);
                if (sealed_after ? secret_of != 'z' : secret_of != (g == 1 ? 'x' : 'y'))
                        _exit(2);
                _exit(do_seal(g + 1, 'w') ? 3 : 0);
        }
        waitpid(child, &st, 0);
        ck_assert_int_eq(st, 0);
}

START_TEST(test_faults)
{
        int r = 1;
        unsigned n;

        for (n = 1; r; n++) {
                pid_t child;
                int st;

                prepare(); /* the state lives in the children alone, as it does in daemons */
                child = fork();
                if (!child) {
                        open_state();
                        open_log();
                        _exit(do_seal(1, 'x') != ST_DONE);
                }
                waitpid(child, &st, 0);
                ck_assert_int_eq(st, 0);
                r = seal_with_fault(n, (enum fault)_i);
                ck_assert_msg(r <= 2 || r == FAULT_EXIT, "call %u: %d", n, r);
                if (r)
                        check_restarted(r != FAULT_EXIT);
                tear_down();
                ck_assert_uint_lt(n, 200);
        }
        ck_assert_uint_gt(n, 15);
}
END_TEST

/* In a child: a start under an old seal with a fault at call n. What a start that went well tells
 * is the present generation. */
static int start_with_fault(unsigned n, enum fault kind)
{
        pid_t child = fork();
        int st;

        if (!child) {
                char secret_of = 0;
                enum status s;

                open_state();
                open_log();
                fault_arm(n, kind);
                s = do_unseal(&secret_of);
                if (!fault_hit())
                        _exit(s || generation() != 3 ? 3 : 0);
                fault_disarm();
                if (kind == FAULT_KILL)
                        _exit(FAULT_EXIT);
                if (!s && secret_of != 'x')
                        _exit(4);
                open_log();
                if (!s && unsealed != generation())
                        _exit(5);
                _exit(do_unseal(&secret_of) || generation() != 3 ? 6 : 1);
        }
        waitpid(child, &st, 0);
        return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

START_TEST(test_faults_while_made_anew)
{
        int r = 1;
        unsigned n;

        for (n = 1; r; n++) {
                pid_t child;
                int st;

                prepare();
                child = fork();
                if (!child) {
                        open_state();
                        open_log();
                        ck_assert_int_eq(do_seal(1, 'x'), ST_DONE);
                        make_old();
                        _exit(0);
                }
                waitpid(child, &st, 0);
                ck_assert_int_eq(st, 0);
                r = start_with_fault(n, (enum fault)_i);
                ck_assert_msg(r <= 1 || r == FAULT_EXIT, "call %u: %d", n, r);
                child = fork();
                if (!child) {
                        char secret_of;

                        open_state();
                        open_log();
                        _exit(do_unseal(&secret_of) || secret_of != 'x' || generation() != 3);
                }
                waitpid(child, &st, 0);
                ck_assert_msg(!st, "call %u: after it", n);
                tear_down();
                ck_assert_uint_lt(n, 200);
        }
        ck_assert_uint_gt(n, 10);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("seal");
        TCase *t = tcase_create("seal");
        SRunner *runner;
        int failed, quiet = open("/dev/null", O_WRONLY);

        if (!getenv("V"))
                dup2(quiet, STDERR_FILENO);
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, test_changes, 0, sizeof changes / sizeof *changes);
        tcase_add_loop_test(t, test_a_key_is_not_given_up_unsaid, 0,
                            sizeof others / sizeof *others);
        tcase_add_test(t, test_tpm_decides);
        tcase_add_test(t, test_an_old_seal_opens_and_is_made_anew);
        tcase_add_loop_test(t, test_an_old_seal_names_what_changed, 0, 5);
        tcase_add_test(t, test_an_old_seal_after_a_clean_stop);
        tcase_add_test(t, test_judged);
        tcase_add_test(t, test_old_record);
        tcase_add_test(t, test_clean_stop);
        tcase_add_loop_test(t, test_clean_stop_vouches_for_the_guest_alone, 0, 3);
        tcase_add_loop_test(t, test_a_disk_that_nothing_measures_is_not_sealed, 0,
                            sizeof coverings / sizeof *coverings);
        tcase_add_loop_test(t, test_a_kernel_that_nothing_measures_is_not_sealed, 0,
                            sizeof boot_coverings / sizeof *boot_coverings);
        tcase_add_test(t, test_a_changed_configuration_is_named);
        tcase_add_test(t, test_state_key);
        tcase_add_loop_test(t, test_a_state_key_is_not_forgotten, 0, 3);
        tcase_add_test(t, test_nothing_is_settled_while_a_seal_is_made);
        tcase_add_test(t, test_events_name_their_component);
        suite_add_tcase(suite, t);
        t = tcase_create("faults");
        tcase_set_timeout(t, 120);
        tcase_add_loop_test(t, test_faults, FAULT_KILL, FAULT_FOR_EVER + 1);
        tcase_add_loop_test(t, test_faults_while_made_anew, FAULT_KILL, FAULT_FOR_EVER + 1);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed != 0;
}
