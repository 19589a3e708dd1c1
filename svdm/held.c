/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of held disks, in memory and, for VMs that run, as "held-VM" in svdm's state folder.
 * svdm's requests come here. Disks are told apart by what the device worker said of them.
 */
#include "svdm/held.h"
#include "lib/io.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { NAME_SIZE = 64, CLAIM_WAIT = 10 * 1000 /* ms */ };

struct claim {
        struct claim *next;
        struct arena *arena;
        struct attachment what;
        bool kept;    /* by a VM that runs; else an operation's */
        bool unknown; /* its file is damaged */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over the list and the files */
static pthread_cond_t dropped = PTHREAD_COND_INITIALIZER;
static struct claim *claims;
static int folder = -1;

static const char *file_name(char name[NAME_SIZE], const struct uuid *vm)
{
        char uuid[37];

        uuid_write(vm, uuid);
        snprintf(name, NAME_SIZE, "held-%s", uuid);
        return name;
}

static struct claim *kept_of(const struct uuid *vm)
{
        for (struct claim *c = claims; c; c = c->next)
                if (c->kept && uuid_equal(&c->what.vm, vm))
                        return c;
        return NULL;
}

static void remove_claim(struct claim *c)
{
        for (struct claim **at = &claims; *at; at = &(*at)->next)
                if (*at == c) {
                        *at = c->next;
                        break;
                }
        arena_free(c->arena);
        free(c);
        pthread_cond_broadcast(&dropped);
}

static struct claim *add_claim(struct arena *a)
{
        struct claim *c = memory_new(1, sizeof *c);

        c->arena = a;
        c->next = claims;
        claims = c;
        return c;
}

static void add_kept(struct arena *a, const struct attachment *what, bool unknown)
{
        struct claim *c = add_claim(a);

        c->what = *what;
        c->kept = true;
        c->unknown = unknown;
}

/* The VM may run, so it keeps a claim, and what is mapped for it stays. Which disks that are is not
 * known: until the VM is stopped, or started again, these are not kept from others here. */
static void keep_unknown(struct arena *a, const char *name, const struct uuid *vm)
{
        report_error("reading which disks a VM holds");
        report_warning("%s is damaged: VM %s keeps its disks unnamed until bulkhead vm stop %s",
                       name, name + 5, name + 5);
        add_kept(a, &(struct attachment){.vm = *vm, .boot = state_boot_id()}, true);
}

static enum status load_one(int dir, const char *name)
{
        struct arena *a = arena_new();
        struct attachment what;
        struct uuid vm;
        enum status s = state_renew_record(dir, name, &state_kind_held, a, &what);

        if (!uuid_read(name + 5, &vm)) {
                arena_free(a);
                return ST_DONE; /* no file of ours */
        }
        if (!s && !uuid_equal(&what.vm, &vm))
                s = FAIL(ST_DAMAGED, .subject = name, .found = "what another VM holds");
        if (s == ST_DAMAGED) {
                keep_unknown(a, name, &vm);
                return ST_DONE;
        }
        if (!s && !strcmp(what.boot, state_boot_id())) {
                add_kept(a, &what, false);
                return ST_DONE;
        }
        arena_free(a);
        return s ? s : state_remove(dir, name);
}

enum status held_load(int dir)
{
        struct arena *a = arena_new();
        const char **names;
        size_t count;
        enum status s = state_kinds_check(dir);

        folder = dir;
        if (!s)
                s = state_list(dir, a, &names, &count);
        for (size_t i = 0; !s && i < count; i++)
                if (!strncmp(names[i], "held-", 5))
                        s = load_one(dir, names[i]);
        arena_free(a);
        return s;
}

static bool conflict(const struct held_disk *a, const struct held_disk *b)
{
        return (a->writable || b->writable) && a->node == b->node && a->device == b->device &&
               a->inode == b->inode;
}

static enum status refuse_held(const struct claim *other, const struct held_disk *d)
{
        char uuid[37];

