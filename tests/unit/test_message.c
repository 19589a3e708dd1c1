/* SPDX-License-Identifier: Apache-2.0 */
/* Every message of the table makes the round trip with random fields; no cut message decodes. */
#include "lib/message.c"

#include <check.h>
#include <stdio.h>

static struct arena *a;

static void set_up(void)
{
        a = arena_new();
        srandom(20260101);
}

static void tear_down(void)
{
        arena_free(a);
}

static const char *random_text(size_t most, bool word)
{
        static const char *const parts[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x92",
                                            " <&"};
        size_t n = (size_t)random() % 20;
        struct buffer b = BUFFER_INIT(most);
        const char *text;

        for (size_t i = 0; i < n; i++)
                if (word)
                        buffer_u8(&b, (uint8_t) "azAZ09._:+-"[random() % 11]);
                else
                        buffer_text(&b, parts[random() % 5]);
        text = arena_copy(a, b.data, b.len);
        buffer_clear(&b);
        return text;
}

static struct digest random_digest(void)
{
        static const enum hash_alg algs[] = {HASH_NONE, HASH_SHA256, HASH_SHA384};
        struct digest d = {.alg = algs[random() % 3]};

        for (size_t i = 0; i < hash_size(d.alg); i++)
                d.bytes[i] = (uint8_t)random();
        return d;
}

static void fill(const struct shape *shape, void *out, int *next_fd)
{
        for (const struct field *f = shape->fields(); f->kind != KIND_END; f++) {
                void *at = (char *)out + f->offset;
                struct list *list = at;
                struct uuid u = uuid_random();

                switch (f->kind) {
                case KIND_BOOL:
                        *(bool *)at = random() & 1;
                        break;
                case KIND_ENUM:
                        *(unsigned *)at = (unsigned)random() % (unsigned)f->most;
                        break;
                case KIND_U32:
                        *(uint32_t *)at = (uint32_t)random() * 2;
                        break;
                case KIND_U64:
                        *(uint64_t *)at = (uint64_t)random() << 33 | (uint64_t)random();
                        break;
                case KIND_WORD:
                case KIND_TEXT:
                        *(const char **)at = random_text(f->most, f->kind == KIND_WORD);
                        break;
                case KIND_BYTES:
                        ((struct bytes *)at)->len = (size_t)random() % 50;
                        ((struct bytes *)at)->data = arena_get(a, 50);
                        break;
                case KIND_DIGEST:
                        *(struct digest *)at = random_digest();
                        break;
                case KIND_UUID:
                        *(struct uuid *)at = u;
                        break;
                case KIND_FD:
                        *(int *)at = random() & 1 ? (*next_fd)++ : -1;
                        break;
                case KIND_STRUCT:
                        fill(f->sub, at, next_fd);
                        break;
                case KIND_LIST:
                        list->count = (size_t)random() % (f->most < 3 ? f->most + 1 : 4);
                        list->items = arena_get_many(a, list->count, f->sub->size);
                        for (size_t i = 0; i < list->count; i++)
                                fill(f->sub, (char *)list->items + i * f->sub->size, next_fd);
                        break;
                default:
                        ck_abort_msg("an unknown field kind");
                }
        }
}

/* Encodes, decodes, encodes again: the bytes and the descriptors must be the same. */
static void round_trip(const struct shape *shape)
{
        struct buffer first = BUFFER_INIT(MESSAGE_MOST), second = BUFFER_INIT(MESSAGE_MOST);
        void *in = arena_get(a, shape->size), *out = arena_get(a, shape->size);
        int fds[MESSAGE_FDS_MOST], again[MESSAGE_FDS_MOST], next = 1000;
        size_t count, count_again;

        fill(shape, in, &next);
        ck_assert_int_eq(message_encode(shape, in, &first, fds, &count), ST_DONE);
        ck_assert_uint_eq(count, (size_t)next - 1000);
        ck_assert_int_eq(message_decode(shape, buffer_bytes(&first), fds, count, a, out), ST_DONE);
        ck_assert_int_eq(message_encode(shape, out, &second, again, &count_again), ST_DONE);
        ck_assert_uint_eq(first.len, second.len);
        ck_assert(!first.len || !memcmp(first.data, second.data, first.len));
        ck_assert_uint_eq(count, count_again);
        ck_assert(!count || !memcmp(fds, again, count * sizeof *fds));

        for (size_t cut = 0; cut < first.len; cut++)
                ck_assert_int_eq(
                        message_decode(shape, (struct bytes){first.data, cut}, fds, count, a, out),
                        ST_PROTOCOL);
        buffer_u8(&first, 0);
        ck_assert_int_eq(message_decode(shape, buffer_bytes(&first), fds, count, a, out),
                         ST_PROTOCOL);
        buffer_clear(&first);
        buffer_clear(&second);
}

