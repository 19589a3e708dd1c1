/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the table of present seals. seal_store.c, memory_image.c and requests.c come here; this
 * file touches "generations" in the state folder and, by tpm_client, the TPM's counter, the digest
 * by which it knows the table, and the table's HMAC key.
 *
 * A table of version 2 names no predecessor, and the TPM knew none by its digest. It is taken over
 * once, while the TPM knows no digest, by two commits: any table of that version has at most the
 * counter's next value, which is used up by the first, so that none of them fits afterwards, even
 * if the digest's index is deleted.
 */
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/interrupt.h"
#include "lib/io.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static const char file[] = "generations";

static const char anew[] = "restore integrity-mgr's newest state folder; without it only a "
                           "passphrase opens a VM's disks: docs/operations.md, \"What does it "
                           "mean when a start is refused?\"";

static int folder = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena *arena; /* the table's; NULL until the table was read and is believed */
static struct seal_table table;
static struct digest digest; /* of the table as it is encoded: what the TPM knows it by */
static bool behind;          /* the TPM is still to be told of the table */

void generations_open(int dir)
{
        folder = dir;
        arena_free(arena);
        arena = NULL;
}

bool generations_exist(void)
{
        return !faccessat(folder, file, F_OK, AT_SYMLINK_NOFOLLOW);
}

enum status generations_need_host(void)
{
        if (host_get() || !generations_exist())
                return ST_DONE;
        return FAIL(ST_DAMAGED, .subject = "the file host of integrity-mgr's state folder",
                    .expected = "the host's keys, as there is a table of seals",
                    .found = "no such file",
                    .remedy = "put that file back, from a copy of the newest state folder, and "
                              "start integrity-mgr anew; where there is none, a passphrase of each "
                              "VM's disks is needed: docs/tasks.md, \"How do I replace a "
                              "mainboard, or a TPM?\"");
}

/* --- the TPM -------------------------------------------------------------------------------- */

static enum status mac_of(struct bytes encoded, struct arena *a, struct digest *mac_out)
{
        struct tpm_table_mac_req q = {.table = encoded};
        struct tpm_table_mac_rep p = {};
        enum status s = tpm_client_call(CALL(tpm_table_mac, &q, &p), a);

        *mac_out = p.mac;
        return s;
}

static enum status known_of(struct arena *a, struct tpm_table_known_rep *known_out)
{
        struct tpm_table_known_req q = {};

        return tpm_client_call(CALL(tpm_table_known, &q, known_out), a);
}

/* Tells the TPM of the table, which it may know by half: an answer was lost, or the power. */
static enum status catch_up(struct arena *a)
{
        struct tpm_table_commit_req q = {
                .counter = table.counter, .before = table.predecessor, .table = digest};
        struct tpm_table_commit_rep p;
        enum status s = tpm_client_call(CALL(tpm_table_commit, &q, &p), a);

        behind = s != ST_DONE;
        return s;
}

/* --- the file ------------------------------------------------------------------------------- */

static enum status other_number(const struct tpm_table_known_rep *known)
{
        return FAIL(table.counter <= known->counter ? ST_ROLLED_BACK : ST_DAMAGED,
                    .subject = "the table of seals",
                    .expected = FMT("state number %" PRIu64, known->counter),
                    .found = FMT("state number %" PRIu64, table.counter), .remedy = anew);
}

static enum status other_table(const struct tpm_table_known_rep *known)
{
        char expected[DIGEST_HEX], found[DIGEST_HEX];

        digest_hex(&known->table, expected);
        digest_hex(&digest, found);
        if (!known->table.alg)
                return FAIL(ST_TPM_REPLACED, .subject = "NV index 0x0181b003",
                            .expected = "the digest of the table of seals",
                            .found = "none: the index was deleted, or made anew",
                            .remedy = "put the old TPM back; without it only a passphrase opens a "
                                      "VM's disks: docs/operations.md, \"What does it mean when a "
                                      "start is refused?\"");
        return FAIL(ST_ROLLED_BACK, .subject = "the table of seals",
                    .expected = FMT("the one that the TPM knows, %s, or its successor", expected),
                    .found = FMT("%s: written by this host, and replaced since", found),
                    .remedy = anew);
}

static bool same_known(const struct digest *a, const struct digest *b)
{
        return digest_equal(a, b) || (!a->alg && !b->alg);
}

/* Good is the table that the TPM knows, its counter told or not yet, and the one that follows it by
 * number and by name. */
static enum status compare(const struct tpm_table_known_rep *known)
{
        bool same = digest_equal(&known->table, &digest),
             ahead = table.counter == known->counter + 1;

