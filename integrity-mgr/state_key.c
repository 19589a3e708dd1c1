/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives compartment-mgr the key of its state files. requests.c comes here; the TPM is asked, and
 * the table of generations says whether the files carry their MACs: nobody can put an older answer
 * back without the TPM's counter telling.
 */
#include "integrity-mgr/state_key.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/tpm_client.h"

/* Stands in the table for the state files. No VM has this UUID. */
static const struct uuid state_files = {{0}};

/* No table begins like this: its first eight bytes are a counter, which never gets so far. */
static const char label[] = "bulkhead-state-key-1 compartment-mgr";

static enum status refuse_lost(const struct host_state *host, bool table)
{
        static const char anew[] = "mount or restore integrity-mgr's newest state folder; to begin "
                                   "anew, with no seal: bulkhead host setup, then bulkhead host "
                                   "approve";
        static const char without[] = "restore integrity-mgr's newest state folder; to begin anew, "
                                      "with no seal: bulkhead host approve";
        static const char again[] = "bulkhead host approve, or restore integrity-mgr's newest "
                                    "state folder";

        return FAIL(ST_DAMAGED, .subject = "integrity-mgr's state folder",
                    .expected = "the approvals of this host, which had its first one",
                    .found = host ? "none" : "nothing: perhaps it is not mounted yet",
                    .remedy = !host   ? anew
                              : table ? again
                                      : without);
}

/* What is left of a first approval: the table, or the index by which the TPM knows one. The file
 * with the approvals is nobody's proof that there was none: whoever has the disk can empty it, and
 * the folder can be one that is not mounted yet. */
static enum status never_approved(const struct host_state *host, struct arena *a)
{
        struct tpm_table_there_req q = {};
        struct tpm_table_there_rep p = {};
        const bool table = generations_exist();
        enum status s = generations_need_host();

        if (!s && !table)
                s = tpm_client_call(CALL(tpm_table_there, &q, &p), a);
        return s || !(table || p.there) ? s : refuse_lost(host, table);
}

enum status state_key_get(struct arena *a, struct im_state_key_rep *out)
{
        const struct host_state *host = host_get();
        struct tpm_table_mac_req q = {.table = {(const uint8_t *)label, sizeof label - 1}};
        struct tpm_table_mac_rep p = {};
        struct seal_entry entry;
        enum status s;

        *out = (struct im_state_key_rep){.first = true};
        if (!host || !host->approvals.count)
                return never_approved(host, a);
        s = generations_get(&state_files, &entry);
        if (!s)
                s = tpm_client_call(CALL(tpm_table_mac, &q, &p), a);
        if (s)
                return s;
        out->first = !entry.generation;
        out->key = (struct bytes){arena_copy(a, p.mac.bytes, hash_size(p.mac.alg)),
                                  hash_size(p.mac.alg)};
        return ST_DONE;
}

enum status state_key_kept(void)
{
        struct seal_entry entry;
        enum status s = generations_get(&state_files, &entry);

        if (s || entry.generation)
                return s;
        entry.generation = 1;
        return generations_commit(&entry);
}
