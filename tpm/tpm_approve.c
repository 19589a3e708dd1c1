/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the host, and the approvals that the site key has signed for it
 * (docs/constructions.md, "The policy of a sealed object"). `host approve` and every unseal come
 * here.
 */
#include "lib/io.h"
#include "tpm/site_key.h"
#include "tpm/tpm_internal.h"
#include "tpm/tpm_policy.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { PASSPHRASE_MOST = 1024, PASSPHRASE_WAIT = 10 * 1000 };

/* --- the state of the host ------------------------------------------------------------------- */

static enum status static_step(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        struct tpm_static_rep *out = rep;
        enum status s =
                tpm_read_pcrs(t, a, t->keys.static_pcrs, &out->pcrs.items, &out->pcrs.count);

        (void)req;
        if (!s)
                s = tpm_counter_read(t, &t->epoch, KEYS_EPOCH, &out->epoch);
        return s;
}

enum status tpm_static(struct tpm *t, struct arena *a, struct tpm_static_rep *rep_out)
{
        enum status s = tpm_in_use(t);

        return s ? s : tpm_run(t, static_step, a, NULL, rep_out);
}

/* How many PCRs differ from those of the approval, and the first of them in *at; SIZE_MAX if the
 * approval is for another set of PCRs. */
static size_t differences(const struct approval *approval, const struct pcr_value *now,
                          size_t count, size_t *at)
{
        size_t differ = 0;

        if (approval->pcrs.count != count)
                return SIZE_MAX;
        for (size_t i = count; i-- > 0;) {
                if (approval->pcrs.items[i].pcr != now[i].pcr)
                        return SIZE_MAX;
                if (!digest_equal(&approval->pcrs.items[i].value, &now[i].value)) {
                        differ++;
                        *at = i;
                }
        }
        return differ;
}

static enum status none_fits(const struct tpm *t, const struct tpm_static_rep *now)
{
        static const char remedy[] = "if this state of the host is wanted: bulkhead host approve";
        char expected[DIGEST_HEX], found[DIGEST_HEX];
        size_t best = 0, fewest = SIZE_MAX, at = 0, best_at = 0, n;

        for (size_t i = 0; i < t->approvals_count; i++) {
                n = differences(&t->approvals[i], now->pcrs.items, now->pcrs.count, &at);
                if (n < fewest) {
                        fewest = n;
                        best = i;
                        best_at = at;
                }
        }
        if (fewest == SIZE_MAX)
                return FAIL(ST_NOT_APPROVED, .subject = "the state of this host",
                            .expected = "an approval of its static PCRs", .found = "none",
                            .remedy = remedy);
        if (!fewest)
                return FAIL(ST_NOT_APPROVED, .subject = "the epoch of this host",
                            .expected = FMT("at most %llu",
                                            (unsigned long long)t->approvals[best].epoch),
                            .found = FMT("%llu: that approval was retired",
                                         (unsigned long long)now->epoch),
                            .remedy = remedy);
        digest_hex(&t->approvals[best].pcrs.items[best_at].value, expected);
        digest_hex(&now->pcrs.items[best_at].value, found);
        return FAIL(ST_NOT_APPROVED,
                    .subject =
                            FMT("PCR %u (%zu of the approved PCRs differ; approval %zu of %zu)",
                                now->pcrs.items[best_at].pcr, fewest, best + 1, t->approvals_count),
                    .expected = expected, .found = found, .remedy = remedy);
}

enum status tpm_approval_fitting(struct tpm *t, const struct approval **out)
{
        struct arena *a = arena_new();
        struct tpm_static_rep now = {.epoch = 0};
        enum status s = static_step(t, a, NULL, &now);
        size_t at;

        *out = NULL;
        for (size_t i = 0; !s && i < t->approvals_count && !*out; i++)
                if (!differences(&t->approvals[i], now.pcrs.items, now.pcrs.count, &at) &&
                    now.epoch <= t->approvals[i].epoch)
                        *out = &t->approvals[i];
        if (!s && !*out)
                s = none_fits(t, &now);
        arena_free(a);
        return s;
}

/* --- what is to be signed -------------------------------------------------------------------- */

bool tpm_blank(const struct digest *d)
{
        size_t same = 1;

        if (d->bytes[0] != 0x00 && d->bytes[0] != 0xff)
                return false;
        while (same < hash_size(d->alg) && d->bytes[same] == d->bytes[0])
                same++;
        return same == hash_size(d->alg);
}

static enum status check_state(const struct tpm *t, const struct pcr_value *pcrs, size_t count)
{
        enum status s = tpm_in_use(t);