START_TEST(every_message_round_trips)
{
        for (int round = 0; round < 20; round++) {
                round_trip(message_infos[_i].request);
                if (message_infos[_i].reply)
                        round_trip(message_infos[_i].reply);
                arena_empty(a);
        }
}
END_TEST

START_TEST(numbers_are_unique_and_found)
{
        const struct message_info *info = &message_infos[_i];

        ck_assert_ptr_eq(message_info(info->number), info);
        ck_assert_uint_gt(info->number, MESSAGE_ERROR);
        ck_assert((info->who != 0) == (info->reply != NULL));
}
END_TEST

static enum status decode_word(const void *bytes, size_t len)
{
        struct vm_start_req out;

        return message_decode(&shape_vm_start_req, (struct bytes){bytes, len}, NULL, 0, a, &out);
}

START_TEST(words_and_texts_are_checked)
{
        struct svdm_open_target_req target;
        struct bytes bad_texts[] = {
                {(const uint8_t *)"\0\1\n", 3},               /* a control character */
                {(const uint8_t *)"\0\2\xc0\xaf", 4},         /* overlong */
                {(const uint8_t *)"\0\3\xed\xa0\x80", 5},     /* a surrogate */
                {(const uint8_t *)"\0\1\x80", 3},             /* a lone continuation */
                {(const uint8_t *)"\0\4\xf5\x80\x80\x80", 6}, /* beyond U+10FFFF */
        };

        ck_assert_int_eq(decode_word("\5web01", 6), ST_DONE);
        ck_assert_int_eq(decode_word("\5we/01", 6), ST_PROTOCOL);
        ck_assert_int_eq(decode_word("\5we\00001", 6), ST_PROTOCOL);
        ck_assert_int_eq(
                decode_word("\100xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                            65),
                ST_PROTOCOL); /* 64 characters: one too many */
        for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++)
                ck_assert_int_eq(message_decode(&shape_svdm_open_target_req, bad_texts[i], NULL, 0,
                                                a, &target),
                                 ST_PROTOCOL);
        ck_assert_int_eq(message_decode(&shape_svdm_open_target_req,
                                        (struct bytes){(const uint8_t *)"\0\2\xc3\xa9", 4}, NULL, 0,
                                        a, &target),
                         ST_DONE);
        ck_assert_str_eq(target.path, "\xc3\xa9");
}
END_TEST

START_TEST(caps_hold_on_both_sides)
{
        struct vm_start_req req = {.vm = "a name with a space"};
        struct buffer out = BUFFER_INIT(MESSAGE_MOST);
        uint8_t huge_list[8] = {0xff, 0xff, 0xff, 0xff};
        struct vm_list_rep rep;

        ck_assert_int_eq(message_encode(&shape_vm_start_req, &req, &out, NULL, NULL), ST_INTERNAL);
        ck_assert_int_eq(
                message_decode(&shape_vm_list_rep, (struct bytes){huge_list, 8}, NULL, 0, a, &rep),
                ST_PROTOCOL);
        buffer_clear(&out);
}
END_TEST

START_TEST(only_values_of_an_enumeration_pass)
{
        struct principal p = {PRINCIPAL_SELF, ""};
        struct buffer out = BUFFER_INIT(MESSAGE_MOST);
        uint8_t bytes[] = {PRINCIPAL_SELF, 0, 0};
        struct bytes in = {bytes, sizeof bytes};

        ck_assert_int_eq(message_encode(&shape_principal, &p, &out, NULL, NULL), ST_DONE);
        ck_assert_uint_eq(out.len, sizeof bytes);
        ck_assert_mem_eq(out.data, bytes, sizeof bytes);
        ck_assert_int_eq(message_decode(&shape_principal, in, NULL, 0, a, &p), ST_DONE);
        ck_assert_int_eq(p.kind, PRINCIPAL_SELF);
        bytes[0] = principal_kind_count;
        ck_assert_int_eq(message_decode(&shape_principal, in, NULL, 0, a, &p), ST_PROTOCOL);
        bytes[0] = 255;
        ck_assert_int_eq(message_decode(&shape_principal, in, NULL, 0, a, &p), ST_PROTOCOL);
        p.kind = (enum principal_kind)principal_kind_count;
        ck_assert_int_eq(message_encode(&shape_principal, &p, &out, NULL, NULL), ST_INTERNAL);
        ck_assert_str_eq(principal_kind_word(PRINCIPAL_CERTIFICATE), "tls");
        ck_assert_str_eq(principal_kind_word(p.kind), "?");
        buffer_clear(&out);
}
END_TEST

