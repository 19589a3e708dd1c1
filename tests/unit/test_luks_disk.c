/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2 headers in memory files, with cryptsetup(8) as maker and as judge. */
#include "svdm/device/header_diff.h"
#include "svdm/device/luks_cost.h"
#include "svdm/device/luks_requirements.h"
#include "svdm/device/luks_disk.h"
#include "svdm/device/luks_token.h"
#include "tests/unit/luks_image.h"
#include "tests/unit/svdm_test.h"

#include <sys/stat.h>

static const struct uuid vm = {{1}}, other_vm = {{2}};
static const struct uuid disk_uuid = {{0x8e, 0x32, 0xab, 0x8d, 0x5b, 0x25, 0x40, 0xc0, 0x89, 0x65,
                                       0x78, 0x91, 0x7e, 0x6b, 0x31, 0x52}};
static const uint8_t key[DISK_KEY_LEN] = "0123456789abcdef0123456789abcde",
                     key_2[DISK_KEY_LEN] = "another key, as long as 1st one.";
enum { SIZE = 32 << 20 };

static void set_up(void)
{
        int fd;

        make_place();
        luks_init();
        fd = open_in_place("key", O_WRONLY | O_CREAT);
        ck_assert_int_eq(write(fd, key, sizeof key), sizeof key);
        close(fd);
        fd = open_in_place("key_2", O_WRONLY | O_CREAT);
        ck_assert_int_eq(write(fd, key_2, sizeof key_2), sizeof key_2);
        close(fd);
}

static enum status header_of(const char *name, int *header_out, struct uuid *uuid_out)
{
        int fd = open_in_place(name, O_RDONLY);
        struct stat st;
        enum status s;

        ck_assert_int_eq(fstat(fd, &st), 0);
        s = luks_header("disk", fd, (uint64_t)st.st_size, header_out, uuid_out);
        close(fd);
        return s;
}

/* Lays the header over the disk. */
static void lay_over(const char *name, int header)
{
        ck_assert_int_eq(run("dd if=/proc/%d/fd/%d of=%s bs=1M conv=notrunc status=none", getpid(),
                             header, name),
                         0);
}

#define BY_KEY(k)                                                                                  \
        {                                                                                          \
                .bytes = {k, DISK_KEY_LEN}, .sealed = true                                         \
        }
#define TEXT_BYTES(text)                                                                           \
        {                                                                                          \
                (const uint8_t *)(text), sizeof(text) - 1                                          \
        }
#define BY_PASSPHRASE(text)                                                                        \
        {                                                                                          \
                .bytes = TEXT_BYTES(text)                                                          \
        }
#define PASSPHRASE(text)                                                                           \
        {                                                                                          \
                .kind = AUTHORITY_PASSPHRASE, .bytes = TEXT_BYTES(text)                            \
        }
#define QUICK(text)                                                                                \
        {                                                                                          \
                .kind = AUTHORITY_PASSPHRASE, .form = PASSPHRASE_RECOVERY,                         \
                .bytes = TEXT_BYTES(text)                                                          \
        }
#define OPENS(disk, key_file)                                                                      \
        run("cryptsetup open --test-passphrase --disable-locks --key-file %s %s 2>/dev/null",      \
            key_file, disk)

static const struct format {
        uint64_t size;
        enum status expected;
        int sector;
} formats[] = {
        {SIZE, ST_DONE, 4096},
        {LUKS_DISK_LEAST, ST_DONE, 4096},
        {LUKS_DISK_LEAST + 512, ST_DONE, 512},
        {LUKS_DISK_LEAST - 1, ST_REFUSED, 0},
        {0, ST_REFUSED, 0},
};

START_TEST(formats_a_disk)
{
        const struct format *f = &formats[_i];
        struct uuid uuid;
        int header, again;

        ck_assert_int_eq(luks_format("disk", f->size, &vm, &disk_uuid, key, -1, &header),
                         f->expected);
        if (f->expected) {
                ck_assert_int_eq(header, -1);
                return;
        }
        ck_assert_int_eq(luks_test("disk", header, key), ST_DONE);
        ck_assert_int_eq(luks_test("disk", header, key_2), ST_CHANGED);
        ck_assert_int_eq(run("truncate -s %llu disk", (unsigned long long)f->size), 0);
        lay_over("disk", header);
        ck_assert_int_eq(OPENS("disk", "key"), 0);
        ck_assert_int_ne(OPENS("disk", "key_2"), 0);
        ck_assert_int_eq(
                run("cryptsetup luksDump --disable-locks disk > dump && "
                    "grep -q 'UUID:[[:space:]]*8e32ab8d-5b25-40c0-8965-78917e6b3152$' dump && "
                    "grep -q 'cipher: aes-xts-plain64$' dump && grep -q 'sector: %d' dump "
                    "&& grep -q 'Key:[[:space:]]*512 bits' dump && grep -q 'Iterations: 1000$' "
                    "dump "
                    "&& grep -q '0: bulkhead$' dump",
                    f->sector),
                0);
        ck_assert_int_eq(header_of("disk", &again, &uuid), ST_DONE);
        ck_assert_mem_eq(&uuid, &disk_uuid, sizeof uuid);
        ck_assert_int_eq(
                run("cmp /proc/%d/fd/%d /proc/%d/fd/%d", getpid(), header, getpid(), again), 0);
        close(header);
        close(again);
}
END_TEST