        if (s)
                return s;
        if (!tpm_policy_pcrs_good(pcrs, count, t->keys.alg) ||
            tpm_policy_mask(pcrs, count) != t->keys.static_pcrs)
                return FAIL(ST_INVALID, .subject = "PCR values to be approved",
                            .expected =
                                    FMT("the host's static PCRs, mask 0x%06x, ascending, %s",
                                        t->keys.static_pcrs, hash_name((enum hash_alg)t->keys.alg)),
                            .found = FMT("mask 0x%06x", tpm_policy_mask(pcrs, count)),
                            .remedy = "bulkhead status shows the static PCRs");
        for (size_t i = 0; i < count; i++)
                if (tpm_blank(&pcrs[i].value))
                        return FAIL(ST_REFUSED, .subject = FMT("PCR %u", pcrs[i].pcr),
                                    .expected = "a PCR that something was measured into",
                                    .found = "all 00 or all FF",
                                    .remedy = "give the value after a measured boot; is that on in "
                                              "the firmware's set-up?");
        return ST_DONE;
}

static void what_to_sign(const struct tpm *t, const struct pcr_value *pcrs, size_t count,
                         uint64_t epoch, uint8_t out[static TPM_POLICY_TO_SIGN])
{
        struct digest state = tpm_policy_state(pcrs, count, &t->epoch_name, epoch);

        tpm_policy_to_sign(&state, out);
}

enum status tpm_approval(struct tpm *t, struct arena *a, const struct tpm_approval_req *req,
                         struct tpm_approval_rep *rep_out)
{
        uint8_t to_sign[TPM_POLICY_TO_SIGN];
        enum status s = check_state(t, req->pcrs.items, req->pcrs.count);

        if (s)
                return s;
        what_to_sign(t, req->pcrs.items, req->pcrs.count, req->epoch, to_sign);
        rep_out->to_sign = (struct bytes){arena_copy(a, to_sign, sizeof(to_sign)), sizeof(to_sign)};
        return ST_DONE;
}

/* --- approving ------------------------------------------------------------------------------- */

static enum status bad_passphrase(const char *found)
{
        return FAIL(ST_INVALID, .subject = "the site key's passphrase",
                    .expected = "1 to 1024 bytes, on a pipe that is closed after them",
                    .found = found);
}

/* The passphrase is hashed, so that any length fits. TPMs drop trailing zero bytes of an authValue,
 * so the last byte is made not to be zero. */
enum status tpm_passphrase(int fd, TPM2B_AUTH *auth_out)
{
        uint8_t text[PASSPHRASE_MOST + 1];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        const int64_t deadline = deadline_in(PASSPHRASE_WAIT); /* for all of it */
        enum status s = ST_DONE;
        struct digest d;
        size_t len = 0;
        ssize_t r = 1;

        while (!s && r && len < sizeof(text)) {
                if (poll(&p, 1, deadline_left(deadline)) == 0)
                        s = FAIL(ST_TIMEOUT, .subject = "the site key's passphrase",
                                 .found = "nothing came through its pipe", .remedy = "repeat");
                else if ((r = read(fd, text + len, sizeof(text) - len)) > 0)
                        len += r;
                else if (r < 0 && errno != EINTR)
                        s = bad_passphrase(strerror(errno));
        }
        if (!s && (!len || len > PASSPHRASE_MOST))
                s = bad_passphrase(len ? "more" : "none");
        if (!s) {
                d = digest_of(HASH_SHA256, text, len);
                d.bytes[31] |= 1;
                auth_out->size = 32;
                memcpy(auth_out->buffer, d.bytes, 32);
                explicit_bzero(&d, sizeof(d));
        }
        explicit_bzero(text, sizeof(text));
        return s;
}

struct approving {
        const TPM2B_AUTH *auth; /* of the site key in the TPM; NULL: signed elsewhere */
        const uint8_t *to_sign;
        uint64_t epoch;
        TPMT_SIGNATURE *signature;
};

static enum status sign_here(struct tpm *t, const struct approving *job)
{
        TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
        TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
        struct digest d = digest_of(HASH_SHA256, job->to_sign, TPM_POLICY_TO_SIGN);
        TPM2B_DIGEST hashed = {.size = 32};
        TPMT_SIGNATURE *signature = NULL;
        ESYS_TR key;
        enum status s = tpm_load(t, t->keys.site_public, t->keys.site_private, &key);
        TSS2_RC rc;

        if (s)
                return s;
        tpm_hold(t, key);
        memcpy(hashed.buffer, d.bytes, 32);
        rc = Esys_TR_SetAuth(t->esys, key, job->auth);
        if (!rc)
                rc = ASK(t, Esys_Sign(t->esys, key, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &hashed,
                                      &scheme, &no_ticket, &signature));
        tpm_drop(t, key);
        if (tpm_code(rc) == TPM2_RC_AUTH_FAIL)
                return FAIL(ST_DENIED, .subject = "the site key", .expected = "its passphrase",
                            .found = "another one",
                            .remedy = "try again; each failure counts towards the TPM's lockout");
        if (rc)
                return tpm_failed(rc, "signing with the site key");
        *job->signature = *signature;
        Esys_Free(signature);
        return ST_DONE;
}

