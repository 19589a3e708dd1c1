/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The redo journal in svdm's state folder: "journal-VM" lists the disks, "header-VM-N" has the runs
 * of the disk N. svdm's requests come here; the device worker, which writes runs to disks, never
 * does.
 */
#include "svdm/journal.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"
#include "svdm/device/header_diff.h"

#include <stdio.h>

enum { NAME_SIZE = 72 };

static const char *journal_name(char name[NAME_SIZE], const struct uuid *vm)
{
        char uuid[37];

        uuid_write(vm, uuid);
        snprintf(name, NAME_SIZE, "journal-%s", uuid);
        return name;
}

static const char *runs_name(char name[NAME_SIZE], const struct uuid *vm, size_t disk)
{
        char uuid[37];

        uuid_write(vm, uuid);
        snprintf(name, NAME_SIZE, "header-%s-%zu", uuid, disk);
        return name;
}

static enum status stage_disk(int dir, const struct uuid *vm, size_t number,
                              const struct staged_disk *d, struct journal_disk *out)
{
        struct buffer runs = BUFFER_INIT(HEADER_RUNS_MOST);
        char name[NAME_SIZE];
        bool begun;
        enum status s;

        *out = (struct journal_disk){.path = d->path, .size = d->size};
        s = header_head(d->old, &out->old_head);
        if (s)
                goto out;
        s = header_head(d->new, &out->new_head);
        if (s)
                goto out;
        s = header_diff(d->old, d->new, &runs);
        if (s)
                goto out;
        s = header_area(d->disk, buffer_bytes(&runs), &out->old_area, &begun);
        if (s)
                goto out;
        out->runs = digest_of(HASH_SHA256, runs.data, runs.len);
        s = state_write(dir, runs_name(name, vm, number), &state_kind_header, buffer_bytes(&runs));
out:
        buffer_clear(&runs);
        return s;
}

static enum status refuse_second(int dir, const struct uuid *vm)
{
        struct arena *a = arena_new();
        struct digest unused;
        struct journal j;
        bool found;
        enum status s = journal_load(dir, vm, a, &found, &j, &unused);

        if (!s && found)
                s = FAIL(ST_WRONG_STATE, .subject = "the journal of the disks", .expected = "none",
                         .found = FMT("one of generation %llu", (unsigned long long)j.generation),
                         .remedy = "try again: it is settled first");
        arena_free(a);
        return s;
}

/* Removes what a failed staging has left: it is of no use, and large. */
static void sweep(int dir, const struct uuid *vm)
{
        struct error why = *error_last();

        journal_drop(dir, vm);
        error_keep(&why);
}

static enum status write_list(int dir, const struct journal *j, struct digest *digest_out)
{
        struct buffer list = BUFFER_INIT(STATE_MOST);
        char name[NAME_SIZE];
        enum status s = message_encode(&shape_journal, j, &list, NULL, NULL);

        *digest_out = digest_of(HASH_SHA256, list.data, list.len);
        if (!s)
                s = state_write(dir, journal_name(name, &j->vm), &state_kind_journal,
                                buffer_bytes(&list));
        buffer_clear(&list);
        return s;
}

enum status journal_stage(int dir, const struct uuid *vm, uint64_t generation,
                          const struct staged_disk *disks, size_t count, struct digest *digest_out)
{
        struct journal_disk items[DISKS_MOST];
        struct journal j = {.vm = *vm, .generation = generation};
        enum status s = refuse_second(dir, vm);

        if (s)
                return s;
        if (count > DISKS_MOST)
                return FAIL(ST_TOO_LARGE, .subject = "the disks of a VM");
        for (size_t i = 0; i < count && !s; i++)
                s = stage_disk(dir, vm, i, &disks[i], &items[i]);
        j.disks.items = items;
        j.disks.count = count;
        if (!s)
                s = write_list(dir, &j, digest_out);
        if (s)
                sweep(dir, vm);
        return s;
}

enum status journal_load(int dir, const struct uuid *vm, struct arena *a, bool *found_out,
                         struct journal *out, struct digest *digest_out)
{
        char name[NAME_SIZE];
        struct state_content content;
        enum status s = state_load(dir, journal_name(name, vm), &state_kind_journal, a, &content);

        *found_out = !s;
        if (!s) {
                *digest_out = digest_of(HASH_SHA256, content.bytes.data, content.bytes.len);
                s = state_decode_record(&state_kind_journal, &content, a, out);
        }
        if (s != ST_NOT_FOUND)
                return s;
        error_clear();
        return ST_DONE;
}

enum status journal_runs(int dir, const struct journal *j, size_t disk, struct arena *a,
                         struct bytes *out)
{
        char name[NAME_SIZE];
        struct state_content content;
        struct digest found;
        enum status s =
                state_load(dir, runs_name(name, &j->vm, disk), &state_kind_header, a, &content);

        if (s)
                return s;
        found = digest_of(HASH_SHA256, content.bytes.data, content.bytes.len);
        return digest_equal(&found, &j->disks.items[disk].runs)
                       ? state_decode_record(&state_kind_header, &content, a, out)
                       : FAIL(ST_DAMAGED, .subject = name, .expected = "what the journal lists",
                              .found = "something else",
                              .remedy = "restore svdm's newest state folder from a backup");
}

enum status journal_drop(int dir, const struct uuid *vm)
{
        char name[NAME_SIZE];
        enum status s = state_remove(dir, journal_name(name, vm)); /* from here there is none */

        for (size_t i = 0; i < DISKS_MOST && !s; i++)
                s = state_remove(dir, runs_name(name, vm, i));
        return s;
}
