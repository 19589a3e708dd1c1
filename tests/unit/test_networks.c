/* SPDX-License-Identifier: Apache-2.0 */
/* The host's policy of networks: who is permitted, and that a mistake in it permits nobody. */
#include "compartment-mgr/networks.h"
#include "lib/config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct principal alice = {PRINCIPAL_USER, "1000"};

static enum status judge(const char *text, const char *bridge, const char *vm, const char *owner)
{
        const struct nic nic = {"vif0", bridge, "00:16:3e:00:00:01"};
        struct arena *a = arena_new();
        struct principal p;
        enum status s;

        ck_assert_int_eq(principal_read(owner, a, &p), ST_DONE);
        s = networks_judge("networks", (struct bytes){(const uint8_t *)text, strlen(text)}, &nic,
                           vm, &p);
        arena_free(a);
        return s;
}

static const struct {
        const char *text, *bridge, *vm, *owner;
        enum status s;
} cases[] = {
        {"", "xenbr0", "web01", "uid:1000", ST_DENIED},
        {"xenbr0 *", "xenbr0", "web01", "uid:1000", ST_DONE},
        {"xenbr0 *\n", "xenbr1", "web01", "uid:1000", ST_DENIED},
        {"xenbr0 *\n", "xenbr", "web01", "uid:1000", ST_DENIED},
        {"xenbr *\n", "xenbr0", "web01", "uid:1000", ST_DENIED},
        {"# xenbr0 *\n", "xenbr0", "web01", "uid:1000", ST_DENIED},
        {"dmz0 vm:web02 vm:web01", "dmz0", "web01", "uid:1000", ST_DONE},
        {"dmz0 vm:web010", "dmz0", "web01", "uid:1000", ST_DENIED},
        {"dmz0 vm:alice", "dmz0", "web01", "uid:1000", ST_DENIED},
        {"dmz0 owner:tls:web01", "dmz0", "web01", "uid:1000", ST_DENIED},
        {"dmz0\towner:tls:bob  owner:uid:1000 # both\n", "dmz0", "web01", "uid:1000", ST_DONE},
        {"dmz0 owner:tls:bob # owner:uid:1000\n", "dmz0", "web01", "uid:1000", ST_DENIED},
        {"dmz0 vm:other\ndmz0 vm:web01\n", "dmz0", "web01", "uid:1000", ST_DONE},
        {"dmz0 owner:uid:1000", "dmz0", "web01", "uid:100", ST_DENIED},
        {"dmz0 owner:uid:1000", "dmz0", "web01", "tls:1000", ST_DENIED},
        {"dmz0 owner:tls:bob@x", "dmz0", "web01", "tls:bob@x", ST_DONE},
        /* a mistake anywhere permits nothing, also where the line itself would */
        {"xenbr0 *\ndmz0\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\ndmz0 web01\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\ndmz0 vm:\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\ndmz0 owner:vm:web01\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\ndmz0 owner:self\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\ndmz0 owner:alice\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\ndmz0 owner:tls:a/b\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\nbridge-of-16-char *\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 * vm:\x01\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
        {"xenbr0 *\r\n", "xenbr0", "web01", "uid:1000", ST_INVALID}, /* as it is in the line */
        {"../x *\n", "xenbr0", "web01", "uid:1000", ST_INVALID},
};

START_TEST(who_is_permitted)
{
        ck_assert_int_eq(judge(cases[_i].text, cases[_i].bridge, cases[_i].vm, cases[_i].owner),
                         cases[_i].s);
}
END_TEST

/* As an editor leaves the file; what is no text, or a carriage return elsewhere, is named. */
static const struct {
        const char *bytes;
        size_t len;
        enum status s;
        const char *found;
} files[] = {
#define BYTES(text) text, sizeof text - 1
        {BYTES("br0 *"), ST_DONE, NULL},
        {BYTES("br0 *\r\n"), ST_DONE, NULL},
        {BYTES("br0 *\r"), ST_INVALID, "'*?'"},
        {BYTES("\xef\xbb\xbf"
               "br0 *\n\n\n"),
         ST_DONE, NULL},
        {BYTES("\xef\xbb\xbf# all\r\n\r\nbr0 * \t \r\n"), ST_DONE, NULL},
        {BYTES("br0 vm:other\r\n \r\nbr0 vm:web01  \r\n"), ST_DONE, NULL},
        {BYTES("br0\r *\n"), ST_INVALID, "'br0?'"},
        {BYTES("br0 *\r\r\n"), ST_INVALID, "'*?'"},
        {BYTES("\xff\xfe"
               "b\0r\0"),
         ST_INVALID, "UTF-16"},
        {BYTES("br0 *\n\0"), ST_INVALID, "a NUL byte"},
};

START_TEST(a_file_of_any_editor)
{
        char folder[] = "/tmp/bulkhead-networks-XXXXXX", path[64];
        struct nic nics[] = {{"vif0", "br0", "00:16:3e:00:00:01"}};
        struct vm_config c = {.name = "web01", .nics = {nics, 1}};
        struct arena *a = arena_new();
        FILE *f;

        ck_assert_ptr_nonnull(mkdtemp(folder));
        config.etc = folder;
        snprintf(path, sizeof path, "%s/networks", folder);
        f = fopen(path, "w");
        fwrite(files[_i].bytes, 1, files[_i].len, f);
        fclose(f);
        ck_assert_int_eq(networks_permit(&c, &alice, a), files[_i].s);
        if (files[_i].found)
                ck_assert_str_eq(error_last()->found, files[_i].found);
        unlink(path);
        rmdir(folder);
        arena_free(a);
}
END_TEST

START_TEST(a_refusal_says_which_line_would_permit)
{
        ck_assert_int_eq(judge("xenbr0 *\n", "dmz0", "web01", "uid:1000"), ST_DENIED);
        ck_assert_ptr_nonnull(strstr(error_last()->subject, "vif0"));
        ck_assert_str_eq(error_last()->found, "'dmz0'");
        ck_assert_ptr_nonnull(strstr(error_last()->remedy, "dmz0 vm:web01"));
        ck_assert_int_eq(judge("a *\n\n# c\nb\n", "dmz0", "web01", "uid:1000"), ST_INVALID);
        ck_assert_ptr_nonnull(strstr(error_last()->subject, "line 4"));
}
END_TEST

START_TEST(reads_the_file_at_each_start)
{
        char folder[] = "/tmp/bulkhead-networks-XXXXXX", path[64];
        struct nic nics[] = {{"vif0", "no-such-bridge", "00:16:3e:00:00:01"}};
        struct vm_config c = {.name = "web01"};
        struct arena *a = arena_new();
        FILE *f;

        ck_assert_ptr_nonnull(mkdtemp(folder));
        config.etc = folder;
        snprintf(path, sizeof path, "%s/networks", folder);
        ck_assert_int_eq(networks_permit(&c, &alice, a), ST_DONE); /* no interface */
        c.nics.items = nics;
        c.nics.count = 1;
        ck_assert_int_eq(networks_permit(&c, &alice, a), ST_DENIED); /* no file */
        f = fopen(path, "w");
        fputs("no-such-bridge *\n", f);
        fclose(f);
        ck_assert_int_eq(networks_permit(&c, &alice, a), ST_DONE);
        networks_open(true);
        ck_assert_int_eq(networks_permit(&c, &alice, a), ST_NOT_FOUND);
        networks_open(false);
        ck_assert_int_eq(truncate(path, NETWORKS_MOST + 1), 0);
        ck_assert_int_eq(networks_permit(&c, &alice, a), ST_INVALID);
        unlink(path);
        ck_assert_int_eq(symlink("/dev/zero", path), 0);
        ck_assert_int_ne(networks_permit(&c, &alice, a), ST_DONE);
        unlink(path);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        ck_assert_int_eq(networks_permit(&c, &alice, a), ST_INVALID);
        unlink(path);
        rmdir(folder);
        arena_free(a);
}
END_TEST

int main(void)
{
        TCase *t = tcase_create("networks");
        Suite *s = suite_create("networks");
        SRunner *r;
        int failed;

        tcase_add_loop_test(t, who_is_permitted, 0, sizeof cases / sizeof *cases);
        tcase_add_loop_test(t, a_file_of_any_editor, 0, sizeof files / sizeof *files);
        tcase_add_test(t, a_refusal_says_which_line_would_permit);
        tcase_add_test(t, reads_the_file_at_each_start);
        suite_add_tcase(s, t);
        r = srunner_create(s);
        srunner_run_all(r, CK_ENV);
        failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? 1 : 0;
}
