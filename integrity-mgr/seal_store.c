/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps seal records. The order of a commit is what survives a power cut: the record is on disk
 * before the table names it, and an old record goes only when the table names the new one.
 */
#include "integrity-mgr/seal_store.h"
#include "integrity-mgr/generations.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME = 80 };

static int folder = -1;

void seal_store_open(int dir)
{
        folder = dir;
}

static const char *file_name(const struct uuid *vm, uint64_t generation, char name[NAME])
{
        char uuid[37];

        uuid_write(vm, uuid);
        snprintf(name, NAME, "seal-%s-%" PRIu64, uuid, generation);
        return name;
}

/* Removes the record before `generation`, and the one before that, which a power cut may have left.
 * A record that stays behind does no harm. */
static void remove_before(const struct uuid *vm, uint64_t generation)
{
        char name[NAME];

        for (uint64_t back = 1; back <= 2 && back < generation; back++)
                if (state_remove(folder, file_name(vm, generation - back, name)))
                        report_error("removing an old seal");
}

enum status seal_store_commit(const struct seal_record *record)
{
        struct seal_entry entry = {.vm = record->vm, .generation = record->generation};
        struct buffer encoded = BUFFER_INIT(STATE_MOST - 4096);
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;
        char name[NAME];
        enum status s = message_encode(&shape_seal_record, record, &encoded, fds, &fds_count);

        if (!s && encoded.full)
                s = FAIL(ST_TOO_LARGE, .subject = "what the targets' plug-ins found");
        entry.record = digest_of(HASH_SHA256, encoded.data, encoded.len);
        if (!s)
                s = state_write(folder, file_name(&record->vm, record->generation, name),
                                &state_kind_seal, buffer_bytes(&encoded));
        buffer_clear(&encoded);
        if (!s)
                s = generations_commit(&entry);
        if (!s)
                remove_before(&record->vm, record->generation);
        return s;
}

static enum status not_the_one(const struct uuid *vm, const char *name, enum status s,
                               const char *found)
{
        return FAIL(s, .subject = name, .expected = "the seal that this host committed to",
                    .found = found,
                    .remedy =
                            FMT_LONG("restore integrity-mgr's newest state folder; or give up "
                                     "the keys of this seal, and seal the VM again with a "
                                     "passphrase of its disks: bulkhead vm seal %s DESCRIPTOR.xml "
                                     "--passphrase-file FILE --forget-key",
                                     UUID_TEXT(vm)));
}

/* The digest covers the version within the record, but not the file's head: were the head believed
 * alone, it could have a record read by another version's shape. Files of version 2 say 1. */
static bool says_its_version(const struct state_content *c)
{
        struct reader r = reader_of(c->bytes);
        uint32_t within = read_u32(&r);

        return !r.bad && within == (c->version == 2 ? 1 : c->version);
}

enum status seal_store_read(struct arena *a, const struct uuid *vm, struct seal_record *record_out)
{
        struct seal_entry entry;
        struct digest found;
        struct state_content content;
        char name[NAME], uuid[37];
        enum status s = generations_get(vm, &entry);

        if (s)
                return s;
        uuid_write(vm, uuid);
        if (!entry.generation)
                return FAIL(ST_NOT_FOUND, .subject = FMT("the seal of VM %s", uuid),
                            .remedy = FMT("bulkhead vm seal %s DESCRIPTOR.xml", uuid));
        s = state_load(folder, file_name(vm, entry.generation, name), &state_kind_seal, a,
                       &content);
        if (s == ST_NOT_FOUND)
                return not_the_one(vm, name, ST_DAMAGED, "no such file");
        if (s)
                return s;
        found = digest_of(HASH_SHA256, content.bytes.data, content.bytes.len);
        if (!digest_equal(&found, &entry.record))
                return not_the_one(vm, name, ST_ROLLED_BACK, "another one");
        if (!says_its_version(&content))
                return not_the_one(vm, name, ST_DAMAGED, "a record of another version");
        s = state_decode_record(&state_kind_seal, &content, a, record_out);
        if (!s && (!uuid_equal(&record_out->vm, vm) || record_out->generation != entry.generation ||
                   record_out->payload != PAYLOAD_DISKS || record_out->policy != POLICY_STATE))
                s = not_the_one(vm, name, ST_DAMAGED, "a record of another kind");
        return s;
}

enum status seal_store_generation(const struct uuid *vm, uint64_t *generation_out)
{
        struct seal_entry entry;
        enum status s = generations_get(vm, &entry);

        *generation_out = entry.generation;
        return s;
}

enum status seal_store_forget(const struct uuid *vm)
{
        struct seal_entry entry;
        enum status s = generations_get(vm, &entry);

        if (!s && entry.generation)
                s = generations_forget(vm);
        if (!s)
                remove_before(vm,
                              entry.generation + 2); /* a record that was never committed, too */
        return s;
}
