/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole verifier, on evidence made in software: good evidence is trusted, and each thing that
 * can be wrong with it turns exactly the checks red that are named in its row.
 */
#include "tests/unit/evidence_make.h"
#include "proof/evidence.h"
#include "verifier/kinds/host.h"
#include "xml/descriptor.h"
#include "xml/xml_limits.h"

#include <check.h>
#undef fail /* lib/status.h has one of its own */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Places in a report on a host: its kind's checks, then the predicate. */
enum {
#define CHECK(id, meaning) CHECK_ID_##id,
        HOST_CHECKS(CHECK)
#undef CHECK
                CHECK_ID_predicate
};
static const char *const names[] = {
#define CHECK(id, meaning) #id,
        HOST_CHECKS(CHECK)
#undef CHECK
                "predicate"};

#define RED(id) (1u << CHECK_ID_##id)

static EVP_PKEY *key, *other_key;
static struct arena *arena;
static struct verifier *verifier;

static void begin(void)
{
        verifier = verifier_new();
        key = plan_key();
        other_key = plan_key();
        arena = arena_new();
}

static void end(void)
{
        verifier_free(verifier);
        arena_free(arena);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other_key);
}

/* Says yes to a projection with the digest of disk:/a, and counts its calls in the context. */
static enum status judge(void *context, struct bytes stylesheet, struct bytes projection,
                         struct arena *a, struct judge_rep *out)
{
        unsigned *asked = context;

        (void)a;
        (*asked)++;
        if (!stylesheet.len)
                return FAIL(ST_PREDICATE, .subject = "an empty stylesheet");
        out->answer = memmem(projection.data, projection.len, "sha256:aa", 9) &&
                      stylesheet.data[0] != 'n';
        return ST_DONE;
}

static unsigned asked;

static struct verify_input input_of(const struct made *m, const struct plan *p)
{
        static struct bytes challenge;

        asked = 0;
        challenge = p->challenge;
        return (struct verify_input){.evidence = m->text,
                                     .trust = &m->trust,
                                     .challenge = &challenge,
                                     .judge = judge,
                                     .judge_context = &asked};
}

static unsigned red(const struct verdict *v)
{
        unsigned mask = 0;

        for (size_t i = 0; i < v->checks_count; i++)
                if (v->checks[i].result == CHECK_FAILED)
                        mask |= 1u << (i < CHECK_ID_predicate ? i : CHECK_ID_predicate);
        return mask;
}

static const char *name_of_red(const struct verdict *v)
{
        char *text = arena_print(arena, "red:");

        for (size_t i = 0; i < v->checks_count; i++)
                if (v->checks[i].result == CHECK_FAILED)
                        text = arena_print(arena, "%s %s (%s; %s; %s)", text, v->checks[i].name,
                                           v->checks[i].detail, v->checks[i].expected,
                                           v->checks[i].found);
        return text;
}

static void expect(const struct verify_input *in, unsigned wanted, const char *row)
{
        struct verdict v;

        verify(verifier, in, arena, &v);
        ck_assert_msg(red(&v) == wanted, "%s: wanted %x, %s", row, wanted, name_of_red(&v));
        ck_assert_int_eq(v.trusted, wanted == 0);
}

START_TEST(good_is_trusted)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct verdict v;

        verify(verifier, &in, arena, &v);
        ck_assert_msg(v.trusted, "%s", name_of_red(&v));
        ck_assert_str_eq(v.kind, "host");
        ck_assert_uint_eq(v.checks_count, CHECK_ID_predicate + 1);
        for (size_t i = 0; i < v.checks_count; i++) {
                bool open = i == CHECK_ID_request || i == CHECK_ID_predicate;

                ck_assert_str_eq(v.checks[i].name, names[i]);
                ck_assert_int_eq(v.checks[i].result, open ? CHECK_NOT_MADE : CHECK_PASSED);
        }
        ck_assert(memmem(v.projection.data, v.projection.len, "<pcr alg=\"sha256\" index=\"16\">",
                         29));
}
END_TEST

/* What the reader accepts is what libxml2 calls the exclusive canonical form. */
START_TEST(canonical_by_libxml2)
{
        struct plan p = plan_good(key);
        struct bytes canonical;
        struct evidence e;
        struct made m;
        xmlDoc *doc;

        p.measurements[1] =
                "<measurement plugin=\"disk\" target=\"disk:/b &amp; &lt;>&quot;&#x9;'\" "
                "version=\"1\"><node id=\"\xc3\xa4\" type=\"disk\"><value name=\"a\">&amp;"
                "&lt;&gt;\"'&#xD;\n\t\xf0\x9f\x94\x92</value></node></measurement>";
        m = plan_make(&p, arena);
        ck_assert_int_eq(evidence_read(m.text, arena, &e), ST_DONE);
        ck_assert_str_eq(e.found[1].target, "disk:/b & <>\"\t'");
        ck_assert_int_eq(xml_read(m.text, "evidence", &xml_caps_evidence, &doc), ST_DONE);
        ck_assert_int_eq(xml_canonical(doc, arena, &canonical), ST_DONE);
        ck_assert_uint_eq(canonical.len, m.text.len);
        ck_assert_mem_eq(canonical.data, m.text.data, m.text.len);
        xmlFreeDoc(doc);
}
END_TEST

static void no_trust(struct verify_input *in)
{
        in->trust = NULL;
}

static void no_challenge(struct verify_input *in)
{
        in->challenge = NULL;
}

static void challenge_of(struct verify_input *in, const void *bytes, size_t len)
{
        static struct bytes given;

        given = (struct bytes){bytes, len};
        in->challenge = &given;
}

static void other_challenge(struct verify_input *in)
{
        challenge_of(in, "another challenge...", 20);
}

static void empty_challenge(struct verify_input *in)
{
        challenge_of(in, "", 0);
}

static void zero_challenge(struct verify_input *in)
{
        static const uint8_t zero[20];

        challenge_of(in, zero, sizeof zero);
}

static void prefix_challenge(struct verify_input *in)
{
        challenge_of(in, in->challenge->data, 19);
}

static void long_challenge(struct verify_input *in)
{
        challenge_of(in, "challenge-of-20-byte!", 21);
}

