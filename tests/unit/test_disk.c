/* SPDX-License-Identifier: Apache-2.0 */
/* The disk plug-in, against sha256sum, sha384sum and veritysetup. */
#include "bulkhead/measure_plugin.h"
#include "plugins/disk_hash.h"
#include "tests/unit/plugin_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct measurement found;
static char image[512];

static void set_up(void)
{
        arena = arena_new();
        snprintf(image, sizeof image, "%s", test_path("image"));
}

static void tear_down(void)
{
        unlink(image);
        arena_free(arena);
}

static struct target target_of(const char *method)
{
        return (struct target){
                .name = "disk:/img", .plugin = "disk", .argument = "/img", .method = method};
}

static enum status measure_fd(const struct target *t, int file, int header, uint32_t cores,
                              measure_progress progress)
{
        return measure_call(arena, &bulkhead_measure_plugin, t, file, header, cores, progress,
                            &found);
}

static enum status measure_path(const struct target *t, const char *path, uint32_t cores)
{
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        enum status s;

        ck_assert_int_ge(fd, 0);
        s = measure_fd(t, fd, -1, cores, NULL);
        close(fd);
        return s;
}

static void check_refused(enum status s, const char *said)
{
        ck_assert_int_eq(s, ST_REFUSED);
        ck_assert_str_eq(error_last()->subject, "disk:/img");
        ck_assert_msg(strstr(error_last()->found, said) != NULL, "found: %s", error_last()->found);
        ck_assert_uint_eq(found.nodes.count, 0);
}

static const size_t whole_sizes[] = {1,      511,     4095,    4096,     524287,  524288,
                                     524289, 4 << 20, 4194305, 12 << 20, 12582915};

START_TEST(whole_is_sha256sum)
{
        static const char *const hashes[] = {"sha256", "sha384"};
        struct target t = target_of("");

        test_write_file(image, whole_sizes[_i], (unsigned)_i);
        for (size_t h = 0; h < 2; h++) {
                t.alg = hash_of_name(hashes[h]);
                ck_assert_int_eq(measure_path(&t, image, 2), ST_DONE);
                ck_assert_uint_eq(found.nodes.count, 1);
                ck_assert_str_eq(found.nodes.items[0].id, "disk:/img");
                ck_assert_str_eq(found.nodes.items[0].type, "disk");
                ck_assert_str_eq(test_value(&found, 0, "method"), "whole");
                ck_assert_str_eq(test_value(&found, 0, "size"),
                                 test_command("stat -c %%s %s", image));
                ck_assert_str_eq(test_value(&found, 0, "digest"),
                                 test_command("printf %s: ; %ssum <%s | cut -d' ' -f1", hashes[h],
                                              hashes[h], image));
        }
}
END_TEST

/* --- dm-verity's tree, by every way to hash its blocks ---------------------------------------- */

static int forced_way = -1, hashings_left = -1;

enum disk_hash_way __real_disk_hash_best(const EVP_MD *md, uint64_t blocks);
enum disk_hash_way __wrap_disk_hash_best(const EVP_MD *md, uint64_t blocks);
enum disk_hash_way __wrap_disk_hash_best(const EVP_MD *md, uint64_t blocks)
{
        return forced_way < 0 ? __real_disk_hash_best(md, blocks) : (enum disk_hash_way)forced_way;
}

bool __real_disk_hash_blocks(struct disk_hash *h, const uint8_t *blocks, size_t count, uint8_t *out,
                             size_t slot);
bool __wrap_disk_hash_blocks(struct disk_hash *h, const uint8_t *blocks, size_t count, uint8_t *out,
                             size_t slot);
bool __wrap_disk_hash_blocks(struct disk_hash *h, const uint8_t *blocks, size_t count, uint8_t *out,
                             size_t slot)
{
        return (hashings_left < 0 || hashings_left--) &&
               __real_disk_hash_blocks(h, blocks, count, out, slot);
}

