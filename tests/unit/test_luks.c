/* SPDX-License-Identifier: Apache-2.0 */
/* The luks plug-in, against cryptsetup's own reading of the same header, and against damage. */
#include "bulkhead/measure_plugin.h"
#include "proof/measurement.h"
#include "tests/unit/luks_image.h"
#include "tests/unit/plugin_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct measurement found;
static char image[512];
static uint8_t copies[2 * LUKS_IMAGE_COPY];

static const struct target target = {
        .name = "luks:/img", .plugin = "luks", .argument = "/img", .method = ""};

static void set_up(void)
{
        arena = arena_new();
        snprintf(image, sizeof image, "%s", test_path("luks"));
}

static void tear_down(void)
{
        unlink(image);
        arena_free(arena);
}

static enum status measure_fds(int file, int header)
{
        return measure_call(arena, &bulkhead_measure_plugin, &target, file, header, 1, NULL,
                            &found);
}

static enum status measure_path(const char *path)
{
        int fd = open(path, O_RDONLY);
        enum status s = measure_fds(fd, -1);

        close(fd);
        return s;
}

static struct digest digest_of_path(const char *path)
{
        struct digest d = {HASH_NONE, {0}};

        ck_assert_int_eq(measure_path(path), ST_DONE);
        ck_assert_int_eq(measurement_digest(&found, HASH_SHA256, &d), ST_DONE);
        return d;
}

static void check_refused(enum status s, const char *said)
{
        const struct error *e = error_last();

        ck_assert_int_eq(s, ST_REFUSED);
        ck_assert_str_eq(e->subject, "luks:/img");
        ck_assert_str_ne(e->remedy, "");
        ck_assert_msg(strstr(e->found, said) || strstr(e->expected, said),
                      "expected: %s, found: %s", e->expected, e->found);
        ck_assert_uint_eq(found.nodes.count, 0);
}

static void make_image(const char *options)
{
        test_command("rm -f %s; truncate -s 20M %s && printf pw | cryptsetup luksFormat -q --pbkdf "
                     "pbkdf2 --pbkdf-force-iterations 1000 %s %s -",
                     image, image, options, image);
}

static void run_cryptsetup(const char *arguments)
{
        test_command("printf pw | cryptsetup -q %s %s", arguments, image);
}

/* --- what is measured ------------------------------------------------------------------------ */

static const char *const formats[] = {
        "--type luks2",
        "--type luks2 --luks2-metadata-size 64k --luks2-keyslots-size 4m",
        "--type luks2 --cipher aes-xts-plain64 --key-size 256 --sector-size 512",
        "--type luks2 --hash sha512 --label a-label --subsystem s",
};

static char *lines_of_found(void)
{
        char *lines = NULL;
        size_t size;
        FILE *f = open_memstream(&lines, &size);

        for (size_t n = 0; n < found.nodes.count; n++) {
                const struct node *node = found.nodes.items + n;

                ck_assert_uint_eq(node->parent, n ? 1 : 0);
                if (n)
                        fprintf(f, "@%s\n", node->id);
                for (size_t i = n ? 0 : 3; i < node->values.count; i++)
                        fprintf(f, "%s=%s\n", node->values.items[i].name,
                                node->values.items[i].text);
        }
        fclose(f);
        return lines;
}

START_TEST(agrees_with_cryptsetup)
{
        char *lines, theirs[65536];
        FILE *f;
        size_t n;

        make_image(formats[_i]);
        test_command("printf second >%s.key; printf pw | cryptsetup -q luksAddKey --pbkdf argon2id "
                     "--pbkdf-force-iterations 4 --pbkdf-memory 64 --pbkdf-parallel 1 --key-file=- "
                     "--key-slot 12 %s %s.key; rm %s.key",
                     image, image, image, image);
        run_cryptsetup("config --key-slot 0 --priority prefer");
        ck_assert_int_eq(measure_path(image), ST_DONE);
        ck_assert_str_eq(found.nodes.items[0].id, "luks:/img");
        ck_assert_str_eq(found.nodes.items[0].type, "luks");
        ck_assert_str_eq(test_value(&found, 0, "version"), "2");
        ck_assert_str_eq(test_value(&found, 0, "uuid"),
                         test_command("cryptsetup luksUUID %s", image));
        ck_assert_str_eq(test_value(&found, 0, "header-size"), _i == 1 ? "65536" : "16384");
        snprintf(theirs, 1024,
                 "cryptsetup luksDump --dump-json-metadata %s | "
                 "python3 tests/data/luks_flatten.py luks:/img",
                 image);
        f = popen(theirs, "r");
        n = fread(theirs, 1, sizeof theirs - 1, f);
        theirs[n] = 0;
        ck_assert_int_eq(pclose(f), 0);
        test_measurement_form(&found);
        lines = lines_of_found();
        ck_assert_ptr_nonnull(strstr(lines, "@luks:/img#keyslot-12\n"));
        ck_assert_str_eq(lines, theirs);
        free(lines);
}
END_TEST