static void request_of(struct verify_input *in, const char *text)
{
        static struct bytes given;

        given = (struct bytes){(const uint8_t *)text, strlen(text)};
        in->request = &given;
}

static void own_request(struct verify_input *in)
{
        request_of(in, "<?xml version='1.0'?><attestation-desc ><attestation type='tpm-based'>"
                       "<measurement-desc type='tpm'><measureTarget name='disk:/a' dest='PCR16'/>"
                       "<measureTarget name='disk:/b' dest='LOG'/></measurement-desc>"
                       "<attestTarget name='PCR0,PCR4'/></attestation></attestation-desc>");
}

static void other_request(struct verify_input *in)
{
        request_of(in, "<attestation-desc><attestation type='tpm-based'>"
                       "<measurement-desc type='tpm'><measureTarget name='disk:/a' dest='PCR16'/>"
                       "<measureTarget name='disk:/b' dest='LOG'/></measurement-desc>"
                       "<attestTarget name='PCR0,PCR4,PCR7'/></attestation></attestation-desc>");
}

static void empty_request(struct verify_input *in)
{
        request_of(in, "");
}

static struct trust changed;

static struct trust *change_trust(struct verify_input *in)
{
        changed = *in->trust;
        in->trust = &changed;
        return &changed;
}

static void counters(struct verify_input *in, uint32_t resets, uint32_t restarts, uint64_t clock)
{
        struct trust *t = change_trust(in);

        t->reset_count = resets;
        t->restart_count = restarts;
        t->clock = clock;
}

static void reset_back(struct verify_input *in)
{
        counters(in, 5, 0, 0);
}

static void restart_back(struct verify_input *in)
{
        counters(in, 4, 3, 0);
}

static void clock_back(struct verify_input *in)
{
        counters(in, 4, 2, 5001);
}

static void clock_back_after_reset(struct verify_input *in)
{
        counters(in, 3, 9, 5001);
}

static void reset_on(struct verify_input *in)
{
        counters(in, 3, 9, 4999);
}

static void reset_wrapped(struct verify_input *in)
{
        counters(in, UINT32_MAX - 1, 0, 0);
}

static void other_host(struct verify_input *in)
{
        struct plan p = plan_good(other_key);

        changed = plan_make(&p, arena).trust;
        in->trust = &changed;
}

static void other_name(struct verify_input *in)
{
        struct trust *t = change_trust(in);

        t->ak_name.data = arena_copy(arena, t->ak_name.data, t->ak_name.len);
        ((uint8_t *)t->ak_name.data)[33] ^= 1;
}

static void other_alg(struct verify_input *in)
{
        struct trust *t = change_trust(in);

        t->alg = HASH_SHA384;
        t->log_length = 0;
}

static void nothing_seen(struct verify_input *in)
{
        change_trust(in)->log_length = 0;
}

static void longer_log_seen(struct verify_input *in)
{
        change_trust(in)->log_length = 8;
}

static void other_log_length_seen(struct verify_input *in)
{
        change_trust(in)->log_length = 2;
}

static void other_log_seen(struct verify_input *in)
{
        change_trust(in)->log_root.bytes[0] ^= 1;
}

static void same_length_seen(struct verify_input *in)
{
        change_trust(in)->log_length = 7;
}

static void policies(struct verify_input *in, size_t count, bool can_judge)
{
        static const struct verify_policy some[] = {{"yes.xsl", {(const uint8_t *)"yes", 3}},
                                                    {"no.xsl", {(const uint8_t *)"no", 2}},
                                                    {"broken.xsl", {NULL, 0}}};

        in->policies = count == 9 ? some + 2 : some;
        in->policies_count = count == 9 ? 1 : count;
        in->judge = can_judge ? judge : NULL;
}

static void policy_yes(struct verify_input *in)
{
        policies(in, 1, true);
}

static void policy_no(struct verify_input *in)
{
        policies(in, 2, true);
}

static void policy_broken(struct verify_input *in)
{
        policies(in, 9, true);
}

static void policy_without_judge(struct verify_input *in)
{
        policies(in, 1, false);
}

/* What the one who verifies knows or wants. */
static const struct {
        const char *row;
        void (*change)(struct verify_input *in);
        unsigned red;
} inputs[] = {
        {"no trust record", no_trust, RED(identity) | RED(counters)},
        {"no challenge", no_challenge, 0},
        {"another session's challenge", other_challenge, RED(challenge)},
        {"empty challenge", empty_challenge, RED(challenge)},
        {"zero challenge", zero_challenge, RED(challenge)},
        {"prefix of the challenge", prefix_challenge, RED(challenge)},
        {"longer challenge", long_challenge, RED(challenge)},
        {"the descriptor that was sent, in another form", own_request, 0},
        {"another descriptor was sent", other_request, RED(request)},
        {"an empty descriptor was sent", empty_request, RED(request)},
        {"reset count went back", reset_back, RED(counters)},
        {"restart count went back", restart_back, RED(counters)},
        {"clock went back", clock_back, RED(counters)},
        {"clock went back over a reset", clock_back_after_reset, RED(counters)},
        {"reset count went on", reset_on, 0},
        {"reset count wrapped", reset_wrapped, 0},
        {"another host's key", other_host, RED(identity)},
        {"another name for the key", other_name, RED(identity)},
        {"another algorithm", other_alg, RED(identity)},
        {"no log remembered", nothing_seen, 0},
        {"log shorter than remembered", longer_log_seen, RED(log)},
        {"no proof from there", other_log_length_seen, RED(log)},
        {"another log remembered", other_log_seen, RED(log)},
        {"same length, another log", same_length_seen, RED(log)},
        {"a predicate that holds", policy_yes, 0},
        {"a second predicate that does not", policy_no, RED(predicate)},
        {"a predicate that cannot be judged", policy_broken, RED(predicate)},
        {"nobody to judge", policy_without_judge, RED(predicate)},
};

START_TEST(input)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);

        inputs[_i].change(&in);
        expect(&in, inputs[_i].red, inputs[_i].row);
}
END_TEST

/* --- what tools do to evidence on its way is named ------------------------------------------- */

