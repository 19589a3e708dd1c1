/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of state file, in each version that is read: the file in tests/data/state, which that
 * version wrote, still means what it meant. Each of its bits and each of its beginnings is looked
 * at; a newer one is refused and left alone.
 *
 *   test_state_kinds --write    writes the files of today's versions that are missing, lifted from
 *                               the version before
 */
#include "lib/principal.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"
#include "tests/fault/folder.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "tests/data/state"
#define THE_UUID "0f0e0d0c-0b0a-4908-8706-050403020100"
#define BOOT "84560d38-1ee1-4fd5-8821-2376daf717fc"

static struct arena *a;
static int dir;

/* --- what the files mean, whichever version says it ------------------------------------------ */

static void is_the_vm(const struct uuid *uuid)
{
        char text[37];

        uuid_write(uuid, text);
        ck_assert_str_eq(text, THE_UUID);
}

static void is_text(const struct bytes *bytes, const char *text)
{
        ck_assert_uint_eq(bytes->len, strlen(text));
        ck_assert_mem_eq(bytes->data, text, bytes->len);
}

static void are_the_disks(const struct disk *disks, size_t count)
{
        ck_assert_uint_eq(count, 2);
        ck_assert_str_eq(disks[0].device, "xvda");
        ck_assert_str_eq(disks[0].path, "/srv/vm/root.img");
        ck_assert_str_eq(disks[0].kind, "verity");
        ck_assert(!disks[0].writable);
        ck_assert_str_eq(disks[1].device, "xvdb");
        ck_assert_str_eq(disks[1].path, "/srv/vm/data.img");
        ck_assert_str_eq(disks[1].kind, "crypt");
        ck_assert(disks[1].writable);
}

static void means_vm(const void *record, uint32_t version)
{
        const struct vm_definition *d = record;

        (void)version;
        is_the_vm(&d->uuid);
        ck_assert_str_eq(d->name, "web");
        ck_assert_uint_eq(d->owner.kind, PRINCIPAL_USER);
        ck_assert_str_eq(d->owner.name, "0");
        ck_assert_uint_eq(d->generation, 1);
        ck_assert(d->autostart);
        ck_assert_uint_eq(d->config.len, 368);
        ck_assert_mem_eq(d->config.data, "{\"disks\":[{\"device\":\"xvda\",", 27);
        are_the_disks(d->disks.items, d->disks.count);
        ck_assert_ptr_nonnull(
                strstr(d->last_refusal, "disk:/srv/vm/root.img: not what was sealed"));
}

static void means_vm_next(const void *record, uint32_t version)
{
        means_vm(record, version);
}

static void means_vm_domain(const void *record, uint32_t version)
{
        (void)version;
        is_text(record, BOOT " 1");
}

static void means_vm_memory(const void *record, uint32_t version)
{
        (void)version;
        ck_assert_str_eq(((const struct memory_image *)record)->path,
                         "/srv/bulkhead/state/svdm/memory-" THE_UUID ".img");
}

static void means_autostart(const void *record, uint32_t version)
{
        (void)version;
        is_text(record, BOOT);
}

static void means_sim_domain(const void *record, uint32_t version)
{
        const struct sim_domain *d = record;

        (void)version;
        is_the_vm(&d->uuid);
        ck_assert_str_eq(d->name, "web");
        ck_assert_uint_eq(d->domid, 1);
        ck_assert_str_eq(d->state, "running");
        ck_assert_uint_eq(d->config.memory, 128);
        ck_assert_uint_eq(d->config.boot.count, 1);
        ck_assert_str_eq(d->config.boot.items[0].name, "kernel");
        ck_assert_str_eq(d->config.boot.items[0].path, "/srv/vm/vmlinuz");
        ck_assert_uint_eq(d->config.disks.count, 2);
        ck_assert_str_eq(d->config.disks.items[0].device, "xvda");
        ck_assert_str_eq(d->config.on_crash, "destroy");
        ck_assert_uint_eq(d->devices.count, 2);
        ck_assert_str_eq(d->devices.items[1].path, "sim:/srv/vm/data.img");
}

static void means_sim_counter(const void *record, uint32_t version)
{
        (void)version;
        ck_assert_uint_eq(((const struct sim_counter *)record)->next, 2);
}