static const struct made {
        const char *options;
        enum status expected;
        long header; /* bytes */
} made[] = {
        {"", ST_DONE, 16 << 20},
        {"--offset 8192", ST_DONE, 4 << 20},
        {"--offset 49152", ST_DONE, 24 << 20},
        {"--luks2-metadata-size 64k --luks2-keyslots-size 1m", ST_DONE, 2 << 20},
        {"--offset 262144", ST_TOO_LARGE, 0},
};

START_TEST(copies_headers_of_any_layout)
{
        const struct made *m = &made[_i];
        struct uuid uuid;
        struct stat st;
        char text[37];
        int header;

        ck_assert_int_eq(run("truncate -s 130M disk && cryptsetup luksFormat -q --type luks2 "
                             "%s " LUKS_OPTIONS " disk key",
                             m->options),
                         0);
        ck_assert_int_eq(header_of("disk", &header, &uuid), m->expected);
        if (m->expected)
                return;
        uuid_write(&uuid, text);
        ck_assert_int_eq(run("test $(cryptsetup luksUUID disk) = %s", text), 0);
        ck_assert_int_eq(fstat(header, &st), 0);
        ck_assert_int_eq(st.st_size, m->header);
        ck_assert_int_eq(run("cmp -n %ld disk /proc/%d/fd/%d", m->header, getpid(), header), 0);
        ck_assert_int_eq(luks_test("disk", header, key), ST_DONE);
        close(header);
}
END_TEST

/* What no copy is made of: nothing on the disk is mended on the way. */
static const char *const damages[] = {
        "printf x | dd of=disk bs=1 seek=5000 conv=notrunc status=none",  /* first text */
        "printf x | dd of=disk bs=1 seek=21000 conv=notrunc status=none", /* second text */
        "printf xxxxxx | dd of=disk bs=1 seek=16384 conv=notrunc status=none",
        "printf x | dd of=disk bs=1 seek=450 conv=notrunc status=none", /* first checksum */
        "truncate -s 16M disk",
        "truncate -s 1M disk",
        "truncate -s 8k disk",
        "truncate -s 600 disk",
};

START_TEST(does_not_mend_a_disk)
{
        struct uuid uuid;
        int header;
        enum status s;

        ck_assert_int_eq(
                run("truncate -s 32M disk && cryptsetup luksFormat -q --type luks2 " LUKS_OPTIONS
                    " disk key && %s && cp --sparse=always disk was",
                    damages[_i]),
                0);
        s = header_of("disk", &header, &uuid);
        ck_assert(s == ST_INVALID || s == ST_DONE);
        if (!s) { /* by the other of its two headers, and as damaged as it is */
                ck_assert_int_eq(run("cmp -n 16777216 disk /proc/%d/fd/%d", getpid(), header), 0);
                close(header);
        } else {
                ck_assert_int_eq(header, -1);
        }
        ck_assert_int_eq(run("cmp disk was"), 0);
}
END_TEST

/* The owner's slots and tokens, and other VMs', stay; the VM's own slot is replaced. */
START_TEST(adopts)
{
        const struct slot_opener owner = BY_PASSPHRASE("owner\n"), sealed = BY_KEY(key);
        struct uuid uuid;
        int header, first, other, second;

        ck_assert_int_eq(
                run("printf 'owner\\n' > owner && truncate -s 32M disk && "
                    "cryptsetup luksFormat -q --type luks2 " LUKS_OPTIONS " disk owner && "
                    "printf '{\"type\":\"mine\",\"keyslots\":[\"0\"]}' | cryptsetup token import "
                    "--disable-locks --json-file - disk"),
                0);
        ck_assert_int_eq(header_of("disk", &header, &uuid), ST_DONE);
        ck_assert_int_eq(luks_adopt("disk", header, &vm, &owner, key, &first), ST_DONE);
        ck_assert_int_eq(luks_adopt("disk", first, &other_vm, &owner,
                                    (const uint8_t *)"a third key that is 32 bytes long", &other),
                         ST_DONE);
        ck_assert_int_eq(luks_adopt("disk", other, &vm, &sealed, key_2, &second), ST_DONE);
        ck_assert_int_eq(luks_test("disk", first, key), ST_DONE);
        ck_assert_int_eq(luks_test("disk", second, key), ST_CHANGED);
        ck_assert_int_eq(luks_test("disk", second, key_2), ST_DONE);
        ck_assert_int_eq(
                luks_test("disk", second, (const uint8_t *)"a third key that is 32 bytes long"),
                ST_DONE);
        lay_over("disk", second);
        ck_assert_int_eq(OPENS("disk", "owner"), 0);
        ck_assert_int_eq(OPENS("disk", "key_2"), 0);
        ck_assert_int_ne(OPENS("disk", "key"), 0);
        ck_assert_int_eq(run("cryptsetup luksDump --disable-locks disk > dump; "
                             "test $(grep -c ': luks2$' dump) = 3 && "
                             "test $(grep -c 'Priority:[[:space:]]*preferred$' dump) = 2 && "
                             "test $(grep -c ': bulkhead$' dump) = 2 && grep -q '0: mine$' dump"),
                         0);
        close(header);
        close(first);
        close(other);
        close(second);
}
END_TEST

