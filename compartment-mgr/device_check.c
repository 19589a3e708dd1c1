/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes down the current state (getCurrentState() of OpenTC D05.4, section 3.4) and has it judged.
 * The stories come here with a VM claimed; the domain worker is asked for the state, integrity-mgr
 * for the verdict. Which check is for which device integrity-mgr takes from its own record.
 */
#include "compartment-mgr/device_check.h"
#include "compartment-mgr/current_state.h"
#include "compartment-mgr/peers.h"

#include <string.h>

enum { OF_HYPERVISOR, OF_VMS, OF_DEVICE, VALUES_OF_ALL = 5 };

/* --- the device in question ------------------------------------------------------------------ */

static const char *uuid_text(struct arena *a, const struct uuid *uuid)
{
        char text[37];

        uuid_write(uuid, text);
        return arena_text(a, text);
}

static struct measurement measure(const struct operation *o, const struct vm_device *d)
{
        char owner[PRINCIPAL_TEXT_SIZE];
        struct arena *a = o->arena;
        struct node *n = arena_get(a, sizeof *n);
        struct measurement m = {
                .target = arena_print(a, "device:%s", d->name), .plugin = "device", .version = 2};

        *n = (struct node){.id = m.target, .type = "device"};
        n->values.items =
                arena_get_many(a, VALUES_OF_ALL + VM_DEVICE_VALUES, sizeof *n->values.items);
        vm_device_value(n, "kind", d->kind->name);
        vm_device_value(n, "name", d->name);
        vm_device_value(n, "vm", o->vm->name);
        vm_device_value(n, "uuid", uuid_text(a, &o->vm->uuid));
        vm_device_value(n, "owner", arena_text(a, principal_write(&o->vm->owner, owner)));
        d->kind->tell(d, n);
        m.nodes = (struct node_list){n, 1};
        return m;
}

/* --- asking ---------------------------------------------------------------------------------- */

static bool is_for(const struct device_check *c, const char *device)
{
        return !*c->device || !strcmp(c->device, device);
}

static bool is_wanted(const struct descriptor *d, const char *device)
{
        for (size_t i = 0; i < d->checks.count; i++)
                if (is_for(&d->checks.items[i], device))
                        return true;
        return false;
}

/* Anew for each device: a moment ago it was another state. */
static enum status ask(struct operation *o, const struct vm_device *d)
{
        struct measurement state[STATE_PARTS] = {[OF_DEVICE] = measure(o, d)};
        struct im_device_req q = {
                .asker = *compartment_asker(o->compartment), .vm = o->vm->uuid, .device = d->name};
        struct im_device_rep p;
        enum status s = current_state(o->arena, &state[OF_HYPERVISOR], &state[OF_VMS]);

        if (s)
                return s;
        q.state.items = state;
        q.state.count = STATE_PARTS;
        return peer_call(PEER_IM, CALL(im_device, &q, &p), o->arena, PEER_LONG);
}

enum status device_check_one(struct operation *o, const struct vm_device *d)
{
        return is_wanted(&o->sealed.descriptor, d->name) ? ask(o, d) : ST_DONE;
}

/* Of those that svdm opens, or of all others. */
static enum status check_some(struct operation *o, bool mapped)
{
        size_t count;
        const struct vm_device *items = vm_device_list(&o->config, o->arena, &count);
        enum status s = ST_DONE;

        for (size_t i = 0; i < count && !s; i++)
                if (items[i].kind->mapped == mapped)
                        s = device_check_one(o, &items[i]);
        return s;
}

enum status device_check_mapped(struct operation *o)
{
        return check_some(o, true);
}

enum status device_check_others(struct operation *o)
{
        return check_some(o, false);
}

enum status device_check_all(struct operation *o)
{
        enum status s = device_check_mapped(o);

        return s ? s : device_check_others(o);
}

static enum status try_one(struct operation *o, const struct descriptor *d,
                           const struct vm_device *device)
{
        struct measurement state[STATE_PARTS] = {[OF_DEVICE] = measure(o, device)};
        struct im_try_device_req q = {.asker = *compartment_asker(o->compartment),
                                      .descriptor = *d,
                                      .device = device->name};
        struct im_try_device_rep p;
        enum status s = current_state(o->arena, &state[OF_HYPERVISOR], &state[OF_VMS]);

        if (s)
                return s;
        q.state.items = state;
        q.state.count = STATE_PARTS;
        return peer_call(PEER_IM, CALL(im_try_device, &q, &p), o->arena, PEER_LONG);
}

enum status device_check_try(struct operation *o, const struct descriptor *d)
{
        size_t count;
        const struct vm_device *items = vm_device_list(&o->config, o->arena, &count);
        enum status s = ST_DONE;

        for (size_t i = 0; i < count && !s; i++)
                if (is_wanted(d, items[i].name))
                        s = try_one(o, d, &items[i]);
        return s;
}

/* --- in a new descriptor --------------------------------------------------------------------- */

static bool has_device(const struct vm_device *items, size_t count, const struct device_check *c)
{
        for (size_t i = 0; i < count; i++)
                if (is_for(c, items[i].name))
                        return true;
        return false;
}

static enum status refuse(const struct device_check *c, const struct vm_config *config)
{
        char nouns[VM_DEVICE_NOUNS], naming[VM_DEVICE_NOUNS];

        return FAIL(ST_INVALID, .subject = "a deviceCheck of the descriptor",
                    .expected = FMT("a %s of VM %s", vm_device_nouns(nouns), config->name),
                    .found = *c->device ? QUOTED(c->device) : "none: it has no devices",
                    .remedy = FMT("name %s, or * for every one", vm_device_naming(naming)));
}

enum status device_check_named(const struct descriptor *d, const struct vm_config *config,
                               struct arena *a)
{
        size_t count;
        const struct vm_device *items = vm_device_list(config, a, &count);

        for (size_t i = 0; i < d->checks.count; i++)
                if (!has_device(items, count, &d->checks.items[i]))
                        return refuse(&d->checks.items[i], config);
        return ST_DONE;
}