static void means_host(const void *record, uint32_t version)
{
        const struct host_state *h = record;

        (void)version; /* nobody kept who approved it when this fixture was made */
        ck_assert_uint_eq(h->approvals.items[0].time, 0);
        ck_assert_uint_eq(h->approvals.items[0].approver.kind, PRINCIPAL_NOBODY);
        ck_assert_uint_eq(h->keys.alg, HASH_SHA256);
        ck_assert_uint_eq(h->keys.ak_name.len, 34);
        ck_assert_uint_eq(h->keys.srk_name.len, 34);
        ck_assert_uint_eq(h->keys.site_public.len, 90);
        ck_assert_uint_eq(h->approvals.count, 1);
        ck_assert_uint_gt(h->approvals.items[0].pcrs.count, 0);
        ck_assert_uint_gt(h->approvals.items[0].signature.len, 64);
}

static void means_generations(const void *record, uint32_t version)
{
        const struct seal_table_file *f = record;
        const struct state_content within = {"generations", version, f->table, NULL};
        struct seal_table table;

        ck_assert_int_eq(f->mac.alg, HASH_SHA256);
        ck_assert_int_eq(state_decode_record(&state_kind_seal_table, &within, a, &table), ST_DONE);
        ck_assert_uint_eq(table.entries.count, 1);
        is_the_vm(&table.entries.items[0].vm);
        ck_assert_uint_eq(table.entries.items[0].generation, 1);
        ck_assert_int_eq(table.entries.items[0].record.alg, HASH_SHA256);
        ck_assert_int_eq(table.entries.items[0].memory.alg, HASH_SHA256);
}

static void means_seal(const void *record, uint32_t version)
{
        const struct seal_record *r = record;

        (void)version;
        is_the_vm(&r->vm);
        ck_assert_uint_eq(r->generation, 1);
        ck_assert_int_eq(r->construction, BINDING_FILES);
        ck_assert_int_eq(r->owner.kind, PRINCIPAL_NOBODY);
        ck_assert_int_eq(r->recipient.kind, PRINCIPAL_NOBODY);
        ck_assert_uint_eq(r->payload, 1);
        ck_assert_uint_eq(r->policy, 1);
        ck_assert_uint_eq(r->pcr, 16);
        ck_assert_uint_eq(r->blob_public.len, 80);
        ck_assert_uint_eq(r->blob_private.len, 160);
        ck_assert_str_eq(r->descriptor.key, "k");
        ck_assert_uint_eq(r->descriptor.targets.count, 3);
        ck_assert_str_eq(r->descriptor.targets.items[2].name, "luks:/srv/vm/data.img");
        ck_assert_uint_eq(r->plugins.count, 3);
        ck_assert_uint_eq(r->measurements.count, 3);
        ck_assert_str_eq(r->measurements.items[0].target, "vm:web");
}

static void means_journal(const void *record, uint32_t version)
{
        const struct journal *j = record;

        (void)version;
        is_the_vm(&j->vm);
        ck_assert_uint_eq(j->generation, 7);
        ck_assert_uint_eq(j->disks.count, 1);
        ck_assert_str_eq(j->disks.items[0].path, "/srv/vm/data.img");
        ck_assert_uint_eq(j->disks.items[0].size, 24 << 20);
        ck_assert_int_eq(j->disks.items[0].runs.alg, HASH_SHA256);
}

static void means_header(const void *record, uint32_t version)
{
        const struct bytes *runs = record;

        (void)version;
        ck_assert_ptr_nonnull(memmem(runs->data, runs->len, "LUKS new head", 13));
        ck_assert_ptr_nonnull(memmem(runs->data, runs->len, "a new key slot", 14));
}

static void means_held(const void *record, uint32_t version)
{
        const struct attachment *h = record;

        (void)version;
        is_the_vm(&h->vm);
        ck_assert_str_eq(h->boot, BOOT);
        ck_assert_uint_eq(h->disks.count, 2);
        ck_assert_str_eq(h->disks.items[0].path, "/srv/vm/root.img");
        ck_assert(!h->disks.items[0].writable);
        ck_assert(h->disks.items[1].writable);
        ck_assert_str_eq(h->disks.items[0].name, "xvda");
        ck_assert_str_eq(h->disks.items[1].name, "xvdb");
        ck_assert_uint_eq(h->devices.count, 2);
        ck_assert_str_eq(h->devices.items[1].device, "xvdb");
        ck_assert_uint_eq(h->bare, 0);
}

static void means_slot_key(const void *record, uint32_t version)
{
        const struct bytes *key = record;

        (void)version;
        ck_assert_uint_eq(key->len, 32);
}

static void means_tree(const void *record, uint32_t version)
{
        const struct hash_tree *t = record;

        (void)version;
        ck_assert_str_eq(t->path, "/srv/vm/root.img");
        ck_assert_uint_eq(t->size, 64 << 10);
        ck_assert_int_eq(t->root.alg, HASH_SHA256);
        ck_assert_uint_eq(t->root.bytes[0], 0x06);
}