START_TEST(adds_a_recovery_passphrase)
{
        const struct slot_opener by = BY_KEY(key), wrong = BY_KEY(key_2);
        const struct authority day = PASSPHRASE("for the day");
        int header, with, bad;

        ck_assert_int_eq(luks_format("disk", SIZE, &vm, &disk_uuid, key, -1, &header), ST_DONE);
        ck_assert_int_eq(luks_add_passphrase("disk", header, &by, &day, &with), ST_DONE);
        ck_assert_int_ne(luks_add_passphrase("disk", header, &wrong, &day, &bad), ST_DONE);
        ck_assert_int_eq(bad, -1);
        ck_assert_int_eq(luks_test("disk", with, key), ST_DONE);
        ck_assert_int_eq(run("truncate -s 32M disk && printf 'for the day' > day"), 0);
        lay_over("disk", with);
        ck_assert_int_eq(OPENS("disk", "key"), 0);
        ck_assert_int_eq(OPENS("disk", "day"), 0);
        ck_assert_int_ne(OPENS("disk", "key_2"), 0);
        ck_assert_int_eq(run("test $(cryptsetup luksDump --disable-locks disk | "
                             "grep -c 'PBKDF:[[:space:]]*argon2id$') = 1"),
                         0);
        close(header);
        close(with);
}
END_TEST

static const struct refusal {
        const char *make;
        const char *authority;
        enum status expected;
        const char *remedy;
        enum passphrase_form form;
} refusals[] = {
        {"true", "wrong", ST_DENIED, "--test-passphrase", PASSPHRASE_LINE},
        {"true", "", ST_DENIED, "", PASSPHRASE_LINE},
        /* another trailing byte, as shells and editors add or leave out one */
        {"printf 'line\\n' > line; cryptsetup luksAddKey -q " LUKS_OPTIONS
         " --key-file key disk line",
         "line", ST_DENIED, "use --key-file", PASSPHRASE_LINE},
        {"printf line > line; cryptsetup luksAddKey -q " LUKS_OPTIONS " --key-file key disk line",
         "line\n", ST_DENIED, "use --passphrase-file", PASSPHRASE_KEY_FILE},
        {"true", "line\n", ST_DENIED, "--test-passphrase", PASSPHRASE_KEY_FILE},
        {"for i in 1 2 3 4 5 6 7; do cryptsetup luksAddKey -q " LUKS_OPTIONS " --key-file key disk "
         "key || exit 1; done; ! cryptsetup luksAddKey -q " LUKS_OPTIONS " --key-file key disk "
         "key 2>/dev/null",
         NULL, ST_REFUSED, "luksRemoveKey", PASSPHRASE_LINE},
        {"cryptsetup reencrypt -q --init-only --disable-locks --force-offline-reencrypt "
         "--resilience none --key-file key --cipher aes-xts-plain64 disk",
         NULL, ST_REFUSED, "--resume-only", PASSPHRASE_LINE},
};

/* --- whose slot it is ---------------------------------------------------------------------- */

static const uint8_t slot_key[SLOT_KEY_LEN] = "svdm's own, which no disk shows";

/* What libcryptsetup makes of the header in a memory file, laid over the disk and read again. */
static int imported(const char *disk, const char *token, int header)
{
        struct uuid uuid;
        int again;

        lay_over(disk, header);
        close(header);
        ck_assert_int_eq(run("printf '%%s' '%s' | cryptsetup token import --disable-locks "
                             "--json-file - %s",
                             token, disk),
                         0);
        ck_assert_int_eq(header_of(disk, &again, &uuid), ST_DONE);
        return again;
}

static enum key_slot_kind kind_of(int header, uint32_t slot)
{
        struct arena *a = arena_new();
        struct disk_slots slots = {0};
        enum key_slot_kind kind = KEY_SLOT_OTHER;

        ck_assert_int_eq(luks_slots("disk", header, &vm, a, &slots), ST_DONE);
        for (size_t i = 0; i < slots.slots.count; i++)
                if (slots.slots.items[i].slot == slot)
                        kind = slots.slots.items[i].kind;
        arena_free(a);
        return kind;
}

#define OUR_VM "01000000-0000-0000-0000-000000000000"

/* Whoever has the disk says in a token that a person's slot is the seal's. Neither a seal that
 * knows its present key nor one by a passphrase removes it; the seal's own slot goes. */
