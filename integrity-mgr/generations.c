/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the table of present seals. seal_store.c, memory_image.c and requests.c come here; this
 * file touches "generations" in the state folder and, by tpm_client, the TPM's counter and the
 * table's HMAC key.
 */
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <inttypes.h>
#include <pthread.h>

static const char file[] = "generations";

static const char anew[] = "restore integrity-mgr's newest state folder; without it only a "
                           "passphrase opens a VM's disks: docs/operations.md, \"What does it "
                           "mean when a start is refused?\"";

static int folder = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena *arena; /* the table's; NULL until the table was read and is believed */
static struct seal_table table;
static bool behind; /* the counter is still to be incremented */

void generations_open(int dir)
{
        folder = dir;
        arena_free(arena);
        arena = NULL;
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

static enum status counter(bool increment, struct arena *a, uint64_t *value_out)
{
        struct tpm_table_counter_req q = {.increment = increment};
        struct tpm_table_counter_rep p = {};
        enum status s = tpm_client_call(CALL(tpm_table_counter, &q, &p), a);

        *value_out = p.value;
        return s;
}

/* Increments the counter, which the table is ahead of by one. Reads it first: an increment whose
 * answer was lost did happen. */
static enum status catch_up(struct arena *a)
{
        uint64_t value;
        enum status s = counter(false, a, &value);

        if (!s && value + 1 == table.counter)
                s = counter(true, a, &value);
        if (!s && value != table.counter)
                s = FAIL(ST_DAMAGED, .subject = "the TPM's counter of seals",
                         .expected = FMT("%" PRIu64, table.counter),
                         .found = FMT("%" PRIu64, value),
                         .remedy = "something else increments this counter: see bulkhead status");
        behind = s != ST_DONE;
        return s;
}

/* --- the file ------------------------------------------------------------------------------- */

static enum status compare(uint64_t value)
{
        behind = table.counter == value + 1;
        if (table.counter == value || behind)
                return ST_DONE;
        if (table.counter < value)
                return FAIL(ST_ROLLED_BACK, .subject = "the table of seals",
                            .expected = FMT("state number %" PRIu64, value),
                            .found = FMT("state number %" PRIu64, table.counter), .remedy = anew);
        return FAIL(ST_DAMAGED, .subject = "the table of seals",
                    .expected = FMT("state number %" PRIu64, value),
                    .found = FMT("state number %" PRIu64, table.counter), .remedy = anew);
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
        return state_decode_record(
                &state_kind_seal_table,
                &(struct state_content){content->name, content->version, f.table}, kept, &table);
}

static enum status load(struct arena *a)
{
        struct arena *kept = arena_new();
        struct state_content content;
        uint64_t value;
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
                s = counter(false, a, &value);
        if (!s)
                s = compare(value);
        if (s) {
                arena_free(kept);
                return s;
        }
        arena = kept;
        if (behind) {
                report_warning("a change of seals was cut short: completing it");
                s = catch_up(a);
        }
        return s;
}

/* Called with the lock. */
static enum status ready(struct arena *a)
{
        if (!arena)
                return load(a);
        return behind ? catch_up(a) : ST_DONE;
}

/* Writes `next`, makes it the table, and then increments the counter. */
static enum status commit(const struct seal_table *next, struct arena *a)
{
        struct buffer encoded = BUFFER_INIT(DOCUMENT_MOST);
        struct seal_table_file f = {0};
        struct arena *kept = arena_new();
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;
        enum status s = message_encode(&shape_seal_table, next, &encoded, fds, &fds_count);

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
        struct seal_table first = {0};
        uint64_t value;
        enum status s;

        pthread_mutex_lock(&lock);
        s = counter(false, a, &value);
        first.counter = value + 1;
        if (!s)
                s = commit(&first, a);
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
        struct seal_table next = {.counter = table.counter + 1};

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

enum status generations_facts(uint64_t *counter_out, size_t *count_out)
{
        struct arena *a = arena_new();
        enum status s;

        pthread_mutex_lock(&lock);
        s = ready(a);
        *counter_out = s ? 0 : table.counter;
        *count_out = s ? 0 : table.entries.count;
        pthread_mutex_unlock(&lock);
        arena_free(a);
        return s;
}