START_TEST(descriptors_must_match)
{
        struct svdm_key_pipe_rep rep = {.secret = 77};
        struct buffer out = BUFFER_INIT(MESSAGE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t count;

        ck_assert_int_eq(message_encode(&shape_svdm_key_pipe_rep, &rep, &out, fds, &count),
                         ST_DONE);
        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(
                message_decode(&shape_svdm_key_pipe_rep, buffer_bytes(&out), fds, 0, a, &rep),
                ST_PROTOCOL);
        fds[1] = 78;
        ck_assert_int_eq(
                message_decode(&shape_svdm_key_pipe_rep, buffer_bytes(&out), fds, 2, a, &rep),
                ST_PROTOCOL);
        rep.secret = 0;
        out.len = 0;
        ck_assert_int_eq(message_encode(&shape_svdm_key_pipe_rep, &rep, &out, fds, &count),
                         ST_DONE);
        ck_assert_uint_eq(count, 0);
        rep.secret = 2;
        ck_assert_int_eq(message_encode(&shape_svdm_key_pipe_rep, &rep, &out, fds, &count),
                         ST_INTERNAL);
        buffer_clear(&out);
}
END_TEST

START_TEST(errors_cross_and_cannot_say_done)
{
        struct error in = {ST_CHANGED, "disk:/a", "sha256:1", "sha256:2", "restore it"}, out;
        struct buffer b = BUFFER_INIT(MESSAGE_MOST);

        error_encode(&in, &b);
        ck_assert_int_eq(error_decode(buffer_bytes(&b), &out), ST_DONE);
        ck_assert_int_eq(out.status, ST_CHANGED);
        ck_assert_str_eq(out.subject, "disk:/a");
        ck_assert_str_eq(out.remedy, "restore it");
        for (size_t cut = 0; cut < b.len; cut++)
                ck_assert_int_eq(error_decode((struct bytes){b.data, cut}, &out), ST_PROTOCOL);
        memset(b.data, 0, 4);
        ck_assert_int_eq(error_decode(buffer_bytes(&b), &out), ST_PROTOCOL);
        memset(b.data, 0xff, 4);
        ck_assert_int_eq(error_decode(buffer_bytes(&b), &out), ST_PROTOCOL);
        buffer_clear(&b);
}
END_TEST

START_TEST(an_error_cannot_forge_a_line)
{
        FAIL(ST_CHANGED, .subject = "a\nb\x1b[2J", .found = "tab\there");
        ck_assert_str_eq(error_last()->subject, "a?b?[2J");
        ck_assert_str_eq(error_last()->found, "tab?here");
}
END_TEST

/* The code points: Unicode 15, Cc (C0, DEL, C1) and Bidi_Control; the encodings by RFC 3629. */
START_TEST(printable_is_printable)
{
        static const struct {
                const char *from;
                size_t size;
                const char *to;
        } rows[] = {
                {NULL, 8, ""},
                {"", 1, ""},
                {"a\n\x1b\x7f~", 8, "a???~"},
                {"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0\xc3\xa4", 16, "???\xc2\xa0\xc3\xa4"},
                {"\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\xae\xe2\x80\xaf", 16,
                 "\xe2\x80\x8d??\xe2\x80\xaf"},
                {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa", 16,
                 "\xe2\x81\xa5??\xe2\x81\xaa"},
                {"\x9b\xff\xc2", 8, "???"},
                {"abc", 3, "ab"},
                {"a\xe2\x82\xac", 4, "a"}, /* never half a character */
                {"a\xe2\x82\xac", 5, "a\xe2\x82\xac"},
                {"\xc2\x9b\xc2\x9b", 2, "?"},
        };

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                char to[16];

                utf8_printable(to, rows[i].size, rows[i].from);
                ck_assert_str_eq(to, rows[i].to);
        }
}
END_TEST

START_TEST(uuids_read_and_write)
{
        struct uuid u;
        char text[37];

        ck_assert(uuid_read("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &u));
        uuid_write(&u, text);
        ck_assert_str_eq(text, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        ck_assert(!uuid_read("6ba7b810-9dad-11d1-80b4-00c04fd430c", &u));
        ck_assert(!uuid_read("6ba7b8109dad-11d1-80b4-00c04fd430c8-", &u));
        ck_assert(!uuid_read("6ba7b810-9dad-11d1-80b4-00c04fd430cg", &u));
        u = uuid_random();
        ck_assert_int_eq(u.bytes[6] >> 4, 4);
        ck_assert_int_eq(u.bytes[8] >> 6, 2);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("message");
        TCase *t = tcase_create("message");
        SRunner *runner;
        int failed;

        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_loop_test(t, every_message_round_trips, 0, (int)message_infos_count);
        tcase_add_loop_test(t, numbers_are_unique_and_found, 0, (int)message_infos_count);
        tcase_add_test(t, words_and_texts_are_checked);
        tcase_add_test(t, caps_hold_on_both_sides);
        tcase_add_test(t, only_values_of_an_enumeration_pass);
        tcase_add_test(t, descriptors_must_match);
        tcase_add_test(t, errors_cross_and_cannot_say_done);
        tcase_add_test(t, an_error_cannot_forge_a_line);
        tcase_add_test(t, printable_is_printable);
        tcase_add_test(t, uuids_read_and_write);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