START_TEST(believes_no_token)
{
        const bool by_passphrase = _i % 2, proved = _i / 2;
        const struct slot_opener other = BY_PASSPHRASE("other"), sealed = BY_KEY(key);
        struct uuid uuid;
        int header, made_header, next;

        if (proved)
                luks_token_prove_with((struct bytes){slot_key, sizeof slot_key});
        ck_assert_int_eq(
                run("printf day > day; printf other > other; truncate -s 32M disk && cryptsetup "
                    "luksFormat -q --type luks2 " LUKS_OPTIONS " disk day && cryptsetup luksAddKey "
                    "-q " LUKS_OPTIONS " --key-file day disk other"),
                0);
        ck_assert_int_eq(header_of("disk", &header, &uuid), ST_DONE);
        ck_assert_int_eq(luks_adopt("disk", header, &vm, &other, key, &made_header), ST_DONE);
        close(header);
        header = imported("disk",
                          "{\"type\":\"bulkhead\",\"keyslots\":[\"0\"],\"vm\":\"" OUR_VM "\"}",
                          made_header);
        ck_assert_int_eq(kind_of(header, 0), KEY_SLOT_CLAIMED);
        ck_assert_int_eq(kind_of(header, 1), KEY_SLOT_PASSPHRASE);
        ck_assert_int_eq(kind_of(header, 2), proved ? KEY_SLOT_SEAL : KEY_SLOT_CLAIMED);
        ck_assert_int_eq(
                luks_adopt("disk", header, &vm, by_passphrase ? &other : &sealed, key_2, &next),
                ST_DONE);
        lay_over("disk", next);
        ck_assert_int_eq(OPENS("disk", "day"), 0);
        ck_assert_int_eq(OPENS("disk", "other"), 0);
        ck_assert_int_eq(OPENS("disk", "key_2"), 0);
        if (proved || !by_passphrase)
                ck_assert_int_ne(OPENS("disk", "key"), 0);
        else /* nothing tells whose it is */
                ck_assert_int_eq(OPENS("disk", "key"), 0);
        close(header);
        close(next);
}
END_TEST

/* What another VM's seal or another program keeps the key of is no passphrase that is left when all
 * else goes. */
static const char *const machines[] = {
        "{\"type\":\"bulkhead\",\"keyslots\":[\"0\"],\"vm\":"
        "\"02000000-0000-0000-0000-000000000000\"}",
        "{\"type\":\"clevis\",\"keyslots\":[\"0\"],\"jwe\":{}}",
};

START_TEST(a_machines_slot_is_no_passphrase)
{
        struct uuid uuid;
        int header;

        ck_assert_int_eq(run("printf day > day; truncate -s 32M disk && cryptsetup luksFormat -q "
                             "--type luks2 " LUKS_OPTIONS " disk day"),
                         0);
        ck_assert_int_eq(header_of("disk", &header, &uuid), ST_DONE);
        ck_assert_int_eq(kind_of(header, 0), KEY_SLOT_PASSPHRASE);
        header = imported("disk", machines[_i], header);
        ck_assert_int_eq(kind_of(header, 0), KEY_SLOT_OTHER);
        close(header);
}
END_TEST

static bool is_told_recovery(int header, uint32_t slot)
{
        struct arena *a = arena_new();
        struct disk_slots slots = {0};
        bool told = false;

        ck_assert_int_eq(luks_slots("disk", header, &vm, a, &slots), ST_DONE);
        for (size_t i = 0; i < slots.slots.count; i++)
                told |= slots.slots.items[i].slot == slot && slots.slots.items[i].recovery;
        arena_free(a);
        return told;
}

/* The mark of a recovery key goes with the key. Whoever has the disk can write one, and it makes no
 * slot another kind: not the seal's, not a machine's. */
START_TEST(a_mark_is_for_people)
{
        static const char forged[] = "{\"type\":\"bulkhead-recovery\",\"keyslots\":[\"0\",\"1\"]}";
        const struct slot_opener sealed = BY_KEY(key);
        const struct authority day = {.kind = AUTHORITY_PASSPHRASE,
                                      .form = PASSPHRASE_RECOVERY,
                                      .bytes = {(const uint8_t *)"day", 3}},
                               words = {.kind = AUTHORITY_PASSPHRASE,
                                        .bytes = {(const uint8_t *)"words", 5}};
        const struct slot_edit change = {
                .change = SLOT_CHANGE, .slot = 1, .sealed = key, .present = &day, .fresh = &words};
        int header, with, changed;

        ck_assert_int_eq(luks_format("disk", SIZE, &vm, &disk_uuid, key, -1, &header), ST_DONE);
        ck_assert_int_eq(luks_add_passphrase("disk", header, &sealed, &day, &with), ST_DONE);
        ck_assert(is_told_recovery(with, 1) && !is_told_recovery(with, 0));
        ck_assert_int_eq(kind_of(with, 1), KEY_SLOT_PASSPHRASE);
        ck_assert_int_eq(luks_edit("disk", with, &vm, &change, &changed), ST_DONE);
        ck_assert(!is_told_recovery(changed, 1));
        ck_assert_int_eq(kind_of(changed, 1), KEY_SLOT_PASSPHRASE);
        ck_assert_int_eq(run("truncate -s 32M disk"), 0);
        changed = imported("disk", forged, changed);
        ck_assert(is_told_recovery(changed, 1) && is_told_recovery(changed, 0));
        ck_assert_int_eq(kind_of(changed, 0), KEY_SLOT_CLAIMED);
        ck_assert_int_eq(kind_of(changed, 1), KEY_SLOT_PASSPHRASE);
        changed = imported("disk", machines[1], changed);
        ck_assert_int_eq(kind_of(changed, 0), KEY_SLOT_CLAIMED);
        close(header);
        close(with);
        close(changed);
}
END_TEST

