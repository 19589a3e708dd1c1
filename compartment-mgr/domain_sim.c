/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hypervisor that runs nothing: domains are records in a folder, so that they outlive every
 * process of ours as real ones do. Only the domain worker comes here; it touches that folder only.
 */
#include "compartment-mgr/domain.h"
#include "lib/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define KIND "sim-domain"
#define COUNTER "next"
enum { VERSION = 1 };

static int folder = -1;

static enum status sim_open(const char *path)
{
        return state_folder(path, &folder);
}

/* Children share the warm parent's open file, and with it its lock: so each opens its own. */
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

static enum status read_domain(const struct uuid *uuid, struct arena *a, struct sim_domain *d_out)
{
        char name[37];
        enum status s;

        uuid_write(uuid, name);
        s = state_read_record(folder, name, KIND, VERSION, &shape_sim_domain, a, d_out);
        if (s == ST_NOT_FOUND)
                return FAIL(s, .subject = FMT("simulated domain %s", name));
        return s;
}

static enum status write_domain(const struct sim_domain *d)
{
        char name[37];

        uuid_write(&d->uuid, name);
        return state_write_record(folder, name, KIND, VERSION, &shape_sim_domain, d);
}

static enum status next_domid(struct arena *a, uint32_t *domid_out)
{
        struct sim_counter counter = {.next = 1};
        enum status s =
                state_read_record(folder, COUNTER, KIND, VERSION, &shape_sim_counter, a, &counter);

        if (s && s != ST_NOT_FOUND)
                return s;
        *domid_out = counter.next++;
        return state_write_record(folder, COUNTER, KIND, VERSION, &shape_sim_counter, &counter);
}

static enum status sim_create(const struct domain_create_req *q, struct arena *a,
                              uint32_t *domid_out)
{
        struct sim_domain d;
        int lock = -1;
        enum status s = lock_folder(&lock);

        if (s)
                goto out;
        s = read_domain(&q->uuid, a, &d);
        if (!s)
                s = FAIL(ST_EXISTS, .subject = FMT("simulated domain %s", q->name),
                         .remedy = FMT("bulkhead vm destroy %s", q->name));
        if (s != ST_NOT_FOUND)
                goto out;
        s = next_domid(a, domid_out);
        if (s)
                goto out;
        d = (struct sim_domain){.uuid = q->uuid,
                                .name = q->name,
                                .domid = *domid_out,
                                .state = "paused",
                                .json = q->json};
        d.devices.items = q->devices.items;
        d.devices.count = q->devices.count;
        s = write_domain(&d);
out:
        unlock_folder(lock);
        return s;
}

static enum status sim_unpause(const struct uuid *uuid, struct bytes json, struct arena *a)
{
        struct sim_domain d;
        int lock = -1;
        enum status s = lock_folder(&lock);

        if (!s)
                s = read_domain(uuid, a, &d);
        if (s)
                goto out;
        if (strcmp(d.state, "paused")) {
                s = FAIL(ST_WRONG_STATE, .subject = FMT("simulated domain %s", d.name),
                         .expected = "paused", .found = d.state);
        } else if (d.json.len != json.len || memcmp(d.json.data, json.data, json.len)) {
                s = FAIL(ST_CHANGED, .subject = FMT("simulated domain %s", d.name),
                         .found = "built from another configuration");
        } else {
                d.state = "running";
                s = write_domain(&d);
        }
out:
        unlock_folder(lock);
        return s;
}

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
        unlock_folder(lock);
        return s;
}

static enum status sim_list(struct arena *a, struct vm_summary **domains_out, size_t *count_out)
{
        const char **names;
        size_t count;
        enum status s = state_list(folder, a, &names, &count);

        *count_out = 0;
        if (s)
                return s;
        *domains_out = arena_get_many(a, count, sizeof **domains_out);
        for (size_t i = 0; i < count; i++) {
                struct sim_domain d;
                struct uuid uuid;

                if (!uuid_read(names[i], &uuid) || read_domain(&uuid, a, &d))
                        continue; /* the counter; or gone, or damaged: then it does not run */
                (*domains_out)[(*count_out)++] = (struct vm_summary){.uuid = d.uuid,
                                                                     .name = d.name,
                                                                     .owner = "",
                                                                     .state = d.state,
                                                                     .simulated = true,
                                                                     .last_refusal = ""};
        }
        return ST_DONE;
}

static const struct sandbox sandbox = {
        .profile = SANDBOX_DAEMON, .memory = 256 << 20, .cpu_seconds = 30};

const struct domain_backend domain_sim = {
        .name = "sim",
        .shown = "simulated",
        .sandbox = &sandbox,
        .open = sim_open,
        .create = sim_create,
        .unpause = sim_unpause,
        .stop = sim_destroy,
        .destroy = sim_destroy,
        .list = sim_list,
};