static const struct {
        const char *command; /* what does it to a file */
        const char *found;   /* the beginning of what the first check that fails says */
} handlings[] = {
        {"xmllint --format -", "an XML declaration before it"},
        {"xmllint --format - | sed 1d", "blanks between elements"},
        {"xmllint -", "an XML declaration before it"},
        {"xmllint - | sed 1d | tr -d '\\n'", "elements without an end tag"},
        {"sed '$s/$/\\n/'", "a line feed after its end"},
        {"sed 's/^/\\xef\\xbb\\xbf/'", "a byte order mark before it"},
        {"iconv -t UTF-16", "UTF-16"},
        {"sed 's/></>\\r\\n</g'", "line ends of CR and LF"},
        {"sed 's/^/ /'", "blanks before it"},
        {"head -c 1500", "no end: it is cut off"},
        {"sed 's/^/X/'", "no evidence"},
        {"sed 's/<leaf/<leav/'", "\"<leav challenge="},
        {"sed 's/length=\"7\"/length=\"07\"/'", "\"07\""},
};

START_TEST(handled)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        char in_name[] = "/tmp/bulkhead-handled-XXXXXX";
        uint8_t *text = arena_get(arena, 4 * m.text.len + 1);
        const char *found;
        struct verdict v;
        int fd = mkstemp(in_name);
        FILE *pipe;

        ck_assert(fd >= 0 && write(fd, m.text.data, m.text.len) == (ssize_t)m.text.len);
        close(fd);
        pipe = popen(arena_print(arena, "<%s %s", in_name, handlings[_i].command), "r");
        in.evidence = (struct bytes){text, fread(text, 1, 4 * m.text.len, pipe)};
        ck_assert_int_eq(pclose(pipe), 0);
        unlink(in_name);
        verify(verifier, &in, arena, &v);
        ck_assert(!v.trusted);
        found = v.checks[0].found;
        ck_assert_msg(!strncmp(found, handlings[_i].found, strlen(handlings[_i].found)), "%s: %s",
                      handlings[_i].command, found);
}
END_TEST

START_TEST(no_challenge_is_told)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct verdict v;

        in.challenge = NULL;
        verify(verifier, &in, arena, &v);
        ck_assert_int_eq(v.checks[CHECK_ID_challenge].result, CHECK_NOT_MADE);
        ck_assert(strstr(v.checks[CHECK_ID_challenge].detail, "REPLAY"));
        ck_assert(strstr(v.checks[CHECK_ID_identity].detail, "not enrolled"));
}
END_TEST

/* Whoever is strict trusts nothing that was not checked. */
START_TEST(strict)
{
        struct verify_policy policy = {"p", {(const uint8_t *)"yes", 3}};
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct bytes request = {(const uint8_t *)p.descriptor, strlen(p.descriptor)};

        in.strict = true;
        expect(&in, RED(request) | RED(predicate), "nothing given");
        in.request = &request;
        expect(&in, RED(predicate), "a descriptor given");
        in.policies = &policy;
        in.policies_count = 1;
        expect(&in, 0, "all given");
        in.challenge = NULL;
        expect(&in, RED(challenge), "no challenge given");
}
END_TEST

/* --- predicates that the descriptor itself asks for ------------------------------------------ */

#define XSLT "http://www.w3.org/1999/XSL/Transform"
#define XSL(test)                                                                                  \
        "<xsl:stylesheet xmlns:xsl=\"" XSLT "\" version=\"1.0\">"                                  \
        "<xsl:template match=\"/\">" test "</xsl:template></xsl:stylesheet>"
#define ASKING(predicates)                                                                         \
        "<attestation-desc><attestation type=\"tpm-based\"><measurement-desc type=\"tpm\">"        \
        "<measureTarget dest=\"PCR16\" name=\"disk:/a\"></measureTarget><measureTarget "           \
        "dest=\"LOG\" name=\"disk:/b\"></measureTarget></measurement-desc><attestTarget "          \
        "name=\"PCR0,PCR4\"></attestTarget>" predicates "</attestation></attestation-desc>"
#define NAMED(digest) "<predicate digest=\"sha256:" digest "\" ref=\"p\"></predicate>"
/* SHA-256 of "yes", of "no" */
#define YES "8a798890fe93817163b10b5f7bd2ca4d25d84c52739a645a889c173eee7d9d3d"
#define NO "9390298f3fb0c5b160498935d79cb139aef28e1c47358b4bbba61862b9c26e59"

static enum status judge_xsl(void *context, struct bytes stylesheet, struct bytes projection,
                             struct arena *a, struct judge_rep *out)
{
        (*(unsigned *)context)++;
        if (stylesheet.data[0] != '<')
                return judge(context, stylesheet, projection, a, out);
        if (!memmem(stylesheet.data, stylesheet.len, XSLT, sizeof XSLT - 1))
                return FAIL(ST_PREDICATE, .subject = "not canonical");
        out->answer = memmem(stylesheet.data, stylesheet.len, "<true>", 6) != NULL;
        return ST_DONE;
}

static const struct {
        const char *row, *descriptor;
        unsigned red, checks; /* how many are there for predicates */
        const char *found;    /* of the first predicate's */
} askings[] = {
        {"inline, yes", ASKING("<predicate>" XSL("<true></true>") "</predicate>"), 0, 1, ""},
        {"inline, no", ASKING("<predicate>" XSL("<false></false>") "</predicate>"), RED(predicate),
         1, ""},
        {"yes and no",
         ASKING("<predicate>" XSL("<true></true>") "</predicate><predicate>" XSL(
                 "<false></false>") "</predicate>"),
         RED(predicate), 2, ""},
        {"by reference, yes", ASKING(NAMED(YES)), 0, 1, ""},
        {"by reference, no", ASKING(NAMED(NO)), RED(predicate), 1, ""},
        {"of a digest that nobody has",
         ASKING(NAMED("00000000fe93817163b10b5f7bd2ca4d25d84c52739a645a889c173eee7d9d3d")),
         RED(predicate), 1, "sha256:" NO},
        {"of a name that nobody has",
         ASKING("<predicate digest=\"sha256:" YES "\" ref=\"q\"></predicate>"), RED(predicate), 1,
         "no predicate of that name"},
};