/* Blocks around the edges of a hash block (128 or 64), of two levels (128 * 128), of a window. */
static const struct {
        size_t blocks;
        const char *salt, *hash;
        uint32_t cores;
} trees[] = {
        {1, "-", "sha256", 1},
        {1, "00", "sha256", 2},
        {2, "-", "sha256", 1},
        {127, "-", "sha256", 2},
        {128, "-", "sha256", 2},
        {129, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "sha256", 2},
        {511, "-", "sha256", 3},
        {513, "aa", "sha256", 2},
        {1025, "-", "sha256", 0},
        {5000, "ff00ff00", "sha256", 7},
        {16383, "-", "sha256", 2},
        {16384, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "sha256", 2},
        {16385, "-", "sha256", 2},
        {16512, "ab", "sha256", 2},
        {1, "ab", "sha384", 2},
        {64, "-", "sha384", 2},
        {65, "-", "sha384", 2},
        {4096, "abcd", "sha384", 2},
        {4097, "-", "sha384", 100},
};

START_TEST(verity_is_veritysetup)
{
        struct target t = target_of("verity");
        uint8_t salt[64];
        char expected[256];

        test_write_file(image, trees[_i].blocks * 4096, (unsigned)_i);
        t.alg = hash_of_name(trees[_i].hash);
        if (strcmp(trees[_i].salt, "-")) {
                t.salted = true;
                t.salt.data = salt;
                t.salt.len = (size_t)hex_read(trees[_i].salt, strlen(trees[_i].salt), salt, 64);
        }
        snprintf(expected, sizeof expected, "%s:%s", trees[_i].hash,
                 test_command("veritysetup format --hash %s --salt %s %s %s.tree |"
                              " sed -n 's/^Root hash:[ \t]*//p'; rm -f %s.tree",
                              trees[_i].hash, trees[_i].salt, image, image, image));
        for (forced_way = 0; forced_way < DISK_HASH_WAYS; forced_way++) {
                ck_assert_int_eq(measure_path(&t, image, trees[_i].cores), ST_DONE);
                ck_assert_str_eq(test_value(&found, 0, "digest"), expected);
        }
        ck_assert_str_eq(test_value(&found, 0, "method"), "verity");
        ck_assert_str_eq(test_value(&found, 0, "salt"), trees[_i].salt);
        ck_assert_str_eq(test_value(&found, 0, "hash-type"), "1");
        test_measurement_form(&found);
        ck_assert_str_eq(test_value(&found, 0, "data-block-size"), "4096");
        ck_assert_str_eq(test_value(&found, 0, "hash-block-size"), "4096");
}
END_TEST

/* Sparse files: where data lie (in bytes, as truncate and dd have them), and the file's size. The
 * file system may round an extent; what is compared is the digest. */
static const struct {
        size_t size, data[3];
} sparse[] = {
        {48 << 20, {0}},                           /* a hole, and no more */
        {48 << 20, {1}},                           /* data first */
        {(48 << 20) + 4096, {20 << 20, 48 << 20}}, /* in the midst, and in the last block */
        {(48 << 20) - 4096, {(1 << 20) - 4096, (3 << 19) - 4096, 32 << 20}},
};

static void make_sparse(size_t i)
{
        int fd = open(image, O_RDWR | O_CREAT | O_TRUNC, 0600);

        ck_assert_int_eq(ftruncate(fd, (off_t)sparse[i].size), 0);
        for (size_t at = 0; at < 3 && sparse[i].data[at]; at++)
                ck_assert_int_eq(pwrite(fd, "data", 4, (off_t)sparse[i].data[at]), 4);
        close(fd);
}

static void ck_digest(const char *method, enum hash_alg alg, const char *expected)
{
        struct target t = target_of(method);

        t.alg = alg;
        ck_assert_int_eq(measure_path(&t, image, 2), ST_DONE);
        ck_assert_str_eq(test_value(&found, 0, "digest"), expected);
}