        uuid_write(&other->what.vm, uuid);
        return FAIL(ST_BUSY, .subject = d->path, .expected = "a disk that no other VM holds",
                    .found = FMT("VM %s holds it", uuid),
                    .remedy = FMT("bulkhead vm stop %s", uuid));
}

/* The claim that is in the way of ours, and the disk that both want (NULL: it is another operation
 * on the same VM). but: the claim to leave out, our own. */
static const struct claim *find_conflict(const struct attachment *ours, const struct claim *but,
                                         const struct held_disk **disk_out)
{
        for (const struct claim *c = claims; c; c = c->next) {
                const bool own = uuid_equal(&c->what.vm, &ours->vm);

                *disk_out = NULL;
                if (c == but)
                        continue;
                if (own && !c->kept)
                        return c;
                for (size_t i = 0; !own && i < c->what.disks.count; i++)
                        for (size_t k = 0; k < ours->disks.count; k++) {
                                *disk_out = &ours->disks.items[k];
                                if (conflict(&c->what.disks.items[i], *disk_out))
                                        return c;
                        }
        }
        return NULL;
}

/* An operation whose connection has just closed gives up its claim a moment later, so claims of
 * operations are waited for a little. What a running VM keeps is not waited for. */
static enum status wait_until_free(const struct attachment *ours, const struct claim *but)
{
        const struct held_disk *disk;
        const struct claim *c;
        const struct timespec until = deadline_point(deadline_in(CLAIM_WAIT));
        int r = 0;

        while ((c = find_conflict(ours, but, &disk)) && !c->kept && !r)
                r = pthread_cond_clockwait(&dropped, &lock, CLOCK_MONOTONIC, &until);
        if (!c)
                return ST_DONE;
        return disk ? refuse_held(c, disk)
                    : FAIL(ST_BUSY, .subject = "the VM",
                           .found = "another operation on it is under way",
                           .remedy = "bulkhead jobs shows when that has ended");
}

enum status held_claim(const struct uuid *vm, struct claim **claim_out)
{
        const struct attachment what = {.vm = *vm, .boot = state_boot_id()};
        enum status s;

        *claim_out = NULL;
        pthread_mutex_lock(&lock);
        s = wait_until_free(&what, NULL);
        if (!s) {
                *claim_out = add_claim(arena_new());
                (*claim_out)->what = what;
        }
        pthread_mutex_unlock(&lock);
        return s;
}

static struct held_disk copy_disk(struct arena *a, const struct held_disk *d)
{
        struct held_disk copy = *d;

        copy.name = arena_text(a, d->name);
        copy.path = arena_text(a, d->path);
        return copy;
}

/* One disk by two paths: its two mappings would know nothing of each other. */
static enum status each_once(const struct attachment *what)
{
        for (size_t i = 0; i < what->disks.count; i++)
                for (size_t k = 0; k < i; k++)
                        if (conflict(&what->disks.items[i], &what->disks.items[k]))
                                return FAIL(ST_REFUSED, .subject = what->disks.items[i].path,
                                            .expected = "each disk once",
                                            .found = FMT("the same disk as '%.200s'",
                                                         what->disks.items[k].path),
                                            .remedy = "name it once in the VM's definition");
        return ST_DONE;
}

enum status held_claim_disks(struct claim *c, const struct held_disk *disks, size_t count)
{
        struct attachment what;
        enum status s;

        pthread_mutex_lock(&lock);
        what = c->what;
        what.disks.items = arena_get_many(c->arena, count, sizeof *disks);
        what.disks.count = count;
        for (size_t i = 0; i < count; i++) {
                what.disks.items[i] = copy_disk(c->arena, &disks[i]);
        }
        s = each_once(&what);
        if (!s)
                s = wait_until_free(&what, c);
        if (!s)
                c->what = what;
        pthread_mutex_unlock(&lock);
        return s;
}

void held_drop(struct claim *c)
{
        if (!c)
                return;
        pthread_mutex_lock(&lock);
        remove_claim(c);
        pthread_mutex_unlock(&lock);
}

static struct block_device copy_device(struct arena *a, const struct block_device *d)
{
        return (struct block_device){.device = arena_text(a, d->device),
                                     .path = arena_text(a, d->path),
                                     .writable = d->writable,
                                     .node = d->node};
}

static void set_devices(struct claim *c, const struct block_device *devices, size_t count)
{
        struct block_device *items = arena_get_many(c->arena, count, sizeof *items);

        for (size_t i = 0; i < count; i++)
                items[i] = copy_device(c->arena, &devices[i]);
        c->what.devices.items = items;
        c->what.devices.count = count;
}

_Static_assert(DISKS_AND_MEMORY_MOST <= 64, "attachment.bare has a bit a device");

enum status held_keep(struct claim *c, const struct mapped *mapped)
{
        char name[NAME_SIZE];
        enum status s;