START_TEST(asking)
{
        static const struct verify_policy library[] = {{"p", {(const uint8_t *)"yes", 3}},
                                                       {"p", {(const uint8_t *)"no", 2}}};
        struct plan p = plan_good(key);
        struct verify_input in;
        struct verdict v;
        struct made m;

        p.descriptor = askings[_i].descriptor;
        m = plan_make(&p, arena);
        in = input_of(&m, &p);
        in.judge = judge_xsl;
        in.library = library;
        in.library_count = sizeof library / sizeof *library;
        expect(&in, askings[_i].red, askings[_i].row);
        verify(verifier, &in, arena, &v);
        ck_assert_uint_eq(v.checks_count, CHECK_ID_predicate + askings[_i].checks);
        ck_assert_str_eq(v.checks[CHECK_ID_predicate].found, askings[_i].found);
        ck_assert_uint_eq(v.asked.count, askings[_i].checks);
        in.judge = NULL;
        expect(&in, RED(predicate), "nobody judges");
}
END_TEST

static const uint8_t zeros[65];
static const char both_to_16[] =
        "<attestation-desc><attestation type=\"tpm-based\"><measurement-desc type=\"tpm\">"
        "<measureTarget dest=\"PCR16\" name=\"disk:/a\"></measureTarget><measureTarget "
        "dest=\"PCR16\" name=\"disk:/b\"></measureTarget></measurement-desc><attestTarget "
        "name=\"PCR0,PCR4\"></attestTarget></attestation></attestation-desc>";

/* What a host that lies may have signed, field by field. Each row is a statement on the plan p, so
 * that no function needs to be named for it. */
#define PLAN(n, statement)                                                                         \
        static void plan_##n(struct plan *p)                                                       \
        {                                                                                          \
                statement;                                                                         \
        }
#define ALL_PLANS(ROW)                                                                             \
        ROW(not_restricted, p->attributes &= ~0x00010000u, RED(key))                               \
        ROW(not_fixed_tpm, p->attributes &= ~0x00000002u, RED(key))                                \
        ROW(not_fixed_parent, p->attributes &= ~0x00000010u, RED(key))                             \
        ROW(imported, p->attributes &= ~0x00000020u, RED(key))                                     \
        ROW(decrypts, p->attributes |= 0x00020000u, RED(key))                                      \
        ROW(does_not_sign, p->attributes &= ~0x00040000u, RED(key))                                \
        ROW(reserved_bit, p->attributes |= 0x80000000u, RED(key))                                  \
        ROW(software_key, p->attributes = 0x00040040u, RED(key))                                   \
        ROW(ecdaa, p->scheme = 0x001a, RED(key))                                                   \
        ROW(sha1_scheme, p->scheme_hash = 0x0004, RED(key))                                        \
        ROW(rsa_type, p->key_type = 0x0001, RED(key))                                              \
        ROW(name_sha1, p->name_alg = 0x0004, RED(key))                                             \
        ROW(curve_p384, p->curve = 0x0004, RED(key))                                               \
        ROW(other_signer, p->signer = other_key, RED(signature))                                   \
        ROW(signature_ecdaa, p->signature_scheme = 0x001a, RED(signature))                         \
        ROW(signature_sha384, p->signature_hash = 0x000c, RED(signature))                          \
        ROW(magic_zero, p->magic = 0, QUOTE)                                                       \
        ROW(magic_other, p->magic = 0xff544348, QUOTE)                                             \
        ROW(certify, p->type = 0x8017, QUOTE)                                                      \
        ROW(creation, p->type = 0x801a, QUOTE)                                                     \
        ROW(nv, p->type = 0x8014, QUOTE)                                                           \
        ROW(nv_digest, p->type = 0x801c, QUOTE)                                                    \
        ROW(command_audit, p->type = 0x8015, QUOTE)                                                \
        ROW(session_audit, p->type = 0x8016, QUOTE)                                                \
        ROW(time, p->type = 0x8019, QUOTE)                                                         \
        ROW(trailing, p->trailing = 1, QUOTE)                                                      \
        ROW(unsafe_flag, p->safe = 2, QUOTE)                                                       \
        ROW(no_selection, p->selections = 0, QUOTE)                                                \
        ROW(two_selections, p->selections = 2, QUOTE)                                              \
        ROW(seventeen, p->selections = 17, QUOTE)                                                  \
        ROW(count_most, p->selections = UINT32_MAX, QUOTE)                                         \
        ROW(select_short, p->select_len = 2, QUOTE)                                                \
        ROW(select_long, p->select_len = 4, QUOTE)                                                 \
        ROW(bank_sha1, p->bank = 0x0004, QUOTE)                                                    \
        ROW(selection_empty, p->quoted = 0, QUOTE)                                                 \
        ROW(bank_other, p->bank = 0x000c, RED(pcrs))                                               \
        ROW(selection_subset, p->quoted &= ~1u, RED(pcrs))                                         \
        ROW(selection_superset, p->quoted |= 1u << 7, RED(pcrs))                                   \
        ROW(both_subset, p->quoted = p->shown = 1u << 4 | 1u << 16, RED(pcrs))                     \
        ROW(both_superset, p->quoted = p->shown |= 1u << 7, RED(pcrs))                             \
        ROW(shown_subset, p->shown &= ~1u, RED(pcrs))                                              \
        ROW(shown_superset, p->shown |= 1u << 7, RED(pcrs))                                        \
        ROW(shown_shifted, p->quoted = 1u << 16 | 1u << 17;                                        \
            p->shown = 1u << 18 | 1u << 19, RED(pcrs) | RED(destinations))                         \
        ROW(extra_zero, p->extra = ((struct bytes){zeros, 32}), RED(leaf))                         \
        ROW(extra_empty, p->extra = ((struct bytes){(uint8_t *)"", 0}), RED(leaf))                 \
        ROW(extra_challenge, p->extra = p->challenge, RED(leaf))                                   \
        ROW(extra_long, p->extra = ((struct bytes){zeros, 65}), QUOTE)                             \
        ROW(swapped, const char *m = p->measurements[0]; p->measurements[0] = p->measurements[1];  \
            p->measurements[1] = m, RED(measurements))                                             \
        ROW(missing, p->measurements_count = 1, RED(measurements))                                 \
        ROW(more, p->measurements[p->measurements_count++] = p->measurements[1],                   \
            RED(measurements))                                                                     \
        ROW(twice, p->measurements[1] = p->measurements[0], RED(measurements))                     \
        ROW(other_plugin,                                                                          \
            p->measurements[1] = "<measurement plugin=\"luks\" target=\"disk:/b\" version=\"1\">"  \
                                 "<node id=\"b\" type=\"disk\"></node></measurement>",             \
            RED(measurements))                                                                     \
        ROW(none, p->measurements_count = 0, RED(measurements))                                    \
        ROW(no_proof, p->from = 0, RED(log))                                                       \
        ROW(other_proof, p->from = 4, RED(log))                                                    \
        ROW(key_asked,                                                                             \
            p->descriptor =                                                                        \
                    "<attestation-desc><attestation aik=\"0x000b00000000000000\" "                 \
                    "type=\"tpm-based\"><measurement-desc type=\"tpm\"><measureTarget "            \
                    "dest=\"PCR16\" name=\"disk:/a\"></measureTarget><measureTarget dest=\"LOG\" " \
                    "name=\"disk:/b\"></measureTarget></measurement-desc><attestTarget "           \
                    "name=\"PCR0,PCR4\"></attestTarget></attestation></attestation-desc>",         \
            RED(identity))                                                                         \
        ROW(challenge_of_descriptor,                                                               \
            p->descriptor = "<attestation-desc><attestation "                                      \
                            "challenge=\"00112233445566778899aabbccddeeff\" type=\"tpm-based\">"   \
                            "<measurement-desc type=\"tpm\"><measureTarget dest=\"PCR16\" "        \
                            "name=\"disk:/a\"></measureTarget><measureTarget dest=\"LOG\" "        \
                            "name=\"disk:/b\"></measureTarget></measurement-desc><attestTarget "   \
                            "name=\"PCR0,PCR4\"></attestTarget></attestation></attestation-desc>", \
            RED(challenge))                                                                        \
        /* PCRs 0, 1 and 2 have one value: the digest alone does not tell which was quoted. */     \
        ROW(other_pcr_quoted, p->quoted ^= 3, RED(pcrs))                                           \
        ROW(other_pcr_shown, p->shown ^= 3, RED(pcrs))                                             \
        ROW(other_pcr_in_both, p->shown = p->quoted ^= 3, RED(pcrs))                               \
        ROW(clock_back_unsafe, p->clock = 3999; p->safe = 0, RED(counters))                        \
        ROW(clock_back_unsafe_after_reset, p->clock = 3999; p->safe = 0; p->resets = 5, 0)         \
        ROW(log_reversed, p->log_reversed = true, RED(log))                                        \
        ROW(none_extended, p->extended = 0, RED(destinations))                                     \
        ROW(one_too_many_extended, p->extended = 2, RED(destinations))                             \
        ROW(both_to_16, p->descriptor = both_to_16; p->extended = 2, 0)                            \
        ROW(comments_around,                                                                       \
            p->descriptor = arena_print(arena, "<!--a-->\n<!--b-->\n%s\n<!--c-->", p->descriptor), \
            0)                                                                                     \
        ROW(text_after, p->descriptor = arena_print(arena, "%s\n", p->descriptor),                 \
            UINT32_MAX >> (31 - CHECK_ID_predicate))                                               \
        ROW(one_of_both_extended, p->descriptor = both_to_16, RED(destinations))                   \
        ROW(sha384, p->alg = HASH_SHA384; p->bank = 0x000c, 0)                                     \
        ROW(sha384_of_sha256_bank, p->alg = HASH_SHA384, RED(pcrs))                                \
        ROW(batch_of_seven, p->batch = 7; p->place = 6, 0)                                         \
        ROW(batch_of_five_hundred, p->batch = 500; p->place = 499, 0)                              \
        ROW(all_measured_to_log,                                                                   \
            p->descriptor =                                                                        \
                    "<attestation-desc><attestation type=\"tpm-based\"><measurement-desc "         \
                    "type=\"tpm\"><measureTarget dest=\"LOG\" name=\"disk:/a\"></measureTarget>"   \
                    "<measureTarget dest=\"LOG\" name=\"disk:/b\"></measureTarget>"                \
                    "</measurement-desc><attestTarget name=\"PCR0,PCR4\"></attestTarget>"          \
                    "</attestation></attestation-desc>";                                           \
            p->quoted = p->shown = 1u << 0 | 1u << 4, 0)
