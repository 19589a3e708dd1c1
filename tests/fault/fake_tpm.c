/* SPDX-License-Identifier: Apache-2.0 */
/* What tpm_worker would answer. A blob is the binding and the secret, in clear. */
#include "tests/fault/fake_tpm.h"
#include "integrity-mgr/tpm_client.h"
#include "tests/fault/fault.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

struct fake_tpm *fake_tpm;
void (*fake_tpm_while_sealing)(void);

void fake_tpm_new(void)
{
        fake_tpm = mmap(NULL, sizeof *fake_tpm, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
}

void tpm_client_use(const struct tpm_use_req *use)
{
        (void)use;
}

static enum status gone(void)
{
        return FAIL(ST_TPM, .subject = "the TPM", .found = "gone");
}

static enum status mac(const struct tpm_table_mac_req *q, struct tpm_table_mac_rep *p)
{
        unsigned len = 0;

        p->mac.alg = HASH_SHA256;
        HMAC(EVP_sha256(), "fake", 4, q->table.data, q->table.len, p->mac.bytes, &len);
        return ST_DONE;
}

static enum status known(struct tpm_table_known_rep *p)
{
        p->counter = fake_tpm->counter;
        p->table = fake_tpm->known;
        return ST_DONE;
}

static enum status commit(const struct tpm_table_commit_req *q)
{
        bool written = digest_equal(&fake_tpm->known, &q->table);

        if (fake_tpm->counter != q->counter && fake_tpm->counter + 1 != q->counter)
                return FAIL(ST_DAMAGED, .subject = "the fake TPM's counter");
        if (!written && (!(digest_equal(&fake_tpm->known, &q->before) ||
                           (!fake_tpm->known.alg && !q->before.alg)) ||
                         fake_tpm->counter == q->counter))
                return FAIL(ST_DAMAGED, .subject = "the fake TPM's digest");
        if (fault_point())
                return gone();
        fake_tpm->known = q->table;
        if (fault_point())
                return gone();
        fake_tpm->counter = q->counter;
        return fault_point() ? gone() : ST_DONE; /* done, and the answer lost */
}

static struct bytes keep(struct arena *a, const void *p, size_t len)
{
        return (struct bytes){arena_copy(a, p, len), len};
}

static enum status seal(const struct tpm_seal_req *q, struct tpm_seal_rep *p, struct arena *a)
{
        uint8_t secret[32];

        if (fake_tpm_while_sealing)
                fake_tpm_while_sealing();
        if (fault_point() || read(q->secret, secret, 32) != 32)
                return gone();
        p->blob_public = keep(a, q->binding.bytes, 32);
        p->blob_private = keep(a, secret, 32);
        return ST_DONE;
}

static enum status opens(struct bytes blob_public, const struct digest *binding)
{
        if (blob_public.len != 32 || memcmp(blob_public.data, binding->bytes, 32) != 0)
                return FAIL(ST_CHANGED, .subject = "the fake TPM", .found = "another binding");
        return ST_DONE;
}

static enum status unseal(const struct tpm_unseal_req *q)
{
        enum status s = opens(q->blob_public, &q->binding);

        if (!s && writev(q->secret, &(struct iovec){(void *)q->blob_private.data, 32}, 1) != 32)
                return gone();
        return s;
}

static enum status reseal(const struct tpm_reseal_req *q, struct tpm_reseal_rep *p, struct arena *a)
{
        p->new_public = keep(a, q->new_binding.bytes, 32);
        p->new_private = q->blob_private;
        return fault_point() ? gone() : opens(q->blob_public, &q->binding);
}

static enum status attest(const struct tpm_attest_req *q, struct tpm_attest_rep *p)
{
        fake_tpm->attested = *q;
        *p = (struct tpm_attest_rep){};
        return ST_DONE;
}

enum status tpm_client_call_until(enum tpm_rank rank, int64_t deadline, struct call call,
                                  struct arena *a)
{
        (void)rank, (void)deadline;
        return tpm_client_call(call, a);
}

enum status tpm_client_call(struct call call, struct arena *a)
{
        fake_tpm->calls++;
        if (fake_tpm->gone)
                return gone();
        switch (call.number) {
        case MESSAGE_tpm_table_mac:
                return mac(call.request, call.reply);
        case MESSAGE_tpm_table_known:
                return known(call.reply);
        case MESSAGE_tpm_table_there:
                ((struct tpm_table_there_rep *)call.reply)->there = fake_tpm->known.alg;
                return ST_DONE;
        case MESSAGE_tpm_table_commit:
                return commit(call.request);
        case MESSAGE_tpm_attest:
                return attest(call.request, call.reply);
        case MESSAGE_tpm_seal:
                return seal(call.request, call.reply, a);
        case MESSAGE_tpm_unseal:
                return unseal(call.request);
        case MESSAGE_tpm_reseal:
                return reseal(call.request, call.reply, a);
        default:
                return FAIL(ST_UNSUPPORTED, .subject = "the fake TPM");
        }
}