/* A proof fits one slot of one disk for one VM. */
START_TEST(a_proof_fits_its_slot_alone)
{
        const struct slot_opener sealed = BY_KEY(key);
        const struct authority day = QUICK("day");
        char token[512] = "", proof[65] = "";
        int header, with, fd;

        luks_token_prove_with((struct bytes){slot_key, sizeof slot_key});
        ck_assert_int_eq(luks_format("disk", SIZE, &vm, &disk_uuid, key, -1, &header), ST_DONE);
        ck_assert_int_eq(luks_add_passphrase("disk", header, &sealed, &day, &with), ST_DONE);
        ck_assert_int_eq(kind_of(with, 0), KEY_SLOT_SEAL);
        ck_assert_int_eq(run("truncate -s 32M disk"), 0);
        lay_over("disk", with);
        ck_assert_int_eq(run("cryptsetup token export --disable-locks --token-id 0 disk > token"),
                         0);
        fd = open_in_place("token", O_RDONLY);
        ck_assert_int_gt(read(fd, token, sizeof token - 1), 0);
        close(fd);
        ck_assert_ptr_nonnull(strstr(token, "\"proof\":\""));
        memcpy(proof, strstr(token, "\"proof\":\"") + 9, 64);
        snprintf(token, sizeof token,
                 "{\"type\":\"bulkhead\",\"keyslots\":[\"1\"],\"vm\":\"" OUR_VM
                 "\",\"proof\":\"%s\"}",
                 proof);
        with = imported("disk", token, with);
        ck_assert_int_eq(kind_of(with, 0), KEY_SLOT_SEAL);
        ck_assert_int_eq(kind_of(with, 1), KEY_SLOT_CLAIMED);
        luks_token_prove_with((struct bytes){key, sizeof key}); /* another host's */
        ck_assert_int_eq(kind_of(with, 0), KEY_SLOT_CLAIMED);
        close(header);
        close(with);
}
END_TEST

/* --- changes ------------------------------------------------------------------------------- */

static const struct authority nobody = {0}, day = QUICK("day"), other = QUICK("other"),
                              never = QUICK("never"), fresh = QUICK("fresh");
enum { ANY = KEY_SLOTS_MOST };

/* Slot 0 is the seal's, 1 opens with "day", 2 with "other" if `two`. */
static const struct edit_case {
        bool two, sealed;
        struct slot_edit e;
        enum status expected;
        const char *open, *shut; /* passphrases, by their first letters, afterwards */
} edits[] = {
        {false, true, {SLOT_ADD, ANY, NULL, &nobody, &fresh, false}, ST_DONE, "kdf", ""},
        {false, false, {SLOT_ADD, ANY, NULL, &day, &fresh, false}, ST_DONE, "kdf", ""},
        {false, false, {SLOT_ADD, ANY, NULL, &never, &fresh, false}, ST_DENIED, "", ""},
        {false, false, {SLOT_ADD, ANY, NULL, &nobody, &fresh, false}, ST_DENIED, "", ""},
        /* what opens a slot already is not given to a second one */
        {false, true, {SLOT_ADD, ANY, NULL, &nobody, &day, false}, ST_EXISTS, "", ""},
        {false, false, {SLOT_ADD, ANY, NULL, &day, &day, false}, ST_EXISTS, "", ""},
        {true, true, {SLOT_CHANGE, ANY, NULL, &day, &other, false}, ST_EXISTS, "", ""},
        {true, true, {SLOT_CHANGE, 2, NULL, &nobody, &day, false}, ST_EXISTS, "", ""},
        {false, true, {SLOT_CHANGE, ANY, NULL, &day, &fresh, false}, ST_DONE, "kf", "d"},
        {false, false, {SLOT_CHANGE, ANY, NULL, &day, &fresh, false}, ST_DONE, "kf", "d"},
        {false, true, {SLOT_CHANGE, 1, NULL, &nobody, &fresh, false}, ST_DONE, "kf", "d"},
        {true, false, {SLOT_CHANGE, 2, NULL, &day, &fresh, false}, ST_DENIED, "", ""},
        {false, true, {SLOT_CHANGE, 0, NULL, &nobody, &fresh, false}, ST_REFUSED, "", ""},
        {false, true, {SLOT_CHANGE, 5, NULL, &nobody, &fresh, false}, ST_REFUSED, "", ""},
        {true, true, {SLOT_REMOVE, ANY, NULL, &day, &nobody, false}, ST_DONE, "ko", "d"},
        {true, false, {SLOT_REMOVE, ANY, NULL, &day, &nobody, false}, ST_DONE, "ko", "d"},
        {true, true, {SLOT_REMOVE, 2, NULL, &nobody, &nobody, false}, ST_DONE, "kd", "o"},
        {true, true, {SLOT_REMOVE, 0, NULL, &nobody, &nobody, true}, ST_REFUSED, "", ""},
        {true, true, {SLOT_REMOVE, ANY, NULL, &never, &nobody, false}, ST_DENIED, "", ""},
        {false, true, {SLOT_REMOVE, 1, NULL, &nobody, &nobody, false}, ST_REFUSED, "", ""},
        {false, true, {SLOT_REMOVE, 1, NULL, &nobody, &nobody, true}, ST_DONE, "k", "d"},
        /* the seal does not open, so this is the last way in */
        {false, false, {SLOT_REMOVE, ANY, NULL, &day, &nobody, true}, ST_REFUSED, "", ""},
        {true, false, {SLOT_FORGET, ANY, NULL, &nobody, &nobody, false}, ST_DONE, "do", "k"},
};