/* Without a quote, nothing that is compared with it can hold either. */
#define QUOTE (RED(quote) | RED(pcrs) | RED(counters) | RED(leaf))

#define ROW(n, statement, red) PLAN(n, statement)
ALL_PLANS(ROW)
#undef ROW

static const struct {
        const char *row;
        void (*change)(struct plan *p);
        unsigned red;
} plans[] = {
#define ROW(n, statement, red) {#n, plan_##n, red},
        ALL_PLANS(ROW)
#undef ROW
};

START_TEST(plan)
{
        struct plan p = plan_good(key);
        struct verify_input in;
        struct made m;

        plans[_i].change(&p);
        m = plan_make(&p, arena);
        in = input_of(&m, &p);
        /* A key that cannot be used leaves the signature unchecked. */
        expect(&in,
               plans[_i].red == RED(key) ? RED(key) | RED(identity) | RED(signature)
                                         : plans[_i].red,
               plans[_i].row);
}
END_TEST

/* The challenge that evidence carries has 16 to 64 bytes. */
static const size_t challenge_lengths[] = {0, 1, 15, 16, 64, 65};

START_TEST(challenge_length)
{
        static const uint8_t bytes[65] = {1, 2, 3};
        size_t len = challenge_lengths[_i];
        struct plan p = plan_good(key);
        struct verify_input in;
        struct verdict v;
        struct made m;

        p.challenge = (struct bytes){bytes, len};
        m = plan_make(&p, arena);
        in = input_of(&m, &p);
        verify(verifier, &in, arena, &v);
        ck_assert_int_eq(v.trusted, len == 16 || len == 64);
        ck_assert_int_eq(v.checks[0].result == CHECK_FAILED, !v.trusted);
}
END_TEST