static const struct {
        const char *id;
        const struct state_kind *kind;
        void (*means)(const void *record, uint32_t version);
} kinds[] = {
#define KIND(id, name, version, shape) {#id, &state_kind_##id, means_##id},
        STATE_KINDS(KIND)
#undef KIND
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* --- files ----------------------------------------------------------------------------------- */

static const char *file_name(int i, uint32_t version)
{
        return arena_print(a, "%s-%" PRIu32, kinds[i].id, version);
}

static void *room(const struct state_kind *kind)
{
        return arena_get(a, kind->shape ? shape_size(kind->shape) : sizeof(struct bytes));
}

static int data_folder(void)
{
        int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

static struct bytes file_of(int i, uint32_t version)
{
        const char *name = file_name(i, version);
        int data = data_folder();
        struct stat st;
        unsigned char *bytes;
        size_t len;

        ck_assert_msg(!fstatat(data, name, &st, 0), "there is no " FOLDER "/%s: --write", name);
        bytes = folder_read(data, name, &len);
        close(data);
        return (struct bytes){bytes, len};
}

static void set_up(void)
{
        a = arena_new();
        dir = folder_new();
}

static void tear_down(void)
{
        folder_remove(dir);
        arena_free(a);
}

/* Each version that a kind is read in, today's last. */
static uint32_t version_at(const struct state_kind *kind, size_t n)
{
        return n < kind->older_count ? kind->older[n].version : kind->version;
}

/* --- tests ----------------------------------------------------------------------------------- */

START_TEST(test_means_what_it_meant)
{
        const struct state_kind *kind = kinds[_i].kind;
        int data = data_folder();

        for (size_t n = 0; n <= kind->older_count; n++) {
                uint32_t version = version_at(kind, n);
                void *record = room(kind);
                struct bytes file = file_of(_i, version);
                enum status s = state_read_record(data, file_name(_i, version), kind, a, record);

                ck_assert_msg(!s, "%s of version %u: %s", kinds[_i].id, version,
                              error_last()->found);
                kinds[_i].means(record, version);
                free((void *)file.data);
        }
        close(data);
}
END_TEST

/* Were a shape changed and its version not, this is what shows it. */
START_TEST(test_is_written_as_it_was)
{
        const struct state_kind *kind = kinds[_i].kind;
        struct bytes file = file_of(_i, kind->version);
        int data = data_folder();
        void *record = room(kind);
        unsigned char *again;
        size_t len;

        ck_assert_int_eq(state_read_record(data, file_name(_i, kind->version), kind, a, record),
                         ST_DONE);
        close(data);
        ck_assert_int_eq(state_write_record(dir, "again", kind, record), ST_DONE);
        again = folder_read(dir, "again", &len);
        ck_assert_uint_eq(len, file.len);
        ck_assert_mem_eq(again, file.data, len);
        free(again);
        free((void *)file.data);
}
END_TEST

START_TEST(test_versions_have_no_gap)
{
        const struct state_kind *kind = kinds[_i].kind;

        ck_assert_ptr_eq(state_kinds[_i], kind);
        ck_assert_uint_lt(strlen(kind->name), STATE_KIND_SIZE);
        ck_assert_uint_eq(strspn(kind->name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                          strlen(kind->name));
        for (size_t n = 0; n < kind->older_count; n++)
                ck_assert_uint_eq(version_at(kind, n) + 1, version_at(kind, n + 1));
}
END_TEST

static void no_bit_may_flip(const struct state_kind *kind, struct bytes file)
{
        uint8_t *bytes = arena_copy(a, file.data, file.len);
        struct state_content content;

        for (size_t bit = 0; bit < 8 * file.len; bit++) {
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                ck_assert_int_eq(state_parse("x", (struct bytes){bytes, file.len}, kind, &content),
                                 ST_DAMAGED);
                bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < file.len; cut++)
                ck_assert_int_eq(state_parse("x", (struct bytes){bytes, cut}, kind, &content),
                                 ST_DAMAGED);
}

START_TEST(test_each_bit_and_each_beginning)
{
        const struct state_kind *kind = kinds[_i].kind;

        for (size_t n = 0; n <= kind->older_count; n++) {
                struct bytes file = file_of(_i, version_at(kind, n));

                no_bit_may_flip(kind, file);
                free((void *)file.data);
        }
}
END_TEST

/* Content of that version, cut off anywhere but whole by its checksum. */
START_TEST(test_each_beginning_of_the_content)
{
        const struct state_kind *kind = kinds[_i].kind;

        for (size_t n = 0; n <= kind->older_count; n++) {
                uint32_t version = version_at(kind, n);
                struct bytes file = file_of(_i, version);
                struct state_content content;

                ck_assert_int_eq(state_parse("x", file, kind, &content), ST_DONE);
                while (kind->shape && content.bytes.len--)
                        ck_assert_int_eq(state_decode_record(kind, &content, a, room(kind)),
                                         ST_DAMAGED);
                free((void *)file.data);
        }
}
END_TEST

START_TEST(test_newer_is_refused_and_left_alone)
{
        struct state_kind newer = *kinds[_i].kind;
        struct bytes file = file_of(_i, newer.version++);
        unsigned char *before, *after;
        size_t len, len_after;

        ck_assert_int_eq(state_write(dir, "newer", &newer, file), ST_DONE);
        before = folder_read(dir, "newer", &len);
        ck_assert_int_eq(state_kinds_check(dir), ST_UNSUPPORTED);
        ck_assert_int_eq(state_renew_record(dir, "newer", kinds[_i].kind, a, room(kinds[_i].kind)),
                         ST_UNSUPPORTED);
        ck_assert_str_eq(error_last()->subject, "state file newer");
        ck_assert_str_eq(error_last()->expected,
                         FMT("version %" PRIu32 " or older", newer.version - 1));
        ck_assert_str_eq(error_last()->found,
                         FMT("version %" PRIu32 ", written by a newer Bulkhead", newer.version));
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "update Bulkhead"));
        after = folder_read(dir, "newer", &len_after);
        ck_assert_uint_eq(len, len_after);
        ck_assert_mem_eq(before, after, len);
        free(before);
        free(after);
        free((void *)file.data);
}
END_TEST

START_TEST(test_another_kind_is_refused)
{
        const struct state_kind *kind = kinds[_i].kind;
        int data = data_folder();

        for (int k = 0; k < KINDS; k++) {
                const struct state_kind *other = kinds[k].kind;

                if (!strcmp(other->name, kind->name))
                        continue;
                ck_assert_int_eq(
                        state_read_record(data, file_name(k, other->version), kind, a, room(kind)),
                        ST_DAMAGED);
                ck_assert_str_eq(error_last()->expected, FMT("a file of kind %s", kind->name));
                ck_assert_str_eq(error_last()->found, FMT("one of kind %s", other->name));
        }
        close(data);
}
END_TEST

/* --- for the next version -------------------------------------------------------------------- */

/* The table of seals has a version of its own in its file, whose MAC nobody here can make. */
static enum status renew_table(struct seal_table_file *f, uint32_t version)
{
        const struct state_content within = {"generations", version, f->table, NULL};
        struct buffer encoded = BUFFER_INIT(DOCUMENT_MOST);
        struct seal_table table;
        enum status s = state_decode_record(&state_kind_seal_table, &within, a, &table);

        if (!s)
                s = message_encode(&shape_seal_table, &table, &encoded, NULL, NULL);
        f->table = (struct bytes){arena_copy(a, encoded.data, encoded.len), encoded.len};
        buffer_clear(&encoded);
        return s;
}

static int write_missing(void)
{
        int data = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        enum status s = ST_DONE;
        struct stat st;

        a = arena_new();
        for (int i = 0; i < KINDS && !s; i++) {
                const struct state_kind *kind = kinds[i].kind;
                const char *name = file_name(i, kind->version);
                void *record = room(kind);

                if (!fstatat(data, name, &st, 0) || !kind->older_count)
                        continue;
                s = state_read_record(data, file_name(i, kind->version - 1), kind, a, record);
                if (!s && kind == &state_kind_generations)
                        s = renew_table(record, kind->version - 1);
                if (!s)
                        s = state_write_record(data, name, kind, record);
                printf("%s: %s\n", name, status_sentence(s));
        }
        arena_free(a);
        close(data);
        return s != ST_DONE;
}

int main(int argc, char **argv)
{
        Suite *suite = suite_create("state_kinds");
        TCase *t = tcase_create("state_kinds");
        SRunner *runner;
        int failed;

        if (argc == 2 && !strcmp(argv[1], "--write"))
                return write_missing();
        tcase_set_timeout(t, 120);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, test_means_what_it_meant, 0, KINDS);
        tcase_add_loop_test(t, test_is_written_as_it_was, 0, KINDS);
        tcase_add_loop_test(t, test_versions_have_no_gap, 0, KINDS);
        tcase_add_loop_test(t, test_each_bit_and_each_beginning, 0, KINDS);
        tcase_add_loop_test(t, test_each_beginning_of_the_content, 0, KINDS);
        tcase_add_loop_test(t, test_newer_is_refused_and_left_alone, 0, KINDS);
        tcase_add_loop_test(t, test_another_kind_is_refused, 0, KINDS);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