static void must_open(const char *files, bool open)
{
        for (; *files; files++) {
                const char *name = *files == 'k'   ? "key"
                                   : *files == 'd' ? "day"
                                   : *files == 'o' ? "other"
                                                   : "fresh";

                ck_assert_msg((OPENS("disk", name) == 0) == open, "%s", name);
        }
}

START_TEST(edits_slots)
{
        const struct edit_case *c = &edits[_i];
        const struct slot_opener sealed = BY_KEY(key);
        struct slot_edit e = c->e;
        int header, next;

        luks_token_prove_with((struct bytes){slot_key, sizeof slot_key});
        ck_assert_int_eq(luks_format("disk", SIZE, &vm, &disk_uuid, key, -1, &header), ST_DONE);
        ck_assert_int_eq(luks_add_passphrase("disk", header, &sealed, &day, &next), ST_DONE);
        close(header);
        header = next;
        if (c->two) {
                ck_assert_int_eq(luks_add_passphrase("disk", header, &sealed, &other, &next),
                                 ST_DONE);
                close(header);
                header = next;
        }
        ck_assert_int_eq(run("truncate -s 32M disk; for i in day other fresh; do printf $i > $i; "
                             "done"),
                         0);
        e.sealed = c->sealed ? key : NULL;
        ck_assert_int_eq(luks_edit("disk", header, &vm, &e, &next), c->expected);
        if (c->expected) {
                ck_assert_int_eq(next, -1);
        } else {
                lay_over("disk", next);
                must_open(c->open, true);
                must_open(c->shut, false);
                close(next);
        }
        close(header);
}
END_TEST

START_TEST(refuses_to_adopt)
{
        const struct refusal *bad = &refusals[_i];
        struct slot_opener by = BY_KEY(key);
        struct uuid uuid;
        int header, made_header;

        if (bad->authority)
                by = (struct slot_opener){
                        .bytes = {(const uint8_t *)bad->authority, strlen(bad->authority)},
                        .form = bad->form};
        ck_assert_int_eq(run("truncate -s 32M disk && cryptsetup luksFormat -q --type luks2 "
                             "--luks2-keyslots-size 2m " LUKS_OPTIONS " disk key && %s",
                             bad->make),
                         0);
        ck_assert_int_eq(header_of("disk", &header, &uuid), ST_DONE);
        error_clear();
        ck_assert_int_eq(luks_adopt("disk", header, &vm, &by, key_2, &made_header), bad->expected);
        ck_assert_int_eq(made_header, -1);
        ck_assert_msg(strstr(error_last()->remedy, bad->remedy), "%s", error_last()->remedy);
        close(header);
}
END_TEST

/* --- what a foreign header asks for ---------------------------------------------------------- */