/* Signed, but cut short at each byte. */
START_TEST(truncated_attest)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);

        for (long cut = 1; cut <= (long)m.attest.len; cut++) {
                struct made short_one;
                struct verify_input in;

                p.cut = cut;
                short_one = plan_make(&p, arena);
                in = input_of(&short_one, &p);
                expect(&in,
                       cut == (long)m.attest.len ? (1u << (CHECK_ID_predicate + 1)) - 1 : QUOTE,
                       "cut");
                if (cut == (long)m.attest.len)
                        break;
        }
}
END_TEST

/* Edits of the text alone, by somebody between host and verifier. The first occurrence. */
static const struct {
        const char *from, *to;
        unsigned red;
} edits[] = {
        {"sha256:aa", "sha256:ab", RED(leaf) | RED(destinations) | RED(log)},
        {"sha256:bb", "sha256:bc", RED(leaf) | RED(log)},
        {"name=\"PCR0,PCR4\"", "name=\"PCR4\"", RED(leaf) | RED(pcrs)},
        {"dest=\"LOG\"", "dest=\"PCR16\"", RED(leaf) | RED(destinations)},
        {"count=\"1\"", "count=\"2\"", RED(leaf)},
        {"count=\"1\" index=\"0\"", "count=\"2\" index=\"1\"", RED(leaf)},
        {"count=\"1\"", "count=\"0\"", RED(leaf)},
        {"index=\"0\" random", "index=\"1\" random", RED(leaf)},
        {"opening index=\"5\"", "opening index=\"4\"", RED(log)},
        {"opening index=\"6\"", "opening index=\"5\"", RED(log)},
        {"opening index=\"6\"", "opening index=\"7\"", RED(log)},
        {"length=\"7\"", "length=\"8\"", RED(leaf) | RED(log)},
        {"from=\"3\"", "from=\"2\"", RED(log)},
        {"challenge=\"63", "challenge=\"64", RED(challenge) | RED(leaf)},
};

static struct bytes edit(struct bytes text, const char *from, const char *to)
{
        size_t from_len = strlen(from), to_len = strlen(to), before;
        const uint8_t *at = memmem(text.data, text.len, from, from_len);
        uint8_t *out = arena_get(arena, text.len + to_len);

        ck_assert_msg(at != NULL, "%s is not there", from);
        before = (size_t)(at - text.data);
        memcpy(out, text.data, before);
        memcpy(out + before, to, to_len);
        memcpy(out + before + to_len, at + from_len, text.len - before - from_len);
        return (struct bytes){out, text.len - from_len + to_len};
}

START_TEST(edited)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);

        in.evidence = edit(m.text, edits[_i].from, edits[_i].to);
        expect(&in, edits[_i].red, edits[_i].from);
}
END_TEST

/* Edits after which the document is none of its kind, or of none: nothing else is evaluated. */
static const struct {
        const char *from, *to;
} misshapen[] = {
        {"kind=\"host\" version=\"1\"", "kind=\"host\" version=\"2\""},
        {"<evidence ", "<evidence a=\"\" "},
        {"<evidence kind", "<evidence xmlns=\"urn:x\" kind"},
        {"<evidence kind", "<evidence xmlns:x=\"urn:x\" kind"},
        {"<quote alg=\"sha256\">", "<quote alg=\"sha1\">"},
        {"<quote alg=\"sha256\">", "<quote alg=\"sha384\">"},
        {"<quote alg=\"sha256\">", "<quote>"},
        {"<quote alg=\"sha256\">", "<quote alg=\"sha256\" >"},
        {"<quote alg=\"sha256\">", "<quote alg='sha256'>"},
        {"<quote alg=\"sha256\">", "\n<quote alg=\"sha256\">"},
        {"<quote alg=\"sha256\">", "<!-- --><quote alg=\"sha256\">"},
        {"<quote alg=\"sha256\">", "<?x y?><quote alg=\"sha256\">"},
        {"<quote alg=\"sha256\">", "<quote alg=\"sha256\"><ak>00</ak>"},
        {"<evidence ", "<!DOCTYPE evidence><evidence "},
        {"<evidence ", "<?xml version=\"1.0\"?><evidence "},
        {"</evidence>", "</evidence>\n"},
        {"</evidence>", "</evidence><evidence></evidence>"},
        {"</evidence>", "<extra></extra></evidence>"},
        {"</evidence>", ""},
        {"<pcr index=\"4\">", "<pcr index=\"0\">"},
        {"<pcr index=\"4\">", "<pcr index=\"24\">"},
        {"<pcr index=\"4\">", "<pcr index=\"4294967300\">"},
        {"<pcr index=\"4\">", "<pcr index=\"04\">"},
        {"<pcr index=\"0\">", "<pcr index=\"5\">"},
        {"<pcr index=\"0\">", "<pcr index=\"0\">00"},
        {"<log ", "<log a=\"\" "},
        {"<log length=\"7\"", "<log length=\"-1\""},
        {"<log length=\"7\"", "<log length=\"18446744073709551616\""},
        {"<log length=\"7\"", "<log length=\"+7\""},
        {"<value name=\"digest\">sha256:aa</value>", "<value name=\"digest\"><b></b></value>"},
        {"<value name=\"digest\">sha256:aa</value>", "<wert name=\"digest\">sha256:aa</wert>"},
        {"<value name=\"digest\">sha256:aa</value>",
         "<value name=\"digest\">sha256:&#97;a</value>"},
        {"<value name=\"digest\">sha256:aa</value>",
         "<value name=\"digest\"><![CDATA[sha256:aa]]></value>"},
        {"<value name=\"digest\">sha256:aa</value>", "text"},
        {"<node id=\"disk:/a\"", "<node xmlns=\"urn:x\" id=\"disk:/a\""},
        {"<opening index=\"5\"", "<opening index=\"5\" index=\"5\""},
        {"<consistency from=\"3\"", "<consistency from=\"0\""},
        {"<consistency from=\"3\">", "<consistency from=\"3\">x"},
        {"name=\"disk:/b\"></measureTarget>", "name=\"disk:/b\"/>"},
        {"<measureTarget dest=\"LOG\" name", "<measureTarget  dest=\"LOG\" name"},
        {"<attestation-desc>", "<sealing-desc>"},
        {"sha256:aa", "sha256:a\x01"},
        {"sha256:aa", "sha256:a\xff"},
        {"sha256:aa", "sha256:a\xc0\x80"},
        {"sha256:aa", "sha256:a\xed\xa0\x80"},
        {"sha256:aa", "sha256:a&"},
        {"sha256:aa", "sha256:a&apos;"},
        {"sha256:aa", "sha256:a&#xa;"},
        {"sha256:aa", "sha256:a&quot;"},
        {"sha256:aa", "sha256:a>"},
        {"sha256:aa", "sha256:a\r"},
        {"target=\"disk:/a\"", "target=\"disk:/a&gt;\""},
        {"target=\"disk:/a\"", "target=\"disk:/a\t\""},
        {"target=\"disk:/a\"", "target=\"disk:/a<\""},
        {"<measureTarget dest=\"LOG\" name=\"disk:/b\">",
         "<measureTarget dest=\"LOG\" name=\"b\">"},
        {"<attestation-desc>", "<attestation-desc><!-- -->x"},
};