        behind = ahead;
        if (same && (ahead || table.counter == known->counter))
                return ST_DONE;
        if (ahead && same_known(&table.predecessor, &known->table))
                return ST_DONE;
        return ahead || table.counter == known->counter ? other_table(known) : other_number(known);
}

/* Version 2: no digest was known then, nor may one be known now. */
static enum status compare_older(const struct tpm_table_known_rep *known)
{
        behind = table.counter == known->counter + 1;
        if (known->table.alg)
                return other_table(known);
        return behind || table.counter == known->counter ? ST_DONE : other_number(known);
}

/* The MAC is over the table as it stands on disk, whichever version that is. The next commit writes
 * today's version. */
static enum status decode(const struct state_content *content, struct arena *a, struct arena *kept)
{
        struct seal_table_file f;
        struct digest mac;
        enum status s = state_decode_record(&state_kind_generations, content, a, &f);

        if (s)
                return s;
        s = mac_of(f.table, a, &mac);
        if (s)
                return s;
        if (!digest_equal(&mac, &f.mac) || mac.alg == HASH_NONE)
                return FAIL(ST_DAMAGED, .subject = "the table of seals",
                            .expected = "a table that this host's TPM has signed for",
                            .found = "another one", .remedy = anew);
        digest = digest_of(HASH_SHA256, f.table.data, f.table.len);
        return state_decode_record(
                &state_kind_seal_table,
                &(struct state_content){content->name, content->version, f.table, NULL}, kept,
                &table);
}

static enum status commit(const struct seal_table *next, struct arena *a);

/* The same entries once more, as the table that follows counter and digest. */
static enum status commit_again(uint64_t counter, const struct digest *predecessor, struct arena *a)
{
        const struct seal_table next = {
                .counter = counter + 1, .predecessor = *predecessor, .entries = table.entries};

        return commit(&next, a);
}

/* A table without a predecessor is followed at once by one that has one, so that no other one fits
 * any more, whatever becomes of the digest in the TPM. */
static enum status follow(struct arena *a)
{
        return table.predecessor.alg ? ST_DONE : commit_again(table.counter, &digest, a);
}

static enum status take_over(uint64_t counter, struct arena *a)
{
        const struct digest none = {.alg = HASH_NONE};

        report_warning("the table of seals is of an older version: the TPM is told its digest");
        return commit_again(counter, &none, a);
}

static enum status load(struct arena *a)
{
        struct arena *kept = arena_new();
        struct state_content content;
        struct tpm_table_known_rep known = {};
        bool older = false;
        enum status s = state_load(folder, file, &state_kind_generations, a, &content);

        if (s == ST_NOT_FOUND && host_get() && !host_get()->approvals.count)
                s = FAIL(ST_NOT_APPROVED, .subject = "this host", .found = "no approval yet",
                         .remedy = "bulkhead host approve");
        else if (s == ST_NOT_FOUND)
                s = FAIL(ST_DAMAGED, .subject = "the table of seals", .found = "no such file",
                         .remedy = anew);
        if (!s)
                s = decode(&content, a, kept);
        if (!s)
                s = known_of(a, &known);
        if (!s) {
                older = content.version < state_kind_generations.version;
                s = older ? compare_older(&known) : compare(&known);
        }
        if (s) {
                arena_free(kept);
                return s;
        }
        arena = kept;
        if (older)
                s = take_over(known.counter, a);
        else if (behind) {
                report_warning("a change of seals was cut short: completing it");
                s = catch_up(a);
        }
        return s ? s : follow(a);
}

/* Called with the lock. */
static enum status ready(struct arena *a)
{
        if (!arena)
                return load(a);
        if (behind) {
                enum status s = catch_up(a);

                return s ? s : follow(a);
        }
        return follow(a);
}

/* Writes `next`, makes it the table, and then tells the TPM. */
static enum status commit(const struct seal_table *next, struct arena *a)
{
        struct buffer encoded = BUFFER_INIT(DOCUMENT_MOST);
        struct seal_table_file f = {0};
        struct arena *kept = arena_new();
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;
        enum status s = message_encode(&shape_seal_table, next, &encoded, fds, &fds_count);

        interrupt_forbid(); /* from here on it is done, whoever goes away */
        f.table = buffer_bytes(&encoded);
        if (!s)
                s = mac_of(f.table, a, &f.mac);
        if (!s) {
                s = state_write_record(folder, file, &state_kind_generations, &f);
                if (s) { /* the old file or the new one is there: load() will tell */
                        arena_free(arena);
                        arena = NULL;
                }
        }
        if (!s)
                s = message_decode(&shape_seal_table, f.table, NULL, 0, kept, &table);
        if (s) {
                arena_free(kept);
        } else {
                digest = digest_of(HASH_SHA256, f.table.data, f.table.len);
                arena_free(arena);
                arena = kept;
                s = catch_up(a);
        }
        buffer_clear(&encoded);
        return s;
}