/* What changes by itself, or without meaning, and what does not. */
static const struct {
        const char *command;
        bool same;
} changes[] = {
        {"luksUUID --uuid 6ff0cc3b-a9a5-4d5b-a9ef-1f4a0e0dd0a1", false},
        {"config --label other", true},
        {"token add --key-description x --key-slot 0", true},
        {"config --key-slot 0 --priority ignore", false},
        {"luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file=-", false},
        {"luksErase", false},
        {"repair", true},
};

START_TEST(changes_show)
{
        struct digest before, after;

        make_image("--type luks2");
        before = digest_of_path(image);
        if (strstr(changes[_i].command, "luksAddKey"))
                test_command("printf pw | cryptsetup -q %s %s /proc/version --new-keyfile-size 8",
                             changes[_i].command, image);
        else
                run_cryptsetup(changes[_i].command);
        after = digest_of_path(image);
        ck_assert_int_eq(digest_equal(&before, &after), changes[_i].same);
}
END_TEST

START_TEST(detached_header_is_read)
{
        struct digest whole, detached;
        char backup[600];
        int file, header;

        make_image("--type luks2");
        whole = digest_of_path(image);
        snprintf(backup, sizeof backup, "%s.header", image);
        test_command("rm -f %s; cryptsetup -q luksHeaderBackup --header-backup-file %s %s", backup,
                     backup, image);
        header = open(backup, O_RDONLY);
        test_command("shred -n 1 -s 16M %s", image); /* the file's own header is not looked at */
        file = open(image, O_RDONLY);
        ck_assert_int_eq(measure_fds(file, header), ST_DONE);
        ck_assert_int_eq(measurement_digest(&found, HASH_SHA256, &detached), ST_DONE);
        ck_assert(digest_equal(&whole, &detached));
        /* Cut before the key slots end. */
        ck_assert_int_eq(truncate(backup, 32768 + 258047), 0);
        check_refused(measure_fds(file, header), "key slots inside the header");
        unlink(backup);
        close(header);
        close(file);
}
END_TEST

/* --- other things than LUKS2 ----------------------------------------------------------------- */

START_TEST(luks1_is_refused)
{
        test_command("truncate -s 20M %s && printf pw | cryptsetup luksFormat -q --type luks1 "
                     "--pbkdf-force-iterations 1000 %s -",
                     image, image);
        check_refused(measure_path(image), "LUKS1");
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "cryptsetup convert"));
}
END_TEST

START_TEST(no_luks_is_refused)
{
        int fds[2];

        test_write_file(image, 1 << 20, 1);
        check_refused(measure_path(image), "no LUKS header");
        test_write_file(image, 5, 1);
        check_refused(measure_path(image), "ends inside");
        test_write_file(image, 0, 1);
        check_refused(measure_path(image), "ends inside");
        ck_assert_int_eq(pipe(fds), 0);
        check_refused(measure_fds(fds[0], -1), "something else");
        check_refused(measure_fds(-1, -1), "descriptor");
        check_refused(measure_path("/dev/zero"), "something else");
}
END_TEST

/* --- damage ---------------------------------------------------------------------------------- */

static const char good[] =
        "{\"keyslots\":{\"0\":{\"type\":\"luks2\",\"key_size\":64,\"af\":{\"type\":\"luks1\","
        "\"stripes\":4000,\"hash\":\"sha256\"},\"area\":{\"type\":\"raw\",\"offset\":\"32768\","
        "\"size\":\"4096\",\"encryption\":\"aes-xts-plain64\",\"key_size\":64}}},\"tokens\":{},"
        "\"segments\":{\"0\":{\"type\":\"crypt\",\"integrity\":{\"type\":\"hmac(sha256)\"}}},"
        "\"digests\":{},\"config\":{\"json_size\":\"12288\",\"keyslots_size\":\"4096\"}}";

