/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the host's state, which set-up and approval write and all stories read. This file touches
 * "host" in the state folder. A state that was replaced stays in memory until the process ends,
 * because a request may still read it: approvals are rare and small.
 */
#include "integrity-mgr/host.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static const char file[] = "host";

/* Lies in its own arena, which lives as long as the process. */
struct kept {
        struct host_state state; /* first: what host_get() gives out */
        struct arena *arena;
        const struct host_state *before;
};

static int folder = -1;
static _Atomic(const struct host_state *) current;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

/* Makes what the file holds the present state. */
static enum status load(void)
{
        struct arena *a = arena_new();
        struct kept *k = arena_get(a, sizeof *k);
        struct host_state *h = &k->state;
        enum status s = state_renew_record(folder, file, &state_kind_host, a, h);

        if (s) {
                arena_free(a);
                return s;
        }
        tpm_client_use(&(struct tpm_use_req){
                .keys = h->keys, .approvals = {h->approvals.items, h->approvals.count}});
        k->arena = a;
        k->before = atomic_load(&current);
        atomic_store(&current, h);
        return ST_DONE;
}

enum status host_open(int dir)
{
        enum status s;

        folder = dir;
        s = load();
        if (s == ST_NOT_FOUND) {
                error_clear();
                s = ST_DONE;
        }
        return s;
}

const struct host_state *host_get(void)
{
        return atomic_load(&current);
}

enum status host_needed(const struct host_state **host_out)
{
        *host_out = host_get();
        if (!*host_out)
                return FAIL(ST_NOT_SET_UP, .subject = "this host", .remedy = "bulkhead host setup");
        return ST_DONE;
}

static enum status save(const struct host_state *h)
{
        enum status s = state_write_record(folder, file, &state_kind_host, h);

        return s ? s : load();
}

enum status host_set_up(const struct tpm_keys *keys)
{
        enum status s;

        pthread_mutex_lock(&changing);
        if (host_get())
                s = FAIL(ST_EXISTS, .subject = "the set-up of this host",
                         .remedy = "to approve a new state of it: bulkhead host approve");
        else
                s = save(&(struct host_state){.keys = *keys});
        pthread_mutex_unlock(&changing);
        return s;
}

static bool same_pcrs(const struct approval *a, const struct approval *b)
{
        if (a->pcrs.count != b->pcrs.count)
                return false;
        for (size_t i = 0; i < a->pcrs.count; i++)
                if (a->pcrs.items[i].pcr != b->pcrs.items[i].pcr ||
                    !digest_equal(&a->pcrs.items[i].value, &b->pcrs.items[i].value))
                        return false;
        return true;
}

enum status host_approve(const struct approval *approval)
{
        struct approval kept[APPROVALS_MOST + 1];
        struct host_state h = {0};
        const struct host_state *old;
        size_t n = 0;
        enum status s;

        pthread_mutex_lock(&changing);
        s = host_needed(&old);
        if (s)
                goto out;
        for (size_t i = 0; i < old->approvals.count; i++)
                if (!same_pcrs(&old->approvals.items[i], approval))
                        kept[n++] = old->approvals.items[i];
        kept[n++] = *approval;
        h.keys = old->keys;
        h.approvals.items = n > APPROVALS_MOST ? kept + 1 : kept;
        h.approvals.count = n > APPROVALS_MOST ? APPROVALS_MOST : n;
        s = save(&h);
out:
        pthread_mutex_unlock(&changing);
        return s;
}

static const struct digest *value_of(const struct approval *a, uint32_t pcr)
{
        for (size_t i = 0; i < a->pcrs.count; i++)
                if (a->pcrs.items[i].pcr == pcr)
                        return &a->pcrs.items[i].value;
        return NULL;
}

bool host_is_approved(const struct host_state *h, const struct pcr_value *pcrs, size_t count,
                      uint64_t epoch, uint32_t *differing_out)
{
        *differing_out = ~0U;
        for (size_t i = 0; i < h->approvals.count; i++) {
                const struct approval *a = &h->approvals.items[i];
                uint32_t differing = 0;

                for (size_t k = 0; k < count; k++) {
                        const struct digest *v = value_of(a, pcrs[k].pcr);

                        if (!v || !digest_equal(v, &pcrs[k].value))
                                differing |= 1U << pcrs[k].pcr;
                }
                if (!differing && epoch <= a->epoch && a->pcrs.count == count) {
                        *differing_out = 0;
                        return true;
                }
                if (__builtin_popcount(differing) < __builtin_popcount(*differing_out))
                        *differing_out = differing;
        }
        return false;
}

struct bytes host_ak_public(const struct tpm_keys *keys)
{
        struct reader r = reader_of(keys->ak_public);
        size_t len = read_u16(&r);
        const uint8_t *area = read_bytes(&r, len);

        return reader_done(&r) ? (struct bytes){area, len} : (struct bytes){0};
}

/* A coordinate of 32 bytes, without the zeros that it may begin with. */
static void read_coordinate(struct reader *r, uint8_t out[static 32])
{
        size_t len = read_u16(r);
        const uint8_t *from = read_bytes(r, len);

        if (from && len <= 32)
                memcpy(out + 32 - len, from, len);
        else
                r->bad = true;
}

struct digest host_site_key(const struct tpm_keys *keys)
{
        /* SubjectPublicKeyInfo of a P-256 key, up to the point's x [RFC 5480]. */
        uint8_t spki[27 + 64] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
        struct reader r = reader_of(keys->site_public);

        read_bytes(&r, 2 + 2 + 2 + 4);     /* size, type, nameAlg, attributes */
        read_bytes(&r, read_u16(&r));      /* authPolicy */
        read_bytes(&r, 2 + 2 + 2 + 2 + 2); /* symmetric, scheme and its hash, curve, kdf */
        read_coordinate(&r, spki + 27);
        read_coordinate(&r, spki + 27 + 32);
        return reader_done(&r) ? digest_of(HASH_SHA256, spki, sizeof spki) : (struct digest){0};
}