#define SLOT(kdf) "{\"type\":\"luks2\",\"kdf\":{" kdf "}}"
#define ARGON(time, memory, cpus)                                                                  \
        SLOT("\"type\":\"argon2id\",\"time\":" #time ",\"memory\":" #memory ",\"cpus\":" #cpus)
#define PBKDF(n) SLOT("\"type\":\"pbkdf2\",\"hash\":\"sha256\",\"iterations\":" #n)
#define HEADER(slots, n)                                                                           \
        "{\"keyslots\":{" slots "},\"digests\":{\"0\":{\"type\":\"pbkdf2\",\"iterations\":" #n "}" \
        "}"                                                                                        \
        "}"

#define ARGON_32(slot) "\"" slot "\":" ARGON(32, 1048576, 4)

#define ARGONS_32(a, b, c) ARGON_32(a) "," ARGON_32(b) "," ARGON_32(c)

static const struct cost_case {
        const char *json;
        enum status expected;
        const char *subject, *found, *remedy;
} costs[] = {
        {HEADER("\"0\":" ARGON(4, 1048576, 4), 100000), ST_DONE, NULL, NULL, NULL},
        {HEADER("\"0\":" PBKDF(64000000), 64000000), ST_DONE, NULL, NULL, NULL},
        {HEADER("", 1000), ST_DONE, NULL, NULL, NULL},
        {HEADER("\"0\":" PBKDF(1000) ",\"7\":" ARGON(4, 1048577, 4), 1000), ST_TOO_LARGE,
         "disk, key slot 7", "1024 MiB", "--key-slot 7 --pbkdf-memory 1048576 disk"},
        {HEADER("\"1\":" ARGON(4, 4294967295, 4), 1000), ST_TOO_LARGE, "disk, key slot 1",
         "4194303 MiB", "--pbkdf-memory"},
        {HEADER("\"1\":" ARGON(33, 1048576, 4), 1000), ST_TOO_LARGE, "disk, key slot 1", "33 GiB",
         "--iter-time"},
        {HEADER("\"1\":" ARGON(4294967295, 32, 4), 1000), ST_TOO_LARGE, "disk, key slot 1",
         "131072 GiB", "--iter-time"},
        {HEADER("\"1\":" ARGON(4, 65536, 17), 1000), ST_TOO_LARGE, "disk, key slot 1", "17",
         "--pbkdf-parallel"},
        {HEADER("\"1\":" ARGON(-1, 65536, 1), 1000), ST_TOO_LARGE, "disk, key slot 1", "GiB", ""},
        {HEADER("\"2\":" PBKDF(64000001), 1000), ST_TOO_LARGE, "disk, key slot 2", "64000001",
         "--iter-time"},
        {HEADER("\"2\":" PBKDF(1000), 4000000000), ST_TOO_LARGE, "disk, digest 0 of the volume key",
         "4000000000", "luksHeaderRestore"},
        {HEADER(ARGONS_32("0", "1", "2") "," ARGONS_32("3", "4", "5") "," ARGONS_32("6", "7", "8"),
                1000),
         ST_TOO_LARGE, "disk, all key slots together", "288 GiB", "luksDump disk"},
        {HEADER("\"3\":{\"kdf\":{\"type\":\"scrypt\",\"memory\":1}}", 1000), ST_UNSUPPORTED,
         "disk, key slot 3", "unknown: key derivation 'scrypt'", "luksDump disk"},
        {HEADER("\"3\":{\"kdf\":{\"time\":1}}", 1000), ST_UNSUPPORTED, "disk, key slot 3",
         "unknown: key derivation 'none'", ""},
        {HEADER("\"3\":{\"kdf\":{\"type\":5}}", 1000), ST_UNSUPPORTED, "disk, key slot 3",
         "unknown: key derivation", ""},
        {"{}", ST_INVALID, "disk", "no keyslots", ""},
        {"", ST_INVALID, "disk", "no keyslots", ""},
        {"{\"keyslots\":3,\"digests\":[]}", ST_INVALID, "disk", "no keyslots", ""},
};

START_TEST(bounds_what_a_header_asks_for)
{
        const struct cost_case *c = &costs[_i];

        error_clear();
        ck_assert_int_eq(luks_cost_check("disk", c->json), c->expected);
        if (!c->expected)
                return;
        ck_assert_str_eq(error_last()->subject, c->subject);
        ck_assert_msg(strstr(error_last()->found, c->found), "%s", error_last()->found);
        ck_assert_msg(strstr(error_last()->remedy, c->remedy), "%s", error_last()->remedy);
}
END_TEST

#define REQUIRES(text) "{\"config\":{\"requirements\":{\"mandatory\":[" text "]}}}"

static const struct {
        const char *json;
        enum status expected;
        const char *found, *remedy;
} requirements[] = {
        {"{\"config\":{}}", ST_DONE, "", ""},
        {REQUIRES(""), ST_DONE, "", ""},
        {REQUIRES("\"online-reencrypt-v2\""), ST_REFUSED, "a re-encryption under way",
         "cryptsetup reencrypt --resume-only disk"},
        {REQUIRES("\"offline-reencrypt\""), ST_REFUSED, "by the old tool", "that tool"},
        {REQUIRES("\"inline-hw-tags\""), ST_UNSUPPORTED, "unknown: requirement 'inline-hw-tags'",
         "luksDump disk"},
        {REQUIRES("7"), ST_UNSUPPORTED, "unknown: requirement '7'", ""},
        {REQUIRES("null"), ST_UNSUPPORTED, "unknown: requirement 'null'", ""},
        {"{\"config\":{", ST_INVALID, "no object of JSON", ""},
        {"[]", ST_INVALID, "no object of JSON", ""},
        {"{\"config\":{\"requirements\":{\"mandatory\":\"x\"}}}", ST_INVALID, "no list", ""},
        {"{\"config\":{\"requirements\":{\"mandatory\":null}}}", ST_INVALID, "no list", ""},
};

START_TEST(names_what_a_header_requires)
{
        error_clear();
        ck_assert_int_eq(luks_requirements_check("disk", requirements[_i].json),
                         requirements[_i].expected);
        ck_assert_msg(strstr(error_last()->found, requirements[_i].found), "%s",
                      error_last()->found);
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, requirements[_i].remedy));
}
END_TEST

/* Makes the slot of "disk" ask for more memory, in both copies of its header. */
static void make_dear(void)
{
        static const char cheap[] = "\"memory\":32,", dear[] = "\"memory\":2097152,";
        int fd = open_in_place("disk", O_RDWR);

        for (off_t at = 0; at < 2 * LUKS_IMAGE_COPY; at += LUKS_IMAGE_COPY) {
                uint8_t copy[LUKS_IMAGE_COPY + 16] = {0};
                char *json = (char *)copy + 4096, *there;

                ck_assert_int_eq(pread(fd, copy, LUKS_IMAGE_COPY, at), LUKS_IMAGE_COPY);
                there = strstr(json, cheap);
                ck_assert_ptr_nonnull(there);
                memmove(there + strlen(dear), there + strlen(cheap),
                        strlen(there + strlen(cheap)) + 1);
                memcpy(there, dear, strlen(dear));
                luks_image_sign(copy, LUKS_IMAGE_COPY);
                ck_assert_int_eq(pwrite(fd, copy, LUKS_IMAGE_COPY, at), LUKS_IMAGE_COPY);
        }
        close(fd);
}