static enum status approve(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const struct approving *job = req;
        uint64_t now;
        enum status s = tpm_counter_read(t, &t->epoch, KEYS_EPOCH, &now);

        (void)a, (void)rep;
        if (s)
                return s;
        if (job->epoch < now)
                return FAIL(ST_REFUSED, .subject = "an approval",
                            .expected = FMT("epoch %llu or later", (unsigned long long)now),
                            .found = FMT("%llu, which was retired", (unsigned long long)job->epoch),
                            .remedy = "bulkhead host approve");
        return job->auth ? sign_here(t, job) : ST_DONE;
}

/* Keeps the same approvals as integrity-mgr: one for each state, and of too many the newest. */
static void remember(struct tpm *t, const struct approval *approval)
{
        struct approval *to;
        size_t n = 0, at;

        for (size_t i = 0; i < t->approvals_count; i++)
                if (differences(&t->approvals[i], approval->pcrs.items, approval->pcrs.count, &at))
                        t->approvals[n++] = t->approvals[i];
        if (n == APPROVALS_MOST)
                memmove(t->approvals, t->approvals + 1, --n * sizeof(*t->approvals));
        t->approvals_count = n + 1;
        to = &t->approvals[n];
        *to = *approval;
        to->pcrs.items = arena_copy(t->kept, approval->pcrs.items,
                                    approval->pcrs.count * sizeof(struct pcr_value));
        to->signature.data = arena_copy(t->kept, approval->signature.data, approval->signature.len);
}

enum status tpm_approve(struct tpm *t, struct arena *a, const struct tpm_approve_req *req,
                        struct tpm_approve_rep *rep_out)
{
        uint8_t to_sign[TPM_POLICY_TO_SIGN];
        struct approval *made = &rep_out->approval;
        TPMT_SIGNATURE signature;
        TPM2B_AUTH auth = {0};
        bool here = !req->signature.len;
        struct approving job = {here ? &auth : NULL, to_sign, req->epoch, &signature};
        enum status s = check_state(t, req->pcrs.items, req->pcrs.count);

        if (s)
                return s;
        if (here && !t->keys.site_private.len)
                return FAIL(ST_INVALID, .subject = "an approval",
                            .expected = "a signature made where the site key is",
                            .remedy = "bulkhead host approve --print FILE writes what to sign");
        what_to_sign(t, req->pcrs.items, req->pcrs.count, req->epoch, to_sign);
        s = here ? tpm_passphrase(req->passphrase, &auth)
                 : site_key_signature(req->signature, &signature);
        if (!s)
                s = tpm_run(t, approve, NULL, &job, NULL);
        explicit_bzero(&auth, sizeof(auth));
        if (s)
                return s;
        if (!site_key_verifies(&t->site.publicArea, (struct bytes){to_sign, sizeof(to_sign)},
                               &signature))
                return FAIL(ST_REFUSED, .subject = "an approval",
                            .expected = "the site key's signature over what is to be signed",
                            .found = "one that does not verify",
                            .remedy =
                                    "sign with the site key of this host what --print writes, and "
                                    "repeat its --pcr and --image with --signature");
        made->pcrs.count = req->pcrs.count;
        made->pcrs.items =
                arena_copy(a, req->pcrs.items, req->pcrs.count * sizeof(struct pcr_value));
        made->epoch = req->epoch;
        made->signature = tpm_signature_bytes(a, &signature);
        made->time = 0;
        made->approver = (struct principal){.kind = PRINCIPAL_NOBODY, .name = ""};
        remember(t, made);
        return ST_DONE;
}

/* Names the epoch that ends, since tpm_run() may run it twice, and an answer may get lost: epochs
 * that were approved ahead must not end with it. */
static enum status retire(struct tpm *t, struct arena *a, const void *req, void *rep)
{
        const uint64_t *ends = req;
        uint64_t *epoch = rep;
        enum status s = tpm_counter_read(t, &t->epoch, KEYS_EPOCH, epoch);

        (void)a;
        if (!s && *epoch == *ends)
                s = tpm_counter_increment(t, t->epoch);
        if (!s)
                s = tpm_counter_read(t, &t->epoch, KEYS_EPOCH, epoch);
        if (!s && *epoch != *ends + 1)
                s = FAIL(ST_WRONG_STATE, .subject = "the epoch of this host",
                         .expected = FMT("%llu, which is to end", (unsigned long long)*ends),
                         .found = FMT("%llu", (unsigned long long)*epoch),
                         .remedy = "bulkhead host approvals");
        return s;
}

enum status tpm_retire(struct tpm *t, const struct tpm_retire_req *req,
                       struct tpm_retire_rep *rep_out)
{
        enum status s = tpm_in_use(t);

        if (s)
                return s;
        s = tpm_run(t, retire, NULL, &req->epoch, &rep_out->epoch);
        /* The AK opens in approved states only: what was loaded before has no claim any more. */
        tpm_disconnect(t);
        explicit_bzero(&t->ak_auth, sizeof(t->ak_auth));
        return s;
}