START_TEST(not_of_its_kind)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct verdict v;

        in.evidence = edit(m.text, misshapen[_i].from, misshapen[_i].to);
        policies(&in, 1, true);
        verify(verifier, &in, arena, &v);
        ck_assert_uint_eq(v.checks_count, v.kind ? CHECK_ID_predicate + 1 : 1);
        for (size_t i = 0; i < v.checks_count; i++)
                ck_assert_msg(v.checks[i].result == CHECK_FAILED, "%s: %s", misshapen[_i].to,
                              v.checks[i].name);
        ck_assert(!v.trusted);
        ck_assert_uint_eq(asked, 0);
}
END_TEST

/* Nor does a judge see what is not one measurement a target. */
START_TEST(judge_sees_shape)
{
        struct plan p = plan_good(key);
        struct verify_input in;
        struct made m;

        p.measurements_count = 1;
        m = plan_make(&p, arena);
        in = input_of(&m, &p);
        policies(&in, 1, true);
        expect(&in, RED(measurements) | RED(predicate), "one measurement for two targets");
        ck_assert_uint_eq(asked, 0);
}
END_TEST

/* No bit of a document can be flipped without the verdict falling: what stays valid XML of the
 * same meaning is not canonical any more. */
START_TEST(bits_flipped)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        uint8_t *text = arena_copy(arena, m.text.data, m.text.len);
        struct arena *scratch = arena_new();

        in.evidence.data = text;
        for (size_t bit = (size_t)_i; bit < 8 * m.text.len; bit += 31) {
                struct verdict v;

                text[bit / 8] ^= 1u << bit % 8;
                verify(verifier, &in, scratch, &v);
                ck_assert_msg(!v.trusted, "bit %zu: %.40s", bit, text + bit / 8);
                arena_empty(scratch);
                text[bit / 8] ^= 1u << bit % 8;
        }
        arena_free(scratch);
}
END_TEST

START_TEST(truncated_text)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct verdict v;

        for (size_t len = 0; len < m.text.len; len += 7) {
                in.evidence = (struct bytes){arena_copy(arena, m.text.data, len), len};
                verify(verifier, &in, arena, &v);
                ck_assert(!v.trusted);
        }
}
END_TEST

START_TEST(remembering)
{
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct trust next;
        struct verdict v;

        verify(verifier, &in, arena, &v);
        ck_assert_int_eq(trust_updated(in.trust, &v, &next), ST_DONE);
        ck_assert_uint_eq(next.log_length, 7);
        ck_assert_uint_eq(next.clock, 5000);
        ck_assert(next.log_root.alg == HASH_SHA256);
        in.trust = &next;
        expect(&in, 0, "the same evidence again, with what it taught");
        p.measurements[0] = p.measurements[1]; /* another history of the same length */
        m = plan_make(&p, arena);
        in.evidence = m.text;
        verify(verifier, &in, arena, &v);
        ck_assert(red(&v) & RED(log));
        ck_assert_int_eq(trust_updated(in.trust, &v, &next), ST_UNTRUSTED);
        ck_assert_uint_eq(next.log_length, 7);
}
END_TEST

/* One verifier, two hosts by turns: the key that it keeps is never used for the other. */
START_TEST(kept_key)
{
        struct plan plans_of[2] = {plan_good(key), plan_good(other_key)};
        struct made made[2] = {plan_make(&plans_of[0], arena), plan_make(&plans_of[1], arena)};

        for (int i = 0; i < 6; i++) {
                struct verify_input in = input_of(&made[i % 2], &plans_of[i % 2]);

                expect(&in, 0, "own trust record");
                in.trust = &made[(i + 1) % 2].trust;
                expect(&in, RED(identity), "the other's trust record");
        }
}
END_TEST

/* What evidence says reaches terminals: no control character leaves the verifier. */
START_TEST(no_control_characters)
{
        struct plan p = plan_good(key);
        struct verify_input in;
        struct verdict v;
        struct made m;

        p.measurements[1] =
                "<measurement plugin=\"disk\" target=\"disk:/b&#xA;&#x9;\xc2\x9b\xe2\x80\xae"
                "trusted\" "
                "version=\"1\"><node id=\"b\" type=\"disk\"></node></measurement>";
        m = plan_make(&p, arena);
        in = input_of(&m, &p);
        verify(verifier, &in, arena, &v);
        ck_assert_uint_eq(red(&v), RED(measurements));
        ck_assert_str_eq(v.checks[CHECK_ID_measurements].found, "disk:/b????trusted by disk");
        in.evidence.data = (const uint8_t *)"<evidence kind=\"\xff\xc2\x9b[2J\" version=\"1\">";
        in.evidence.len = strlen((const char *)in.evidence.data);
        verify(verifier, &in, arena, &v);
        ck_assert_str_eq(v.kind, "??[2J");
}
END_TEST

/* --- kinds ----------------------------------------------------------------------------------- */

/* A second kind, which exists here alone: <evidence kind="note">good</evidence>. */
static void note_document(struct work *w, struct check *c)
{
        size_t *len = w->own;
        struct bytes text = w->in->evidence;

        *len = text.len;
        w->readable = w->shape_held = memmem(text.data, text.len, ">good<", 6);
        w->challenge = (struct bytes){(const uint8_t *)"note", 4};
        w->readable ? check_passed(c, "") : check_failed(c, "no good note", "good", "");
}