static enum status measure_copies(void)
{
        int fd = memfd_create("luks", MFD_CLOEXEC);
        enum status s;

        ck_assert_int_eq(pwrite(fd, copies, sizeof copies, 0), sizeof copies);
        ck_assert_int_eq(ftruncate(fd, 32768 + 4096), 0);
        s = measure_fds(fd, -1);
        close(fd);
        return s;
}

START_TEST(made_image_is_good)
{
        luks_image_make(copies, good, strlen(good));
        ck_assert_int_eq(measure_copies(), ST_DONE);
        ck_assert_uint_eq(found.nodes.count, 3);
        ck_assert_str_eq(test_value(&found, 1, "integrity.type"), "hmac(sha256)");
        ck_assert_str_eq(test_value(&found, 2, "area.offset"), "32768");
        ck_assert_str_eq(test_value(&found, 0, "config.keyslots_size"), "4096");
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
        static const char *const names[] = {"primary", "secondary"};

        for (size_t at = 0; at < LUKS_IMAGE_COPY; at += at < 600 ? 1 : 97) {
                uint8_t *byte = copies + (size_t)_i * LUKS_IMAGE_COPY + at;

                /* The field is larger than the checksum, and is not part of it. */
                if (at >= 0x1c0 + 32 && at < 0x1c0 + 64)
                        continue;
                luks_image_make(copies, good, strlen(good));
                *byte ^= (uint8_t)(1 << at % 8);
                ck_assert_msg(measure_copies() == ST_REFUSED, "byte %zu of the %s copy", at,
                              names[_i]);
        }
}
END_TEST

/* Bytes of one copy, with its checksum right afterwards. */
static const struct {
        int copy;
        size_t at;
        const char *bytes;
        size_t len;
        const char *said;
} forged[] = {
        {0, 0, "XUKS", 4, "primary header: no magic"},
        {1, 0, "LUKS", 4, "secondary header: no magic"},
        {0, 6, "\0\1", 2, "LUKS1"},
        {0, 6, "\0\3", 2, "version"},
        {1, 6, "\0\1", 2, "version"},
        {0, 8, "\0\0\0\0\0\0\x20\0", 8, "size"},
        {0, 8, "\0\0\0\0\0\0\x50\0", 8, "size"},
        {0, 8, "\0\0\0\0\0\x80\0\0", 8, "size"},
        {0, 8, "\xff\xff\xff\xff\xff\xff\xc0\0", 8, "size"},
        {0, 8, "\0\0\0\0\0\x40\0\0", 8, "ends inside"},
        {0, 8, "\0\0\0\0\0\0\x80\0", 8, "ends inside"},
        {1, 8, "\0\0\0\0\0\0\x80\0", 8, "another size"},
        {0, 16, "\0\0\0\0\0\0\0\4", 8, "different age"},
        {1, 16, "\0\0\0\0\0\0\0\2", 8, "different age"},
        {0, 72, "sha1\0\0", 6, "not sha256"},
        {1, 72, "sha512", 6, "not sha256"},
        {0, 168, "7", 1, "different UUIDs"},
        {1, 168, "7", 1, "different UUIDs"},
        {0, 168, "G", 1, "no UUID"},
        {0, 204, "1", 1, "no UUID"},
        {0, 262, "\x40", 1, "offset"},
        {1, 262, "\0", 1, "offset"},
        {1, 4096 + 30, "3", 1, "different metadata"},
        {0, LUKS_IMAGE_COPY - 1, "x", 1, "does not end"},
        {0, 4096, "\0", 1, "does not end"},
};

START_TEST(forged_copy_is_refused)
{
        uint8_t *copy = copies + forged[_i].copy * LUKS_IMAGE_COPY;

        luks_image_make(copies, good, strlen(good));
        memcpy(copy + forged[_i].at, forged[_i].bytes, forged[_i].len);
        luks_image_sign(copy, LUKS_IMAGE_COPY);
        check_refused(measure_copies(), forged[_i].said);
        if (strstr(error_last()->found, "header:"))
                ck_assert_ptr_nonnull(strstr(error_last()->remedy, "cryptsetup repair"));
}
END_TEST