START_TEST(holes_are_zeros)
{
        static const char *const hashes[] = {"sha256", "sha384"};
        char expected[256];

        for (size_t h = 0; h < 2; h++) {
                make_sparse((size_t)_i);
                snprintf(expected, sizeof expected, "%s:%s", hashes[h],
                         test_command("%ssum <%s | cut -d' ' -f1", hashes[h], image));
                ck_digest("", hash_of_name(hashes[h]), expected);
                snprintf(expected, sizeof expected, "%s:%s", hashes[h],
                         test_command("veritysetup format --hash %s --salt - %s %s.tree |"
                                      " sed -n 's/^Root hash:[ \t]*//p'; rm -f %s.tree",
                                      hashes[h], image, image, image));
                ck_digest("verity", hash_of_name(hashes[h]), expected);
        }
}
END_TEST

/* To make 64 GiB of nothing takes a moment; so must measuring it. That nothing was read is seen by
 * the time: no machine hashes 64 GiB in ten seconds of two cores. */
START_TEST(a_hole_is_not_read)
{
        struct target t = target_of("verity");

        test_write_file(image, 4096, 1);
        ck_assert_int_eq(truncate(image, (off_t)64 << 30), 0);
        ck_assert_int_eq(measure_path(&t, image, 2), ST_DONE);
        ck_assert_str_eq(test_value(&found, 0, "size"), "68719476736");
}
END_TEST