static void note_size(struct work *w, struct check *c)
{
        if (*(size_t *)w->own < 60)
                check_passed(c, "short");
        else
                check_failed(c, "a long note", "", "");
}

static struct bytes note_projection(struct work *w)
{
        (void)w;
        return (struct bytes){(const uint8_t *)"<projection>sha256:aa</projection>", 34};
}

static void note_learn(const struct work *w, struct trust *trust)
{
        trust->clock = *(size_t *)w->own;
}

static const struct evidence_check note_checks[] = {{"document", "it is a note", note_document},
                                                    {"size", "it is short", note_size}};
static const struct evidence_kind note = {"note",         note_checks,     2,
                                          sizeof(size_t), note_projection, note_learn};

static const struct {
        const char *evidence, *detail; /* of the first check that failed; NULL: trusted */
        const char *expected, *found;
        size_t checks, asked;
} notes[] = {
        {"<evidence kind=\"note\">good</evidence>", NULL, "", "", 3, 1},
        {"<evidence kind=\"note\">bad</evidence>", "no good note", "good", "", 3, 0},
        {"<evidence kind=\"note\">good<!--                         --></evidence>", "a long note",
         "", "", 3, 1},
        {"<evidence kind=\"notes\">good</evidence>",
         "evidence of a kind that this verifier does not know", "host, note", "\"notes\"", 1, 0},
        {"<evidence kind=\"\">good</evidence>",
         "evidence of a kind that this verifier does not know", "host, note", "\"\"", 1, 0},
        {"<evidence>good</evidence>", "it does not begin as evidence does",
         "<evidence kind=\"...\"", "", 1, 0},
        {"", "it does not begin as evidence does", "<evidence kind=\"...\"", "an empty file", 1, 0},
        {"{}", "it does not begin as evidence does", "<evidence kind=\"...\"",
         "no evidence: it does not begin with <evidence", 1, 0},
};

static const struct check *first_failed(const struct verdict *v)
{
        for (size_t i = 0; i < v->checks_count; i++)
                if (v->checks[i].result == CHECK_FAILED)
                        return &v->checks[i];
        return NULL;
}

START_TEST(second_kind)
{
        const struct evidence_kind *const kinds[] = {&evidence_kind_host, &note, NULL};
        struct verifier *both = verifier_new_of(kinds);
        struct trust trust = {.clock = 1, .enrolled = "no"};
        struct verify_input in = {.trust = &trust, .judge = judge, .judge_context = &asked};
        const struct check *failed;
        struct verdict v;

        policies(&in, 1, true);
        asked = 0;
        in.evidence =
                (struct bytes){(const uint8_t *)notes[_i].evidence, strlen(notes[_i].evidence)};
        verify(both, &in, arena, &v);
        failed = first_failed(&v);
        ck_assert_uint_eq(v.checks_count, notes[_i].checks);
        ck_assert_uint_eq(asked, notes[_i].asked);
        ck_assert_int_eq(v.trusted, !notes[_i].detail);
        ck_assert_int_eq(!failed, !notes[_i].detail);
        if (failed) {
                ck_assert_str_eq(failed->detail, notes[_i].detail);
                ck_assert_str_eq(failed->expected, notes[_i].expected);
                ck_assert_str_eq(failed->found, notes[_i].found);
        } else {
                ck_assert_uint_eq(v.seen.clock, in.evidence.len);
        }
        verifier_free(both);
}
END_TEST

/* The same without a trust record: what a kind does not ask for is not needed. */
START_TEST(kinds_beside_each_other)
{
        const struct evidence_kind *const kinds[] = {&note, &evidence_kind_host, NULL};
        struct verifier *both = verifier_new_of(kinds);
        struct plan p = plan_good(key);
        struct made m = plan_make(&p, arena);
        struct verify_input in = input_of(&m, &p);
        struct verdict v;

        verify(both, &in, arena, &v);
        ck_assert(v.trusted);
        in = (struct verify_input){
                .evidence = {(const uint8_t *)notes[0].evidence, strlen(notes[0].evidence)}};
        verify(both, &in, arena, &v);
        ck_assert(v.trusted);
        ck_assert_mem_eq(v.challenge.data, "note", 4);
        verify(verifier, &in, arena, &v); /* which knows what there is */
        ck_assert(!v.trusted);
        ck_assert_str_eq(v.kind, "note");
        ck_assert_str_eq(v.checks[0].expected, EVIDENCE_HOST);
        ck_assert_str_eq(v.checks[0].found, "\"note\"");
        verifier_free(both);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof *(table))

int main(void)
{
        Suite *suite = suite_create("verify");
        TCase *tc = tcase_create("verify");
        SRunner *runner = srunner_create(suite);
        int failures;

        if (descriptor_init("descriptors"))
                return EXIT_FAILURE;
        tcase_add_checked_fixture(tc, begin, end);
        tcase_add_test(tc, good_is_trusted);
        tcase_add_test(tc, canonical_by_libxml2);
        tcase_add_loop_test(tc, input, 0, COUNT(inputs));
        tcase_add_test(tc, no_challenge_is_told);
        tcase_add_test(tc, strict);
        tcase_add_loop_test(tc, handled, 0, sizeof handlings / sizeof *handlings);
        tcase_add_loop_test(tc, asking, 0, sizeof askings / sizeof *askings);
        tcase_add_loop_test(tc, plan, 0, COUNT(plans));
        tcase_add_loop_test(tc, challenge_length, 0, COUNT(challenge_lengths));
        tcase_add_test(tc, truncated_attest);
        tcase_add_loop_test(tc, edited, 0, COUNT(edits));
        tcase_add_loop_test(tc, not_of_its_kind, 0, COUNT(misshapen));
        tcase_add_test(tc, judge_sees_shape);
        tcase_add_loop_test(tc, bits_flipped, 0, 3);
        tcase_add_test(tc, truncated_text);
        tcase_add_test(tc, remembering);
        tcase_add_test(tc, kept_key);
        tcase_add_test(tc, no_control_characters);
        tcase_add_loop_test(tc, second_kind, 0, COUNT(notes));
        tcase_add_test(tc, kinds_beside_each_other);
        suite_add_tcase(suite, tc);
        srunner_run_all(runner, CK_NORMAL);
        failures = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
