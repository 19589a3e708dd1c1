/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a definition that is replaced. vm_replace comes here. A VM that was never sealed
 * gets the new definition as it is.
 */
#include "compartment-mgr/operation.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"

#include <string.h>

enum status replace_which(struct arena *a, const struct vm_replace_req *q, const char **vm_out)
{
        struct config_read_req ask = {.xl_cfg = q->config};
        struct config_read_rep c;
        struct vm_definition d;
        struct vm_summary vm;
        char *uuid = arena_get(a, 37);
        enum status s;

        *vm_out = q->vm;
        if (*q->vm)
                return ST_DONE;
        s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_read, &ask, &c), a);
        if (s)
                return s;
        uuid_write(&c.uuid, uuid);
        *vm_out = compartment_find(uuid, a, &d, &vm) ? c.name : uuid;
        error_clear();
        return ST_DONE;
}

/* The new definition, with the UUID and the MAC addresses of the present one. */
static enum status read_next(struct arena *a, const struct vm_definition *present,
                             const struct vm_replace_req *q, struct vm_definition *next_out)
{
        struct config_read_req ask = {
                .xl_cfg = q->config, .uuid = present->uuid, .present = present->config};
        struct config_read_rep c;
        enum status s =
                worker_call(workers.config, CONFIG_DEADLINE, CALL(config_read, &ask, &c), a);

        if (s)
                return s;
        *next_out = *present;
        next_out->name = c.name;
        next_out->config = c.json;
        next_out->disks = c.disks;
        if (q->owner.kind != PRINCIPAL_NOBODY)
                next_out->owner = q->owner;
        return ST_DONE;
}

enum status replace_vm(struct arena *a, struct compartment *c, const struct vm_replace_req *q)
{
        struct operation o = OPERATION_NONE;
        struct vm_definition next;
        enum status s = read_next(a, compartment_definition(c), q, &next);

        if (!s)
                s = operation_begin(&o, a, c);
        if (!s && o.sealed.generation)
                s = FAIL(ST_UNSUPPORTED, .subject = FMT("VM %s", o.vm->name),
                         .expected = "a VM that is not sealed", .found = "a sealed one");
        operation_end(&o);
        return s ? s : compartment_replace(c, &next);
}