/* A slot that asks for 2 GiB is refused before it is tried, whichever passphrase is given; the
 * header itself can be read and measured. */
START_TEST(does_not_try_a_dear_slot)
{
        const struct authority fresh_one = QUICK("fresh"), none = {0};
        const struct slot_edit e = {SLOT_ADD, KEY_SLOTS_MOST, key, &none, &fresh_one, false};
        const struct slot_opener sealed = BY_KEY(key);
        struct uuid uuid;
        int header, made_header;

        ck_assert_int_eq(run("truncate -s 32M disk && cryptsetup luksFormat -q --type luks2 "
                             "--disable-locks --pbkdf argon2id --pbkdf-force-iterations 4 "
                             "--pbkdf-memory 32 disk key"),
                         0);
        ck_assert_int_eq(header_of("disk", &header, &uuid), ST_DONE);
        ck_assert_int_eq(luks_test("disk", header, key), ST_DONE);
        close(header);
        make_dear();
        ck_assert_int_eq(header_of("disk", &header, &uuid), ST_DONE);
        ck_assert_int_eq(luks_test("disk", header, key), ST_TOO_LARGE);
        ck_assert_str_eq(error_last()->found, "2048 MiB");
        ck_assert_int_eq(luks_adopt("disk", header, &vm, &sealed, key_2, &made_header),
                         ST_TOO_LARGE);
        ck_assert_int_eq(made_header, -1);
        ck_assert_int_eq(luks_edit("disk", header, &vm, &e, &made_header), ST_TOO_LARGE);
        ck_assert_int_eq(made_header, -1);
        close(header);
}
END_TEST

START_TEST(probes)
{
        static const char *const makers[] = {
                "truncate -s 32M disk",
                "truncate -s 32M disk; cryptsetup luksFormat -q --type luks1 --disable-locks "
                "--pbkdf-force-iterations 1000 disk key",
                "truncate -s 32M disk; cryptsetup luksFormat -q --type luks2 " LUKS_OPTIONS
                " disk key",
                "truncate -s 3 disk",
                /* The first header is gone, the second lies where each size of the first ends. */
                "truncate -s 32M disk; cryptsetup luksFormat -q --type luks2 " LUKS_OPTIONS
                " disk key; dd if=/dev/zero of=disk bs=4096 count=1 conv=notrunc status=none",
                "truncate -s 32M disk; cryptsetup luksFormat -q --type luks2 " LUKS_OPTIONS
                " --luks2-metadata-size 4m --luks2-keyslots-size 2m disk key; "
                "dd if=/dev/zero of=disk bs=1M count=4 conv=notrunc status=none",
        };
        static const enum luks_kind kinds[] = {LUKS_NONE, LUKS_1,      LUKS_2,
                                               LUKS_NONE, LUKS_SECOND, LUKS_SECOND};

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                int fd;

                ck_assert_int_eq(run("rm -f disk; %s", makers[i]), 0);
                fd = open_in_place("disk", O_RDONLY);
                ck_assert_int_eq(luks_probe(fd), kinds[i]);
                close(fd);
        }
}
END_TEST

int main(void)
{
        Suite *s = suite_create("luks_disk");
        TCase *c = tcase_create("luks_disk");

        tcase_add_checked_fixture(c, set_up, remove_place);
        tcase_set_timeout(c, 120);
        tcase_add_loop_test(c, formats_a_disk, 0, sizeof formats / sizeof *formats);
        tcase_add_loop_test(c, copies_headers_of_any_layout, 0, sizeof made / sizeof *made);
        tcase_add_loop_test(c, does_not_mend_a_disk, 0, sizeof damages / sizeof *damages);
        tcase_add_test(c, adopts);
        tcase_add_test(c, adds_a_recovery_passphrase);
        tcase_add_loop_test(c, refuses_to_adopt, 0, sizeof refusals / sizeof *refusals);
        tcase_add_loop_test(c, names_what_a_header_requires, 0,
                            sizeof requirements / sizeof *requirements);
        tcase_add_loop_test(c, bounds_what_a_header_asks_for, 0, sizeof costs / sizeof *costs);
        tcase_add_test(c, does_not_try_a_dear_slot);
        tcase_add_test(c, probes);
        tcase_add_loop_test(c, believes_no_token, 0, 4);
        tcase_add_loop_test(c, a_machines_slot_is_no_passphrase, 0,
                            sizeof machines / sizeof *machines);
        tcase_add_test(c, a_proof_fits_its_slot_alone);
        tcase_add_test(c, a_mark_is_for_people);
        tcase_add_loop_test(c, edits_slots, 0, sizeof edits / sizeof *edits);
        suite_add_tcase(s, c);
        return run_suite(s);
}
