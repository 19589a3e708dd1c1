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
enum { VERSION = 2 };

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
        d.devices.items = q->devices.items;
        d.devices.count = q->devices.count;
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
                              .expected = state, .found = d->state)
                       : ST_DONE;
}

/* config: what it has to be built from, NULL if that does not matter. */
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
        return change_state(&q->config.uuid, "paused", "running", &q->config, a);
}

static enum status sim_suspend(const struct uuid *uuid, struct arena *a)
{
        return change_state(uuid, "running", "paused", NULL, a);
}

static enum status sim_resume(const struct uuid *uuid, struct arena *a)
{
        return change_state(uuid, "paused", "running", NULL, a);
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

/* A record has nothing to save: it always ends cleanly. */
static enum status sim_stop(const struct uuid *uuid, unsigned seconds, struct arena *a,
                            bool *clean_out)
{
        (void)seconds;
        *clean_out = true;
        return sim_destroy(uuid, a);
}

static enum status sim_list(struct arena *a, struct domain_state **domains_out, size_t *count_out)
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
                (*domains_out)[(*count_out)++] = (struct domain_state){
                        .uuid = d.uuid,
                        .name = d.name,
                        .domid = d.domid,
                        .ours = true,
                        .state = d.state,
                        .reason = "",
                        .memory = d.config.memory << 20,
                };
        }
        return ST_DONE;
}

static enum status sim_facts(struct arena *a, struct value **facts_out, size_t *count_out)
{
        static const struct value facts[] = {{"name", "simulated"}};

        *facts_out = arena_copy(a, facts, sizeof facts);
        *count_out = 1;
        return ST_DONE;
}

/* Records change only by our own requests: there is nothing to tell after the first call. */
static enum status sim_wait(struct arena *a)
{
        static bool called;

        (void)a;
        while (called)
                pause();
        called = true;
        return ST_DONE;
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
        .suspend = sim_suspend,
        .resume = sim_resume,
        .list = sim_list,
        .facts = sim_facts,
        .wait = sim_wait,
};
