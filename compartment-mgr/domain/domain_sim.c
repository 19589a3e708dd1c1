/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hypervisor that runs nothing: domains are records in a folder, so that they outlive every
 * process of ours as real ones do. Only the domain worker comes here; it touches that folder only.
 *
 * Files in that folder play what a guest or another toolstack would do. The word in "guest-UUID"
 * says how a guest ended: "poweroff", "reboot", "crash", or "gone" if others destroyed the domain;
 * "stubborn" is a guest that does not shut down when asked. "foreign-NAME" with a UUID in it is a
 * domain that others started. "holds-UUID" with a disk in it is a guest that does not let go of it.
 * "disk-of-NAME", a symbolic link, is the disk of a domain that others started.
 */
#include "compartment-mgr/domain/domain.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Not Bulkhead's own version: a VM that is sealed with `hypervisor:` is to survive an update. */
#define SIM_VERSION "simulated 0.1.0"
#define COUNTER "next"
#define GUEST "guest-"
#define FOREIGN "foreign-"
#define HOLDS "holds-"
#define DISK_OF "disk-of-"
#define SAVED "saved" /* a state: its memory is in an image */
enum { NAME_SIZE = 80, WAIT_MS = 200, TOTAL_MIB = 16 << 10 };

static int folder = -1;

static enum status sim_open(const char *path)
{
        enum status s = state_folder(path, &folder);

        return s ? s : state_kinds_check(folder);
}

/* flock(2) locks an open file, which children share with the warm parent: so each opens its own. */
static enum status lock_folder(int *lock_out)
{
        *lock_out = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (*lock_out < 0 || flock(*lock_out, LOCK_EX))
                return FAIL(status_of_errno(errno), .subject = "simulated hypervisor",
                            .found = strerror(errno));
        return ST_DONE;
}

static void unlock_folder(int lock)
{
        if (lock >= 0)
                close(lock);
}

/* --- what others do -------------------------------------------------------------------------- */

/* The one word in a file, "" if there is none. */
static const char *word_in(const char *name, struct arena *a)
{
        char text[64];
        int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

        if (fd >= 0)
                close(fd);
        text[n < 0 ? 0 : n] = 0;
        text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] = 0;
        return arena_text(a, text);
}

static const char *guest_file(const struct uuid *uuid, char name[NAME_SIZE])
{
        char text[37];

        uuid_write(uuid, text);
        snprintf(name, NAME_SIZE, GUEST "%s", text);
        return name;
}

/* How the guest ended, "" if it runs. */
static const char *guest_end(const struct uuid *uuid, struct arena *a)
{
        char name[NAME_SIZE];

        return word_in(guest_file(uuid, name), a);
}

static void guest_forget(const struct uuid *uuid)
{
        char name[NAME_SIZE];

        unlinkat(folder, guest_file(uuid, name), 0);
}

/* --- domains --------------------------------------------------------------------------------- */

static enum status read_domain(const struct uuid *uuid, struct arena *a, struct sim_domain *d_out)
{
        char name[37];
        enum status s;

        uuid_write(uuid, name);
        s = state_read_record(folder, name, &state_kind_sim_domain, a, d_out);
        if (s == ST_NOT_FOUND || (!s && !strcmp(guest_end(uuid, a), "gone")))
                return FAIL(ST_NOT_FOUND, .subject = FMT("simulated domain %s", name));
        return s;
}

static enum status write_domain(const struct sim_domain *d)
{
        char name[37];

        uuid_write(&d->uuid, name);
        return state_write_record(folder, name, &state_kind_sim_domain, d);
}

static enum status next_domid(struct arena *a, uint32_t *domid_out)
{
        struct sim_counter counter = {.next = 1};
        enum status s = state_read_record(folder, COUNTER, &state_kind_sim_counter, a, &counter);

        if (s && s != ST_NOT_FOUND)
                return s;
        *domid_out = counter.next++;
        return state_write_record(folder, COUNTER, &state_kind_sim_counter, &counter);
}

static enum status sim_create(const struct domain_create_req *q, struct arena *a,
                              uint32_t *domid_out)
{
        struct sim_domain d;
        int lock = -1;
        enum status s = lock_folder(&lock);

        if (s)
                goto out;
        s = read_domain(&q->config.uuid, a, &d);
        if (!s)
                s = FAIL(ST_EXISTS, .subject = FMT("simulated domain %s", q->config.name),
                         .remedy = FMT("bulkhead vm destroy %s", q->config.name));
        if (s != ST_NOT_FOUND)
                goto out;
        s = next_domid(a, domid_out);
        if (s)
                goto out;
        d = (struct sim_domain){.uuid = q->config.uuid,
                                .name = q->config.name,
                                .domid = *domid_out,
                                .state = "paused",
                                .config = q->config};
        d.devices = q->devices;
        guest_forget(&d.uuid);
        s = write_domain(&d);
out:
        unlock_folder(lock);
        return s;
}