        pthread_mutex_lock(&lock);
        if (kept_of(&c->what.vm)) {
                s = FAIL(ST_WRONG_STATE, .subject = "the VM", .found = "it holds its disks already",
                         .remedy = FMT("bulkhead vm stop %s", UUID_TEXT(&c->what.vm)));
        } else {
                set_devices(c, mapped->devices, mapped->count);
                c->what.bare = mapped->bare;
                s = state_write_record(folder, file_name(name, &c->what.vm), &state_kind_held,
                                       &c->what);
                c->kept = !s;
        }
        pthread_mutex_unlock(&lock);
        return s;
}

/* --- one device more, or less ---------------------------------------------------------------- */

static void append_disk(struct attachment *to, struct arena *a, const struct held_disk *disk)
{
        to->disks.items[to->disks.count++] = copy_disk(a, disk);
}

static void append_device(struct attachment *to, struct arena *a, const struct block_device *device,
                          bool bare)
{
        if (bare)
                to->bare |= (uint64_t)1 << to->devices.count;
        to->devices.items[to->devices.count++] = copy_device(a, device);
}

/* A device need not lie in a disk, nor be mapped: so each list goes by the device's name. more:
 * room for that many, which are to be appended. */
static struct attachment copy_without(struct arena *a, const struct attachment *from,
                                      const char *device, size_t more)
{
        struct attachment to = {.vm = from->vm, .boot = state_boot_id()};

        to.disks.items = arena_get_many(a, from->disks.count + more, sizeof *to.disks.items);
        to.devices.items = arena_get_many(a, from->devices.count + more, sizeof *to.devices.items);
        for (size_t i = 0; i < from->disks.count; i++)
                if (strcmp(from->disks.items[i].name, device))
                        append_disk(&to, a, &from->disks.items[i]);
        for (size_t i = 0; i < from->devices.count; i++)
                if (strcmp(from->devices.items[i].device, device))
                        append_device(&to, a, &from->devices.items[i], from->bare >> i & 1);
        return to;
}

/* Takes over the arena, in which `what` lies, and frees the old one: else the table would grow with
 * each device that a VM is given in the years that it runs. */
static enum status replace(struct claim *kept, struct arena *a, const struct attachment *what)
{
        char name[NAME_SIZE];
        enum status s =
                state_write_record(folder, file_name(name, &what->vm), &state_kind_held, what);

        if (s) {
                arena_free(a);
                return s;
        }
        arena_free(kept->arena);
        kept->arena = a;
        kept->what = *what;
        return ST_DONE;
}

static enum status refuse_not_kept(const struct uuid *vm)
{
        return FAIL(ST_WRONG_STATE, .subject = "the VM", .expected = "one that holds its disks",
                    .found = "it holds none", .remedy = FMT("bulkhead vm start %s", UUID_TEXT(vm)));
}

enum status held_devices(const struct uuid *vm, struct arena *a, struct block_device **devices_out,
                         size_t *count_out)
{
        const struct claim *kept;

        *count_out = 0;
        pthread_mutex_lock(&lock);
        kept = kept_of(vm);
        if (kept) {
                *devices_out = arena_get_many(a, kept->what.devices.count, sizeof **devices_out);
                for (size_t i = 0; i < kept->what.devices.count; i++)
                        (*devices_out)[(*count_out)++] =
                                copy_device(a, &kept->what.devices.items[i]);
        }
        pthread_mutex_unlock(&lock);
        return kept ? ST_DONE : refuse_not_kept(vm);
}

static struct attachment copy_with(struct arena *a, const struct attachment *kept,
                                   const struct attachment *claimed, const char *device,
                                   const struct mapped *mapped)
{
        struct attachment what =
                copy_without(a, kept, device, claimed->disks.count + mapped->count);

        for (size_t i = 0; i < claimed->disks.count; i++)
                append_disk(&what, a, &claimed->disks.items[i]);
        for (size_t i = 0; i < mapped->count; i++)
                append_device(&what, a, &mapped->devices[i], mapped->bare >> i & 1);
        return what;
}

enum status held_add(struct claim *c, const char *device, const struct mapped *mapped)
{
        struct claim *kept;
        enum status s;

