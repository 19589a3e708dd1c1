/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells this host's trust record. The counters in it are those that the AK's quotes show (they
 * differ from TPM2_ReadClock's for a key of the owner), so one quote is made and read.
 */
#include "integrity-mgr/trust_record.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/tpm_client.h"
#include "proof/quote.h"
#include "proof/trust.h"

#include <openssl/rand.h>

static enum status read_counters(int64_t deadline, struct arena *a, const struct host_state *h,
                                 struct quote *out)
{
        struct tpm_attest_req q = {.pcrs = h->keys.static_pcrs};
        struct tpm_attest_rep p;
        enum status s;

        q.qualifying.alg = h->keys.alg;
        if (RAND_bytes(q.qualifying.bytes, (int)hash_size(q.qualifying.alg)) != 1)
                return FAIL(ST_INTERNAL, .subject = "random numbers");
        s = tpm_client_call_until(TPM_LAST, deadline, CALL(tpm_attest, &q, &p), a);
        return s ? s : quote_read(p.quote, out);
}

enum status trust_record(int64_t deadline, struct arena *a, struct bytes *text_out)
{
        struct buffer text = BUFFER_INIT(TRUST_MOST);
        const struct host_state *h;
        struct log_place place;
        struct log *log;
        struct quote seen;
        struct trust t;
        enum status s = host_needed(&h);

        if (!s)
                s = host_log_get(&log);
        if (!s)
                s = read_counters(deadline, a, h, &seen);
        if (!s)
                s = log_head(log, &place);
        if (!s)
                s = log_sync(log, &place);
        if (s)
                return s;
        t = (struct trust){.host = h->keys.host_identity,
                           .ak_public = host_ak_public(&h->keys),
                           .ak_name = h->keys.ak_name,
                           .enrolled = "no",
                           .reset_count = seen.reset_count,
                           .restart_count = seen.restart_count,
                           .clock = seen.clock,
                           .log_length = place.length,
                           .alg = h->keys.alg};
        if (place.length)
                t.log_root = place.root;
        s = trust_write(&t, &text);
        if (!s)
                *text_out = (struct bytes){arena_copy(a, text.data, text.len), text.len};
        buffer_clear(&text);
        return s;
}