static bool same_config(const struct vm_config *a, const struct vm_config *b)
{
        struct buffer x = BUFFER_INIT(MESSAGE_MOST), y = BUFFER_INIT(MESSAGE_MOST);
        bool same = !message_encode(&shape_vm_config, a, &x, NULL, NULL) &&
                    !message_encode(&shape_vm_config, b, &y, NULL, NULL) && x.len == y.len &&
                    !memcmp(x.data, y.data, x.len);

        buffer_clear(&x);
        buffer_clear(&y);
        return same;
}

static enum status must_be(const struct sim_domain *d, const char *state)
{
        return strcmp(d->state, state)
                       ? FAIL(ST_WRONG_STATE, .subject = FMT("simulated domain %s", d->name),
                              .expected = state, .found = QUOTED(d->state))
                       : ST_DONE;
}

/* config: what the domain has to be built from; NULL: any. */
static enum status change_state(const struct uuid *uuid, const char *from, const char *to,
                                const struct vm_config *config, struct arena *a)
{
        struct sim_domain d;
        int lock = -1;
        enum status s = lock_folder(&lock);

        if (!s)
                s = read_domain(uuid, a, &d);
        if (!s)
                s = must_be(&d, from);
        if (!s && config && !same_config(&d.config, config))
                s = FAIL(ST_CHANGED, .subject = FMT("simulated domain %s", d.name),
                         .found = "built from another configuration");
        if (!s) {
                d.state = to;
                s = write_domain(&d);
        }
        unlock_folder(lock);
        return s;
}

static enum status sim_unpause(const struct domain_unpause_req *q, struct arena *a)
{
        if (q->compare)
                return change_state(&q->config.uuid, "paused", "paused", &q->config, a);
        return change_state(&q->config.uuid, "paused", "running", &q->config, a);
}

static enum status sim_suspend(const struct uuid *uuid, struct arena *a)
{
        return change_state(uuid, "running", "paused", NULL, a);
}

static enum status sim_resume(const struct uuid *uuid, struct arena *a)
{
        enum status s = change_state(uuid, SAVED, "running", NULL, a);

        return s == ST_WRONG_STATE ? change_state(uuid, "paused", "running", NULL, a) : s;
}

/* A record has no memory to write. */
static enum status sim_save(const struct domain_save_req *q, struct arena *a)
{
        return change_state(&q->uuid, "running", SAVED, NULL, a);
}

/* --- devices --------------------------------------------------------------------------------- */

static size_t find_disk(const struct sim_domain *d, const char *device)
{
        size_t i = 0;

        while (i < d->devices.count && strcmp(d->devices.items[i].device, device))
                i++;
        return i;
}

static size_t find_nic(const struct vm_config *c, const char *device)
{
        size_t i = 0;

        while (i < c->nics.count && strcmp(c->nics.items[i].device, device))
                i++;
        return i;
}

static bool has_device(const struct sim_domain *d, const char *device)
{
        return find_disk(d, device) < d->devices.count ||
               find_nic(&d->config, device) < d->config.nics.count;
}

static enum status refuse_device(enum status s, const struct sim_domain *d, const char *device)
{
        return FAIL(s, .subject = FMT("%s of simulated domain %s", device, d->name));
}

static void add_disk(struct sim_domain *d, const struct block_device *device, struct arena *a)
{
        struct block_device *items = arena_get_many(a, d->devices.count + 1, sizeof *items);

        memcpy(items, d->devices.items, d->devices.count * sizeof *items);
        items[d->devices.count++] = *device;
        d->devices.items = items;
}

static void add_nic(struct sim_domain *d, const struct nic *nic, struct arena *a)
{
        struct nic *items = arena_get_many(a, d->config.nics.count + 1, sizeof *items);

        memcpy(items, d->config.nics.items, d->config.nics.count * sizeof *items);
        items[d->config.nics.count++] = *nic;
        d->config.nics.items = items;
}

static enum status add_device(struct sim_domain *d, const struct domain_attach_req *q,
                              struct arena *a)
{
        size_t nic = find_nic(&q->config, q->device);

        if (has_device(d, q->device))
                return refuse_device(ST_EXISTS, d, q->device);
        if (nic < q->config.nics.count)
                add_nic(d, &q->config.nics.items[nic], a);
        else if (q->devices.count == 1 && !strcmp(q->devices.items[0].device, q->device))
                add_disk(d, &q->devices.items[0], a);
        else
                return refuse_device(ST_INVALID, d, q->device);
        return write_domain(d);
}