/* --- the table ------------------------------------------------------------------------------ */

static struct seal_entry *find(const struct uuid *vm)
{
        for (size_t i = 0; i < table.entries.count; i++)
                if (uuid_equal(&table.entries.items[i].vm, vm))
                        return &table.entries.items[i];
        return NULL;
}

enum status generations_begin(void)
{
        struct arena *a = arena_new();
        struct tpm_table_known_rep known = {};
        struct seal_table first = {0};
        enum status s;

        pthread_mutex_lock(&lock);
        s = known_of(a, &known);
        first.counter = known.counter + 1;
        first.predecessor = known.table;
        if (!s)
                s = commit(&first, a);
        if (!s)
                s = follow(a);
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}

enum status generations_get(const struct uuid *vm, struct seal_entry *entry_out)
{
        struct arena *a = arena_new();
        const struct seal_entry *there;
        enum status s;

        *entry_out = (struct seal_entry){.vm = *vm};
        pthread_mutex_lock(&lock);
        s = ready(a);
        there = s ? NULL : find(vm);
        if (there)
                *entry_out = *there;
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}

/* The next table, in the arena: without this VM's entry, with room for one more. */
static struct seal_table without(const struct uuid *vm, struct arena *a)
{
        struct seal_table next = {.counter = table.counter + 1, .predecessor = digest};

        next.entries.items = arena_get_many(a, table.entries.count + 1, sizeof *next.entries.items);
        for (size_t i = 0; i < table.entries.count; i++)
                if (!uuid_equal(&table.entries.items[i].vm, vm))
                        next.entries.items[next.entries.count++] = table.entries.items[i];
        return next;
}

enum status generations_commit(const struct seal_entry *entry)
{
        struct arena *a = arena_new();
        const struct seal_entry *there;
        struct seal_table next;
        uint64_t present;
        enum status s;

        pthread_mutex_lock(&lock);
        s = ready(a);
        if (s)
                goto out;
        there = find(&entry->vm);
        present = there ? there->generation : 0;
        next = without(&entry->vm, a);
        if (entry->generation != present + 1)
                s = FAIL(ST_WRONG_STATE, .subject = "the seal of this VM",
                         .expected = FMT("generation %" PRIu64, present + 1),
                         .found = FMT("generation %" PRIu64, entry->generation),
                         .remedy = "it was sealed meanwhile: repeat");
        else if (next.entries.count == VMS_MOST)
                s = FAIL(ST_TOO_LARGE, .subject = "the table of seals",
                         .expected = FMT("at most %d VMs", VMS_MOST),
                         .remedy =
                                 "give up a VM that is not needed: `bulkhead vm list` shows them");
        if (s)
                goto out;
        next.entries.items[next.entries.count++] = *entry;
        s = commit(&next, a);
out:
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}

enum status generations_set_memory(const struct uuid *vm, const struct digest *memory,
                                   bool *changed_out)
{
        struct arena *a = arena_new();
        struct seal_entry *there;
        enum status s;

        *changed_out = false;
        pthread_mutex_lock(&lock);
        s = ready(a);
        there = s ? NULL : find(vm);
        if (!s && memory->alg == HASH_NONE && (!there || there->memory.alg == HASH_NONE))
                goto out; /* it has no image as it is */
        if (!s && !there)
                s = FAIL(ST_WRONG_STATE, .subject = "the seal of this VM", .found = "none",
                         .remedy = FMT("bulkhead vm seal %s DESCRIPTOR.xml", UUID_TEXT(vm)));
        if (!s) {
                struct seal_entry entry = *there;
                struct seal_table next = without(vm, a);

                entry.memory = *memory;
                next.entries.items[next.entries.count++] = entry;
                s = commit(&next, a);
                *changed_out = true;
        }
out:
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}

enum status generations_forget(const struct uuid *vm)
{
        struct arena *a = arena_new();
        enum status s;

        pthread_mutex_lock(&lock);
        s = ready(a);
        if (!s && find(vm)) {
                struct seal_table next = without(vm, a);

                s = commit(&next, a);
        }
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}

enum status generations_facts(int64_t deadline, uint64_t *counter_out, size_t *count_out)
{
        const struct timespec until = deadline_point(deadline);
        struct arena *a;
        enum status s;

        if (pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &until))
                return FAIL(ST_BUSY, .subject = "the table of seals",
                            .found = "a seal is under way", .remedy = "ask again");
        a = arena_new();
        s = ready(a);
        *counter_out = s ? 0 : table.counter;
        *count_out = s ? 0 : table.entries.count;
        for (size_t i = 0; !s && i < table.entries.count; i++)
                *count_out -= uuid_is_zero(&table.entries.items[i].vm);
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}
