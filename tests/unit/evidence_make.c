/* SPDX-License-Identifier: Apache-2.0 */
/* A software stand-in for integrity-mgr and its TPM, which does as it is told. */
#include "tests/unit/evidence_make.h"
#include "lib/document.h"
#include "proof/commitment.h"
#include "proof/merkle.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint8_t good_challenge[PLAN_CHALLENGE_LEN] = "challenge-of-20-byte";

EVP_PKEY *plan_key(void)
{
        return EVP_EC_gen("P-256");
}

struct plan plan_good(EVP_PKEY *key)
{
        return (struct plan){
                .key = key,
                .key_type = 0x0023,
                .name_alg = 0x000b,
                .scheme = 0x0018,
                .scheme_hash = 0x000b,
                .curve = 0x0003,
                .attributes = 0x00050072, /* sign, restricted, userWithAuth, the three */
                .magic = 0xff544347,
                .type = 0x8018,
                .clock = 5000,
                .resets = 4,
                .restarts = 2,
                .safe = 1,
                .selections = 1,
                .bank = 0x000b,
                .select_len = 3,
                .quoted = 1u << 0 | 1u << 4 | 1u << 16,
                .signature_scheme = 0x0018,
                .signature_hash = 0x000b,
                .alg = HASH_SHA256,
                .descriptor = "<attestation-desc><attestation type=\"tpm-based\"><measurement-desc "
                              "type=\"tpm\"><measureTarget dest=\"PCR16\" name=\"disk:/a\">"
                              "</measureTarget><measureTarget dest=\"LOG\" name=\"disk:/b\">"
                              "</measureTarget></measurement-desc><attestTarget name=\"PCR0,PCR4\">"
                              "</attestTarget></attestation></attestation-desc>",
                .measurements =
                        {"<measurement plugin=\"disk\" target=\"disk:/a\" version=\"1\"><node "
                         "id=\"disk:/a\" type=\"disk\"><value name=\"digest\">sha256:aa</value>"
                         "</node></measurement>",
                         "<measurement plugin=\"disk\" target=\"disk:/b\" version=\"1\"><node "
                         "id=\"disk:/b\" type=\"disk\"><value name=\"digest\">sha256:bb</value>"
                         "</node></measurement>"},
                .measurements_count = PLAN_TARGETS,
                .extended = 1,
                .shown = 1u << 0 | 1u << 4 | 1u << 16,
                .challenge = {good_challenge, sizeof good_challenge},
                .batch = 1,
                .log_before = PLAN_LOG_BEFORE,
                .from = PLAN_LOG_SEEN,
        };
}

static void sized(struct buffer *b, const void *bytes, size_t len)
{
        buffer_u16(b, (uint16_t)len);
        buffer_add(b, bytes, len);
}

static struct bytes kept(struct buffer *b, struct arena *a)
{
        struct bytes out = {arena_copy(a, b->data, b->len), b->len};

        buffer_clear(b);
        return out;
}

static struct bytes make_public(const struct plan *p, struct arena *a)
{
        struct buffer b = BUFFER_INIT(4096);
        uint8_t point[65];
        size_t len;

        EVP_PKEY_get_octet_string_param(p->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len);
        buffer_u16(&b, p->key_type);
        buffer_u16(&b, p->name_alg);
        buffer_u32(&b, p->attributes);
        sized(&b, "", 0);
        buffer_u16(&b, 0x0010);
        buffer_u16(&b, p->scheme);
        buffer_u16(&b, p->scheme_hash);
        buffer_u16(&b, p->curve);
        buffer_u16(&b, 0x0010);
        sized(&b, point + 1, 32);
        sized(&b, point + 33, 32);
        return kept(&b, a);
}

static void make_pcrs(const struct plan *p, struct digest pcrs[static PCR_COUNT])
{
        for (int i = 0; i < PCR_COUNT; i++)
                pcrs[i] = digest_of(p->alg, "pcr", 3 + (i == 4)); /* PCR 4 is another one */
        pcrs[16] = (struct digest){.alg = p->alg};
        for (size_t i = 0; i < p->extended && i < p->measurements_count; i++) {
                struct digest d = digest_of(p->alg, p->measurements[i], strlen(p->measurements[i]));

                pcrs[16] = digest_extend(&pcrs[16], &d);
        }
}