static enum status sim_attach(const struct domain_attach_req *q, struct arena *a)
{
        struct sim_domain d;
        int lock = -1;
        enum status s = lock_folder(&lock);

        if (!s)
                s = read_domain(&q->config.uuid, a, &d);
        if (!s)
                s = must_be(&d, "running");
        if (!s)
                s = add_device(&d, q, a);
        unlock_folder(lock);
        return s;
}

static enum status take_device(struct sim_domain *d, const char *device, struct arena *a)
{
        size_t disk = find_disk(d, device), nic = find_nic(&d->config, device);
        char name[NAME_SIZE] = HOLDS;

        if (disk < d->devices.count) {
                uuid_write(&d->uuid, name + strlen(HOLDS));
                if (!strcmp(word_in(name, a), device))
                        return refuse_device(ST_TIMEOUT, d, device);
                d->devices.items[disk] = d->devices.items[--d->devices.count];
        } else if (nic < d->config.nics.count) {
                d->config.nics.items[nic] = d->config.nics.items[--d->config.nics.count];
        } else {
                return refuse_device(ST_NOT_FOUND, d, device);
        }
        return write_domain(d);
}

static enum status sim_detach(const struct uuid *uuid, const char *device, struct arena *a)
{
        struct sim_domain d;
        int lock = -1;
        enum status s = lock_folder(&lock);

        if (!s)
                s = read_domain(uuid, a, &d);
        if (!s)
                s = take_device(&d, device, a);
        unlock_folder(lock);
        return s;
}

static enum status sim_devices(const struct uuid *uuid, struct arena *a,
                               struct device_state **devices_out, size_t *count_out)
{
        struct device_state *items;
        struct sim_domain d;
        enum status s = read_domain(uuid, a, &d);

        *count_out = 0;
        if (s)
                return s;
        *devices_out = items =
                arena_get_many(a, d.devices.count + d.config.nics.count, sizeof *items);
        for (size_t i = 0; i < d.devices.count; i++)
                items[(*count_out)++] =
                        (struct device_state){d.devices.items[i].device, "", true, ""};
        for (size_t i = 0; i < d.config.nics.count; i++)
                items[(*count_out)++] =
                        (struct device_state){d.config.nics.items[i].device, "", true, ""};
        return ST_DONE;
}

/* --- ends ------------------------------------------------------------------------------------ */

static enum status sim_destroy(const struct uuid *uuid, struct arena *a)
{
        struct sim_domain d;
        char name[37];
        int lock = -1;
        enum status s = lock_folder(&lock);

        uuid_write(uuid, name);
        if (!s)
                s = read_domain(uuid, a, &d);
        if (!s || s == ST_DAMAGED)
                s = state_remove(folder, name);
        guest_forget(uuid);
        unlock_folder(lock);
        return s;
}

/* Ends cleanly, as a record has nothing to shut down, unless the guest plays "stubborn". */
static enum status sim_stop(const struct uuid *uuid, unsigned seconds, struct arena *a,
                            bool *clean_out)
{
        (void)seconds;
        *clean_out = strcmp(guest_end(uuid, a), "stubborn") != 0;
        return sim_destroy(uuid, a);
}

static enum domain_reason reason_of(const char *end)
{
        static const enum domain_reason reasons[] = {REASON_POWEROFF, REASON_REBOOT, REASON_CRASH};

        for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
                if (!strcmp(end, domain_reason_word(reasons[i])))
                        return reasons[i];
        return *end >= '0' && *end <= '9' ? REASON_UNKNOWN : REASON_NONE;
}

static void add_domain(const struct sim_domain *d, struct arena *a, struct domain_state *to,
                       size_t *count)
{
        const char *end = guest_end(&d->uuid, a);
        bool saved = !strcmp(d->state, SAVED);
        enum domain_reason reason = saved ? REASON_SUSPEND : reason_of(end);

        to[(*count)++] =
                (struct domain_state){.uuid = d->uuid,
                                      .name = d->name,
                                      .domid = d->domid,
                                      .ours = true,
                                      .phase = reason                         ? DOMAIN_SHUTDOWN
                                               : !strcmp(d->state, "running") ? DOMAIN_RUNNING
                                                                              : DOMAIN_PAUSED,
                                      .reason = reason,
                                      .code = (uint32_t)strtoul(end, NULL, 10),
                                      .memory = d->config.memory << 20};
}