        pthread_mutex_lock(&lock);
        kept = kept_of(&c->what.vm);
        if (!kept) {
                s = refuse_not_kept(&c->what.vm);
        } else if (!*device) {
                s = FAIL(ST_WRONG_STATE, .subject = "the device", .expected = "one",
                         .found = "none");
        } else {
                struct arena *a = arena_new();
                struct attachment what = copy_with(a, &kept->what, &c->what, device, mapped);

                s = replace(kept, a, &what);
        }
        pthread_mutex_unlock(&lock);
        return s;
}

enum status held_remove(const struct uuid *vm, const char *device)
{
        struct claim *kept;
        enum status s = ST_DONE;

        pthread_mutex_lock(&lock);
        kept = kept_of(vm);
        if (kept) {
                struct arena *a = arena_new();
                struct attachment what = copy_without(a, &kept->what, device, 0);

                s = replace(kept, a, &what);
        }
        pthread_mutex_unlock(&lock);
        return s;
}

/* --- asking ---------------------------------------------------------------------------------- */

size_t held_unknown(void)
{
        size_t n = 0;

        pthread_mutex_lock(&lock);
        for (const struct claim *c = claims; c; c = c->next)
                n += c->unknown;
        pthread_mutex_unlock(&lock);
        return n;
}

bool held_by(const struct uuid *vm)
{
        bool yes;

        pthread_mutex_lock(&lock);
        yes = kept_of(vm);
        pthread_mutex_unlock(&lock);
        return yes;
}

void held_vms(struct arena *a, struct held_vm **vms_out, size_t *count_out)
{
        *count_out = 0;
        pthread_mutex_lock(&lock);
        for (const struct claim *c = claims; c; c = c->next)
                *count_out += c->kept;
        *vms_out = arena_get_many(a, *count_out, sizeof **vms_out);
        *count_out = 0;
        for (const struct claim *c = claims; c; c = c->next)
                if (c->kept)
                        (*vms_out)[(*count_out)++].vm = c->what.vm;
        pthread_mutex_unlock(&lock);
}

/* Where it lies, or else where it is mapped. */
static const char *path_of(const struct attachment *what, size_t device)
{
        const struct block_device *d = &what->devices.items[device];

        for (size_t i = 0; i < what->disks.count; i++)
                if (!strcmp(what->disks.items[i].name, d->device))
                        return what->disks.items[i].path;
        return d->path;
}

size_t held_bare(struct arena *a, const char **paths, size_t most)
{
        size_t n = 0;

        pthread_mutex_lock(&lock);
        for (const struct claim *c = claims; c; c = c->next)
                for (size_t i = 0; c->kept && i < c->what.devices.count && n < most; i++)
                        if (c->what.bare >> i & 1)
                                paths[n++] = arena_text(a, path_of(&c->what, i));
        pthread_mutex_unlock(&lock);
        return n;
}

enum status held_release(const struct uuid *vm)
{
        char name[NAME_SIZE];
        struct claim *c;
        enum status s = ST_DONE;

        pthread_mutex_lock(&lock);
        c = kept_of(vm);
        if (c)
                s = state_remove(folder, file_name(name, vm));
        if (c && !s)
                remove_claim(c);
        pthread_mutex_unlock(&lock);
        return s;
}

size_t held_count(void)
{
        size_t n = 0;

        pthread_mutex_lock(&lock);
        for (const struct claim *c = claims; c; c = c->next)
                n += c->kept;
        pthread_mutex_unlock(&lock);
        return n;
}