static struct bytes make_attest(const struct plan *p, const struct digest *root,
                                const struct digest *pcrs, struct arena *a)
{
        struct hash *h = hash_begin(HASH_SHA256);
        struct buffer b = BUFFER_INIT(4096);
        struct digest d;

        buffer_u32(&b, p->magic);
        buffer_u16(&b, p->type);
        sized(&b, "\x00\x0bqualified signer of 34 bytes....", 34);
        if (p->extra.data)
                sized(&b, p->extra.data, p->extra.len);
        else
                sized(&b, root->bytes, hash_size(root->alg));
        buffer_u64(&b, p->clock);
        buffer_u32(&b, p->resets);
        buffer_u32(&b, p->restarts);
        buffer_u8(&b, p->safe);
        buffer_u64(&b, 0x2020010100000000);
        buffer_u32(&b, p->selections);
        for (uint32_t i = 0; i < p->selections && i < 17; i++) {
                buffer_u16(&b, p->bank);
                buffer_u8(&b, p->select_len);
                for (int k = 0; k < p->select_len; k++)
                        buffer_u8(&b, k < 4 ? (uint8_t)(p->quoted >> 8 * k) : 0);
        }
        for (int i = 0; i < PCR_COUNT; i++)
                if (p->quoted >> i & 1)
                        hash_add(h, pcrs[i].bytes, hash_size(pcrs[i].alg));
        d = hash_end(h);
        sized(&b, d.bytes, 32);
        if (p->cut)
                b.len -= (size_t)p->cut < b.len ? (size_t)p->cut : b.len;
        for (long i = 0; i < p->trailing; i++)
                buffer_u8(&b, 0);
        return kept(&b, a);
}

static struct bytes make_signature(const struct plan *p, struct bytes attest, struct arena *a)
{
        EVP_PKEY *key = p->signer ? p->signer : p->key;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
        struct digest d = digest_of(HASH_SHA256, attest.data, attest.len);
        struct buffer b = BUFFER_INIT(4096);
        uint8_t der[80], number[32];
        const uint8_t *at = der;
        size_t len = sizeof der;
        ECDSA_SIG *sig;

        EVP_PKEY_sign_init(ctx);
        EVP_PKEY_sign(ctx, der, &len, d.bytes, 32);
        EVP_PKEY_CTX_free(ctx);
        sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
        buffer_u16(&b, p->signature_scheme);
        buffer_u16(&b, p->signature_hash);
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), number, 32);
        sized(&b, number, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), number, 32);
        sized(&b, number, 32);
        ECDSA_SIG_free(sig);
        return kept(&b, a);
}

static void entry_random(uint64_t index, uint8_t out[static 32])
{
        struct digest d = digest_of(HASH_SHA256, &index, sizeof index);

        memcpy(out, d.bytes, 32);
}

/* The log index of measurement i, and the measurement at that index of the log. */
static uint64_t in_log(const struct plan *p, uint64_t i)
{
        return p->log_reversed ? p->measurements_count - 1 - i : i;
}

/* fd: an empty file, for its hashes. */
static struct merkle *make_log(const struct plan *p, int fd)
{
        struct merkle *log = merkle_new_in(p->alg, fd);

        for (uint64_t i = 0; i < p->log_before + p->measurements_count; i++) {
                const char *node = i < p->log_before
                                           ? "<event></event>"
                                           : p->measurements[in_log(p, i - p->log_before)];
                uint8_t random[32];
                struct digest d;

                entry_random(i, random);
                d = commitment_of(p->alg, random,
                                  (struct bytes){(const uint8_t *)node, strlen(node)});
                d = commitment_leaf(&d);
                merkle_append(log, &d);
        }
        return log;
}

static void add_path(struct document *d, const struct merkle_path *path)
{
        for (size_t i = 0; i < path->count; i++) {
                document_open(d, "node");
                document_hex(d, path->nodes[i].bytes, hash_size(path->nodes[i].alg));
                document_close(d);
        }
}

static void hex_attribute(struct document *d, const char *name, const uint8_t *bytes, size_t len)
{
        char text[512];

        hex_write(text, bytes, len);
        document_attribute(d, name, text);
}

static struct bytes make_result(const struct plan *p, const struct merkle *log, struct arena *a)
{
        struct digest root = merkle_root(log, merkle_count(log));
        struct buffer b = BUFFER_INIT(EVIDENCE_MOST);
        struct document d = document_begin(&b);

        document_open(&d, "result");
        document_attribute(&d, "version", "1");
        document_open(&d, "log");
        document_attribute_u64(&d, "length", merkle_count(log));
        hex_attribute(&d, "root", root.bytes, hash_size(root.alg));
        document_close(&d);
        for (size_t i = 0; i < p->measurements_count; i++)
                document_raw(&d, (struct bytes){(const uint8_t *)p->measurements[i],
                                                strlen(p->measurements[i])});
        document_close(&d);
        return kept(&b, a);
}

static void add_blob(struct document *d, const char *name, struct bytes b)
{
        document_open(d, name);
        document_hex(d, b.data, b.len);
        document_close(d);
}