static void add_foreign(const char *file, struct arena *a, struct domain_state *to, size_t *count)
{
        struct domain_state *d = &to[*count];

        *d = (struct domain_state){.name = arena_text(a, file + strlen(FOREIGN)),
                                   .domid = 9000 + (uint32_t)*count,
                                   .phase = DOMAIN_RUNNING,
                                   .memory = 64 << 20};
        if (uuid_read(word_in(file, a), &d->uuid))
                ++*count;
}

static enum status sim_list(struct arena *a, struct domain_state **domains_out, size_t *count_out)
{
        const char **names;
        size_t count;
        int lock = -1;
        enum status s = lock_folder(&lock); /* listing removes what writing has half-written */

        *count_out = 0;
        if (!s)
                s = state_list(folder, a, &names, &count);
        if (s) {
                unlock_folder(lock);
                return s;
        }
        *domains_out = arena_get_many(a, count, sizeof **domains_out);
        for (size_t i = 0; i < count; i++) {
                struct sim_domain d;
                struct uuid uuid;

                if (!strncmp(names[i], FOREIGN, strlen(FOREIGN)))
                        add_foreign(names[i], a, *domains_out, count_out);
                else if (uuid_read(names[i], &uuid) && !read_domain(&uuid, a, &d))
                        add_domain(&d, a, *domains_out, count_out);
        }
        unlock_folder(lock);
        return ST_DONE;
}

/* What a domain of others has; false for another file. */
static bool foreign_disk(const char *file, struct arena *a, struct other_disk *out)
{
        char path[PATH_MAX];
        ssize_t n = strncmp(file, DISK_OF, strlen(DISK_OF))
                            ? -1
                            : readlinkat(folder, file, path, sizeof path - 1);

        if (n < 0)
                return false;
        path[n] = 0;
        *out = (struct other_disk){.who = arena_print(a, "domain %s", file + strlen(DISK_OF)),
                                   .path = arena_text(a, path)};
        return true;
}

static enum status sim_disks(struct arena *a, struct other_disk **disks_out, size_t *count_out)
{
        const char **names;
        size_t count;
        enum status s = state_list(folder, a, &names, &count);

        *count_out = 0;
        if (s)
                return s;
        *disks_out = arena_get_many(a, count, sizeof **disks_out);
        for (size_t i = 0; i < count; i++)
                *count_out += foreign_disk(names[i], a, &(*disks_out)[*count_out]);
        return ST_DONE;
}

static enum status sim_facts(struct arena *a, struct value **facts_out, size_t *count_out)
{
        struct domain_state *domains;
        size_t count;
        uint64_t used = 0;
        enum status s = sim_list(a, &domains, &count);

        if (s)
                return s;
        for (size_t i = 0; i < count; i++)
                used += domains[i].memory;
        *facts_out = arena_get_many(a, 4, sizeof **facts_out);
        (*facts_out)[0] = (struct value){"name", "simulated"};
        (*facts_out)[1] = (struct value){"version", SIM_VERSION};
        (*facts_out)[2] =
                (struct value){"free-memory", arena_print(a, "%llu",
                                                          ((unsigned long long)TOTAL_MIB << 20) -
                                                                  (unsigned long long)used)};
        (*facts_out)[3] = (struct value){
                "total-memory", arena_print(a, "%llu", (unsigned long long)TOTAL_MIB << 20)};
        *count_out = 4;
        return ST_DONE;
}

/* Every change makes, moves or removes a file in the folder, and so changes the folder's time. */
static enum status sim_wait(struct arena *a)
{
        static struct timespec seen;
        const struct timespec pause = {.tv_nsec = WAIT_MS * 1000000L};
        struct stat st;

        (void)a;
        for (;;) {
                if (fstat(folder, &st))
                        return FAIL(ST_UNREACHABLE, .subject = "simulated hypervisor",
                                    .found = strerror(errno));
                if (memcmp(&seen, &st.st_mtim, sizeof seen)) {
                        seen = st.st_mtim;
                        return ST_DONE;
                }
                nanosleep(&pause, NULL);
        }
}

static const struct sandbox sandbox = {
        .profile = SANDBOX_DAEMON, .memory = 256 << 20, .cpu_seconds = 30};

const struct domain_backend domain_sim = {
        .name = "sim",
        .sandbox = &sandbox,
        .open = sim_open,
        .create = sim_create,
        .unpause = sim_unpause,
        .stop = sim_stop,
        .destroy = sim_destroy,
        .save = sim_save,
        .suspend = sim_suspend,
        .resume = sim_resume,
        .attach = sim_attach,
        .detach = sim_detach,
        .devices = sim_devices,
        .disks = sim_disks,
        .list = sim_list,
        .facts = sim_facts,
        .wait = sim_wait,
};