#define WITH(keyslots, segments, digests, config)                                                  \
        "{\"keyslots\":{" keyslots "},\"tokens\":{},\"segments\":{" segments                       \
        "},\"digests\":{" digests "},\"config\":{" config "}}"
#define SLOT(offset, size) "\"0\":{\"area\":{\"offset\":\"" offset "\",\"size\":\"" size "\"}}"

static const struct {
        const char *json, *said; /* NULL: measured */
} metadata[] = {
        {WITH("", "", "", ""), NULL},
        {WITH(SLOT("32768", "4096"), "", "", ""), NULL},
        {WITH(SLOT("32768", "4097"), "", "", ""), "inside"},
        {WITH(SLOT("32767", "1"), "", "", ""), "inside"},
        {WITH(SLOT("0", "36864"), "", "", ""), "inside"},
        {WITH(SLOT("36864", "1"), "", "", ""), "inside"},
        {WITH(SLOT("9223372036854775807", "9223372036854775807"), "", "", ""), "inside"},
        {WITH(SLOT("18446744073709551615", "2"), "", "", ""), "area"},
        {WITH(SLOT("-1", "2"), "", "", ""), "area"},
        {WITH(SLOT("0x8000", "2"), "", "", ""), "area"},
        {WITH(SLOT("", "2"), "", "", ""), "area"},
        {WITH(SLOT("032768", "2"), "", "", ""), "area"},
        {WITH("\"0\":{\"area\":{\"offset\":32768,\"size\":\"1\"}}", "", "", ""), "area"},
        {WITH("\"0\":{}", "", "", ""), "area"},
        {WITH("\"0\":7", "", "", ""), "numbered"},
        {WITH("\"00\":{}", "", "", ""), "numbered"},
        {WITH("\"-1\":{}", "", "", ""), "numbered"},
        {WITH("", "\"a\":{}", "", ""), "numbered"},
        {WITH("", "\"0\":{\"unknown\":{\"deep\":[1,true,{\"x\":\"y\"}]}}", "", ""), NULL},
        {WITH("", "\"0\":{\"a.b\":1}", "", ""), "keys"},
        {WITH("", "\"0\":{\"\":1}", "", ""), "keys"},
        {WITH("", "\"0\":{\"a b\":1}", "", ""), "keys"},
        {WITH("", "\"0\":{\"a\":null}", "", ""), "null"},
        {WITH("", "\"0\":{\"a\":1.5}", "", ""), "fractions"},
        {WITH("", "\"0\":{\"a\":\"\\u0000b\"}", "", ""), "ASCII"},
        {WITH("", "\"0\":{\"a\":\"\\n\"}", "", ""), "ASCII"},
        {WITH("", "\"0\":{\"a\":\"\xc3\xbc\"}", "", ""), "ASCII"},
        {WITH("", "\"0\":{\"a\":\"\xff\"}", "", ""), "JSON"},
        {WITH("",
              "\"0\":{\"a01234567890123456789012345678901234567890123456789012345678901234\":1}",
              "", ""),
         "shorter keys"},
        {WITH("", "", "\"0\":{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", ""), "JSON"},
        {WITH("", "", "", "\"requirements\":{\"mandatory\":[\"online-reencrypt-v2\"]}"), NULL},
        {"{}", "config"},
        {"[]", "JSON"},
        {"7", "JSON"},
        {"null", "JSON"},
        {"{\"keyslots\":{}", "JSON"},
        {WITH("", "", "", "") " {}", "JSON"},
        {WITH("", "", "", "") "x", "JSON"},
        {"/* c */ " WITH("", "", "", ""), "JSON"},
        {"{\"keyslots\":[],\"segments\":{},\"digests\":{},\"config\":{}}", "another object"},
        {"{\"keyslots\":{},\"segments\":{},\"digests\":{},\"config\":{},\"more\":{}}",
         "another object"},
        {"{\"keyslots\":{},\"segments\":{},\"config\":{}}", "digests"},
};

START_TEST(metadata_is_judged)
{
        luks_image_make(copies, metadata[_i].json, strlen(metadata[_i].json));
        if (metadata[_i].said)
                check_refused(measure_copies(), metadata[_i].said);
        else
                ck_assert_int_eq(measure_copies(), ST_DONE);
}
END_TEST