static void add_openings(struct document *d, const struct plan *p, const struct merkle *log)
{
        struct merkle_path path;

        for (uint64_t k = 0; k < p->measurements_count; k++) {
                uint64_t i = p->log_before + in_log(p, k);
                uint8_t random[32];

                entry_random(i, random);
                merkle_inclusion(log, i, merkle_count(log), &path);
                document_open(d, "opening");
                document_attribute_u64(d, "index", i);
                hex_attribute(d, "random", random, 32);
                add_path(d, &path);
                document_close(d);
        }
        if (!p->from)
                return;
        merkle_consistency(log, p->from, merkle_count(log), &path);
        document_open(d, "consistency");
        document_attribute_u64(d, "from", p->from);
        add_path(d, &path);
        document_close(d);
}

static void add_quote(struct document *d, const struct plan *p, const struct made *m,
                      const uint8_t random[static 32], const struct merkle_path *path)
{
        document_open(d, "quote");
        document_attribute(d, "alg", hash_name(p->alg));
        add_blob(d, "ak", m->ak);
        add_blob(d, "attest", m->attest);
        add_blob(d, "signature", m->signature);
        for (int i = 0; i < PCR_COUNT; i++) {
                if (!(p->shown >> i & 1))
                        continue;
                document_open(d, "pcr");
                document_attribute_u64(d, "index", (uint64_t)i);
                document_hex(d, m->pcrs[i].bytes, hash_size(p->alg));
                document_close(d);
        }
        document_open(d, "leaf");
        hex_attribute(d, "challenge", p->challenge.data, p->challenge.len);
        document_attribute_u64(d, "count", p->batch);
        document_attribute_u64(d, "index", p->place);
        hex_attribute(d, "random", random, 32);
        add_path(d, path);
        document_close(d);
        document_close(d);
}

static struct digest make_leaves(const struct plan *p, struct bytes result,
                                 const uint8_t random[static 32], struct merkle_path *path)
{
        int fd = memfd_create("batch", MFD_CLOEXEC);
        struct merkle *batch = merkle_new_in(p->alg, fd);
        struct digest descriptor = digest_of(p->alg, p->descriptor, strlen(p->descriptor));
        struct digest found = digest_of(p->alg, result.data, result.len), root;

        for (uint64_t i = 0; i < p->batch; i++) {
                struct digest other = digest_of(p->alg, &i, sizeof i);
                struct digest own = commitment_request(random, p->challenge, &descriptor, &found);

                merkle_append(batch, i == p->place ? &own : &other);
        }
        root = merkle_root(batch, p->batch);
        merkle_inclusion(batch, p->place, p->batch, path);
        merkle_free(batch);
        close(fd);
        return root;
}

static struct trust make_trust(const struct plan *p, const struct made *m, const struct merkle *log,
                               struct arena *a)
{
        struct digest name = digest_of(HASH_SHA256, m->ak.data, m->ak.len);
        uint8_t *full = arena_get(a, 34);

        full[1] = 0x0b;
        memcpy(full + 2, name.bytes, 32);
        return (struct trust){
                .host = digest_of(HASH_SHA256, "ek", 2),
                .ak_public = m->ak,
                .ak_name = {full, 34},
                .enrolled = "no",
                .reset_count = 4,
                .restart_count = 2,
                .clock = 4000,
                .log_length = PLAN_LOG_SEEN,
                .log_root = merkle_root(log, PLAN_LOG_SEEN),
                .alg = p->alg,
        };
}

struct made plan_make(const struct plan *p, struct arena *a)
{
        int fd = memfd_create("log", MFD_CLOEXEC);
        struct merkle *log = make_log(p, fd);
        struct bytes result = make_result(p, log, a);
        struct buffer b = BUFFER_INIT(EVIDENCE_MOST);
        struct document d = document_begin(&b);
        static const uint8_t random[32] = "thirty-two bytes of randomness..";
        struct merkle_path path;
        struct digest root = make_leaves(p, result, random, &path);
        struct made m = {.ak = make_public(p, a)};

        make_pcrs(p, m.pcrs);
        m.attest = p->attest.data ? p->attest : make_attest(p, &root, m.pcrs, a);
        m.signature = make_signature(p, m.attest, a);
        m.trust = make_trust(p, &m, log, a);
        document_open(&d, "evidence");
        document_attribute(&d, "kind", "host");
        document_attribute(&d, "version", "1");
        document_raw(&d, (struct bytes){(const uint8_t *)p->descriptor, strlen(p->descriptor)});
        document_raw(&d, result);
        add_quote(&d, p, &m, random, &path);
        add_openings(&d, p, log);
        document_close(&d);
        m.text = kept(&b, a);
        merkle_free(log);
        close(fd);
        return m;
}