/* The bytes below the header are the header's, hole or not. */
START_TEST(a_header_lies_over_a_hole)
{
        struct target t = target_of("verity");
        char expected[256];
        int file, header;

        make_sparse(0);
        header = open(test_path("header"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        ck_assert_int_eq(pwrite(header, "header", 6, 4096), 6);
        ck_assert_int_eq(ftruncate(header, 1 << 20), 0);
        file = open(image, O_RDONLY);
        ck_assert_int_eq(measure_fd(&t, file, header, 2, NULL), ST_DONE);
        close(file);
        snprintf(expected, sizeof expected, "%s", test_value(&found, 0, "digest"));
        file = open(image, O_WRONLY);
        ck_assert_int_eq(pwrite(file, "header", 6, 4096), 6);
        close(file);
        ck_digest("verity", 0, expected);
        close(header);
        unlink(test_path("header"));
}
END_TEST

/* 513 blocks: 33 calls for data, 5 for hash blocks over it, 1 for the root. */
START_TEST(failed_hashing_is_refused)
{
        struct target t = target_of("verity");

        test_write_file(image, 513 * 4096, 1);
        for (int n = 0; n < 39; n++) {
                hashings_left = n;
                check_refused(measure_path(&t, image, 1), strerror(ENOMEM));
        }
        hashings_left = 39;
        ck_assert_int_eq(measure_path(&t, image, 1), ST_DONE);
        ck_assert_int_eq(hashings_left, 0);
}
END_TEST

START_TEST(long_salt_and_verity_option)
{
        struct target t = target_of("verity");
        uint8_t salt[257];
        char hex[515], expected[80];

        memset(salt, 0x5a, sizeof salt);
        hex_write(hex, salt, 256);
        test_write_file(image, 40960, 1);
        t.salted = true;
        t.salt = (struct bytes){salt, 256};
        ck_assert_int_eq(measure_path(&t, image, 2), ST_DONE);
        snprintf(expected, sizeof expected, "sha256:%s",
                 test_command("veritysetup format --salt %s %s %s.tree |"
                              " sed -n 's/^Root hash:[ \t]*//p'; rm -f %s.tree",
                              hex, image, image, image));
        ck_assert_str_eq(test_value(&found, 0, "digest"), expected);
        t.salt.len = 257;
        check_refused(measure_path(&t, image, 2), "257");
        t.salt.len = 1;
        t.method = "whole";
        check_refused(measure_path(&t, image, 2), "salt");
        t.method = "quick";
        check_refused(measure_path(&t, image, 2), "quick");
}
END_TEST

START_TEST(header_lies_over_the_file)
{
        static const size_t lens[] = {1, 4096, 524288, 524289, 700000};
        struct target t = target_of(_i % 2 ? "verity" : "");
        char plain[128], overlaid[512];
        int file, header = memfd_create("header", MFD_CLOEXEC);
        uint8_t *bytes = calloc(1, lens[_i / 2]);

        test_write_file(image, 1 << 20, 3);
        memset(bytes, 0x77, lens[_i / 2]);
        ck_assert_int_eq(write(header, bytes, lens[_i / 2]), lens[_i / 2]);
        file = open(image, O_RDONLY);
        ck_assert_int_eq(measure_fd(&t, file, header, 2, NULL), ST_DONE);
        snprintf(plain, sizeof plain, "%s", test_value(&found, 0, "digest"));
        close(file);
        /* The same bytes in one file. */
        snprintf(overlaid, sizeof overlaid, "%s", test_path("overlaid"));
        test_command("cp %s %s", image, overlaid);
        file = open(overlaid, O_WRONLY);
        ck_assert_int_eq(pwrite(file, bytes, lens[_i / 2], 0), lens[_i / 2]);
        close(file);
        ck_assert_int_eq(measure_path(&t, overlaid, 2), ST_DONE);
        ck_assert_str_eq(test_value(&found, 0, "digest"), plain);
        /* A header that is larger than the disk belongs to another disk. */
        ck_assert_int_eq(truncate(overlaid, (off_t)lens[_i / 2] - 1), 0);
        if (lens[_i / 2] > 1) {
                file = open(overlaid, O_RDONLY);
                check_refused(measure_fd(&t, file, header, 2, NULL), "bytes");
                close(file);
        }
        unlink(overlaid);
        close(header);
        free(bytes);
}
END_TEST

START_TEST(other_kinds_are_refused)
{
        struct target t = target_of(_i ? "verity" : "");
        int fds[2], fd;

        ck_assert_int_eq(mkfifo(image, 0600), 0);
        check_refused(measure_path(&t, image, 2), "FIFO");
        check_refused(measure_path(&t, "/dev/zero", 2), "character device");
        check_refused(measure_path(&t, "/", 2), "directory");
        check_refused(measure_path(&t, "/proc/self/status", 2), "0 bytes");
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        check_refused(measure_fd(&t, fds[0], -1, 2, NULL), "socket");
        check_refused(measure_fd(&t, -1, -1, 2, NULL), "descriptor");
        unlink(image);
        test_write_file(image, 0, 0);
        check_refused(measure_path(&t, image, 2), "0 bytes");
        fd = open(image, O_WRONLY);
        ck_assert_int_eq(ftruncate(fd, 4096), 0);
        check_refused(measure_fd(&t, fd, -1, 2, NULL), "descriptor"); /* cannot be read */
        close(fd);
        fd = memfd_create("sparse", MFD_CLOEXEC);
        ck_assert_int_eq(ftruncate(fd, ((off_t)64 << 40) + 4096), 0);
        check_refused(measure_fd(&t, fd, -1, 2, NULL), "70368744181760");
        ck_assert_int_eq(ftruncate(fd, INT64_MAX), 0);
        check_refused(measure_fd(&t, fd, -1, 2, NULL), "9223372036854775807");
        close(fd);
}
END_TEST

/* A sysfs file says 4,096 bytes and has fewer. */
START_TEST(short_file_is_refused)
{
        struct target t = target_of(_i ? "verity" : "");

        check_refused(measure_path(&t, "/sys/kernel/mm/transparent_hugepage/enabled", 2),
                      "shorter");
}
END_TEST

START_TEST(verity_wants_whole_blocks)
{
        static const size_t sizes[] = {1, 4095, 4097, 8191, 1048577};
        struct target t = target_of("verity");

        test_write_file(image, sizes[_i], 1);
        check_refused(measure_path(&t, image, 2), "bytes");
}
END_TEST

/* Headers as in qemu's docs/interop/qcow2.txt, qed_spec.txt and the VHD and VMDK specifications. */
static const struct {
        const char *head;
        size_t len;
        unsigned at;
        unsigned char byte;
        const char *said; /* NULL: measured */
} formats[] = {
        {"QFI\xfb\0\0\0\x03", 8, 15, 0x70, "backing file"},
        {"QFI\xfb\0\0\0\x02", 8, 8, 0x01, "backing file"},
        {"QFI\xfb\0\0\0\x03", 8, 79, 0x04, "external data"},
        {"QFI\xfb\0\0\0\x03", 8, 79, 0x01, NULL},
        {"QFI\xfb\0\0\0\x02", 8, 79, 0x04, NULL},
        {"QED\0", 4, 16, 0x01, "QED"},
        {"QED\0", 4, 16, 0x02, NULL},
        {"conectix", 8, 63, 4, "differencing VHD"},
        {"conectix", 8, 63, 3, NULL},
        {"# Disk DescriptorFile\nversion=1\n", 32, 100, 0, "VMDK"},
};

START_TEST(backing_files_are_refused)
{
        struct target t = target_of("");
        int fd;

        test_write_file(image, 0, 0);
        fd = open(image, O_RDWR);
        ck_assert_int_eq(ftruncate(fd, 4096), 0);
        ck_assert_int_eq(pwrite(fd, formats[_i].head, formats[_i].len, 0), formats[_i].len);
        ck_assert_int_eq(pwrite(fd, &formats[_i].byte, 1, formats[_i].at), 1);
        if (formats[_i].said) {
                check_refused(measure_fd(&t, fd, -1, 2, NULL), formats[_i].said);
                ck_assert_str_ne(error_last()->expected, "");
                ck_assert_str_ne(error_last()->remedy, "");
        } else {
                ck_assert_int_eq(measure_fd(&t, fd, -1, 2, NULL), ST_DONE);
        }
        close(fd);
}
END_TEST

START_TEST(qemu_img_backing_file_is_refused)
{
        struct target t = target_of("");

        if (system("command -v qemu-img >/dev/null")) {
                printf("skipped: qemu_img_backing_file_is_refused: no qemu-img here\n");
                return;
        }
        test_command("truncate -s 1M %s.base && qemu-img create -q -f qcow2 -F raw -b %s.base %s",
                     image, test_command("realpath %s", image), image);
        check_refused(measure_path(&t, image, 2), "backing file");
        test_command("rm %s.base", image);
}
END_TEST

/* --- what changes while it is read ---------------------------------------------------------- */

static int meddling; /* 0 a byte, 1 grown, 2 cut, 3 the time alone */
static bool meddled;

static void meddle(uint64_t done, uint64_t total)
{
        (void)done;
        (void)total;
        if (__atomic_exchange_n(&meddled, true, __ATOMIC_SEQ_CST))
                return;
        if (meddling == 0)
                test_command("printf x | dd of=%s bs=1 seek=5 conv=notrunc status=none", image);
        else if (meddling == 1)
                test_command("printf x >>%s", image);
        else if (meddling == 2)
                test_command("truncate -s 4096 %s", image);
        else
                test_command("touch %s", image);
}

START_TEST(change_is_refused)
{
        struct target t = target_of(_i >= 4 ? "verity" : "");
        int fd;

        test_write_file(image, 16 << 20, 1);
        meddling = _i % 4;
        meddled = false;
        fd = open(image, O_RDONLY);
        check_refused(measure_fd(&t, fd, -1, 2, meddle), "while it was read");
        ck_assert(meddled);
        close(fd);
}
END_TEST

/* What the path shows does not matter: the descriptor was opened before. */
START_TEST(path_swapped_is_not_seen)
{
        struct target t = target_of("");
        char before[256];
        int fd;

        test_write_file(image, 4096, 1);
        fd = open(image, O_RDONLY);
        snprintf(before, sizeof before, "sha256:%s",
                 test_command("sha256sum <%s | cut -d' ' -f1", image));
        unlink(image);
        test_write_file(image, 4096, 2);
        ck_assert_int_eq(measure_fd(&t, fd, -1, 2, NULL), ST_DONE);
        ck_assert_str_eq(test_value(&found, 0, "digest"), before);
        close(fd);
}
END_TEST

START_TEST(block_device)
{
        struct target t = target_of(_i ? "verity" : "");
        char device[64], from_file[128];

        if (geteuid() || access("/dev/loop-control", W_OK)) {
                printf("skipped: block_device: needs root and loop devices\n");
                return;
        }
        test_write_file(image, 3 << 20, 9);
        ck_assert_int_eq(measure_path(&t, image, 2), ST_DONE);
        snprintf(from_file, sizeof from_file, "%s", test_value(&found, 0, "digest"));
        snprintf(device, sizeof device, "%s", test_command("losetup -r -f --show %s", image));
        ck_assert_int_eq(measure_path(&t, device, 2), ST_DONE);
        test_command("losetup -d %s", device);
        ck_assert_str_eq(test_value(&found, 0, "digest"), from_file);
        ck_assert_str_eq(test_value(&found, 0, "size"), "3145728");
}
END_TEST

static uint64_t greatest, total_seen;

static void note_progress(uint64_t done, uint64_t total)
{
        uint64_t seen = __atomic_load_n(&greatest, __ATOMIC_RELAXED);

        while (done > seen && !__atomic_compare_exchange_n(&greatest, &seen, done, false,
                                                           __ATOMIC_RELAXED, __ATOMIC_RELAXED))
                ;
        __atomic_store_n(&total_seen, total, __ATOMIC_RELAXED);
}

START_TEST(progress_reaches_the_end)
{
        struct target t = target_of(_i ? "verity" : "");
        int fd;

        greatest = 0;
        test_write_file(image, 5 << 20, 1);
        fd = open(image, O_RDONLY);
        ck_assert_int_eq(measure_fd(&t, fd, -1, 2, note_progress), ST_DONE);
        ck_assert_uint_eq(greatest, 5 << 20);
        ck_assert_uint_eq(total_seen, 5 << 20);
        close(fd);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("disk");
        TCase *c = tcase_create("disk");

        tcase_add_checked_fixture(c, set_up, tear_down);
        tcase_set_timeout(c, 120);
        tcase_add_loop_test(c, whole_is_sha256sum, 0, sizeof whole_sizes / sizeof *whole_sizes);
        tcase_add_loop_test(c, verity_is_veritysetup, 0, sizeof trees / sizeof *trees);
        tcase_add_loop_test(c, holes_are_zeros, 0, sizeof sparse / sizeof *sparse);
        tcase_add_test(c, a_hole_is_not_read);
        tcase_add_test(c, a_header_lies_over_a_hole);
        tcase_add_test(c, failed_hashing_is_refused);
        tcase_add_test(c, long_salt_and_verity_option);
        tcase_add_loop_test(c, header_lies_over_the_file, 0, 10);
        tcase_add_loop_test(c, other_kinds_are_refused, 0, 2);
        tcase_add_loop_test(c, short_file_is_refused, 0, 2);
        tcase_add_loop_test(c, verity_wants_whole_blocks, 0, 5);
        tcase_add_loop_test(c, backing_files_are_refused, 0, sizeof formats / sizeof *formats);
        tcase_add_test(c, qemu_img_backing_file_is_refused);
        tcase_add_loop_test(c, change_is_refused, 0, 8);
        tcase_add_test(c, path_swapped_is_not_seen);
        tcase_add_loop_test(c, block_device, 0, 2);
        tcase_add_loop_test(c, progress_reaches_the_end, 0, 2);
        suite_add_tcase(suite, c);
        return test_run_suite(suite);
}