/* Whatever nobody foresaw changes the digest. */
START_TEST(unknown_keys_are_measured)
{
        static const char *const others[] = {
                WITH("", "\"0\":{\"x\":1}", "", ""),
                WITH("", "\"0\":{\"x\":2}", "", ""),
                WITH("", "\"0\":{\"x\":\"\"}", "", ""),
                WITH("", "\"0\":{\"x\":[]}", "", ""),
                WITH("", "\"0\":{\"x\":{}}", "", ""),
                WITH("", "\"0\":{\"x\":{\"y\":1}}", "", ""),
                WITH("", "\"0\":{\"x\":[1]}", "", ""),
                WITH("", "\"0\":{\"x\":[1,1]}", "", ""),
                WITH("", "\"0\":{\"x\":true}", "", ""),
                WITH("", "\"0\":{}", "", ""),
                WITH("", "\"1\":{\"x\":1}", "", ""),
                WITH("", "", "\"0\":{\"x\":1}", ""),
                WITH("", "", "", "\"x\":1"),
                WITH("", "", "", "\"flags\":[\"x\"]"),
        };
        struct digest digests[14];

        for (size_t i = 0; i < 14; i++) {
                luks_image_make(copies, others[i], strlen(others[i]));
                ck_assert_int_eq(measure_copies(), ST_DONE);
                ck_assert_int_eq(measurement_digest(&found, HASH_SHA256, digests + i), ST_DONE);
                for (size_t k = 0; k < i; k++)
                        ck_assert_msg(!digest_equal(digests + i, digests + k), "%zu and %zu", i, k);
        }
}
END_TEST

START_TEST(too_many_are_refused)
{
        char json[12000], *p = json;

        p += sprintf(p, "{\"keyslots\":{},\"segments\":{");
        for (int i = 0; i < 33; i++)
                p += sprintf(p, "%s\"%d\":{}", i ? "," : "", i);
        sprintf(p, "},\"digests\":{},\"config\":{}}");
        luks_image_make(copies, json, strlen(json));
        check_refused(measure_copies(), "too many");
        p = json + sprintf(json, "{\"keyslots\":{},\"segments\":{\"0\":{\"x\":[");
        for (int i = 0; i < 1500; i++)
                p += sprintf(p, "%s1", i ? "," : "");
        sprintf(p, "]}},\"digests\":{},\"config\":{}}");
        luks_image_make(copies, json, strlen(json));
        check_refused(measure_copies(), "fewer entries");
        p = json + sprintf(json, "{\"keyslots\":{},\"segments\":{\"0\":{\"x\":\"");
        memset(p, 'a', 4096);
        strcpy(p + 4096, "\"}},\"digests\":{},\"config\":{}}");
        luks_image_make(copies, json, strlen(json));
        check_refused(measure_copies(), "shorter texts");
}
END_TEST

START_TEST(truncated_is_refused)
{
        luks_image_make(copies, good, strlen(good));
        for (size_t len = 0; len < sizeof copies; len += len < 64 ? 1 : 1021) {
                int fd = memfd_create("luks", MFD_CLOEXEC);

                ck_assert_int_eq(write(fd, copies, len), len);
                check_refused(measure_fds(fd, -1), "");
                close(fd);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("luks");
        TCase *c = tcase_create("luks");

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_set_timeout(c, 60);
        tcase_add_loop_test(c, agrees_with_cryptsetup, 0, sizeof formats / sizeof *formats);
        tcase_add_loop_test(c, changes_show, 0, sizeof changes / sizeof *changes);
        tcase_add_test(c, detached_header_is_read);
        tcase_add_test(c, luks1_is_refused);
        tcase_add_test(c, no_luks_is_refused);
        tcase_add_test(c, made_image_is_good);
        tcase_add_loop_test(c, every_flipped_bit_is_refused, 0, 2);
        tcase_add_loop_test(c, forged_copy_is_refused, 0, sizeof forged / sizeof *forged);
        tcase_add_loop_test(c, metadata_is_judged, 0, sizeof metadata / sizeof *metadata);
        tcase_add_test(c, unknown_keys_are_measured);
        tcase_add_test(c, too_many_are_refused);
        tcase_add_test(c, truncated_is_refused);
        suite_add_tcase(suite, c);
        return test_run_suite(suite);
}
