/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the interfaces of definitions. config_worker reads them; nothing is changed here. */
#include "compartment-mgr/mac_guard.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/workers.h"

#include <string.h>
#include <strings.h>

static enum status nics_of(const struct vm_definition *d, struct arena *a, struct nic_list *out)
{
        struct config_parse_req q = {.json = d->config};
        struct config_parse_rep p;
        enum status s = worker_call(workers.config, CONFIG_DEADLINE, CALL(config_parse, &q, &p), a);

        *out = s ? (struct nic_list){0} : p.config.nics;
        return s;
}

/* The six octets decide: a digit may be written in either case. */
static const struct nic *same_address(const struct nic *nic, const struct nic_list *in)
{
        for (size_t i = 0; i < in->count; i++)
                if (!strcasecmp(nic->mac, in->items[i].mac))
                        return &in->items[i];
        return NULL;
}

static enum status apart(const struct vm_definition *d, const struct nic_list *nics,
                         const struct vm_definition *other, struct arena *a)
{
        struct nic_list theirs;
        enum status s = nics_of(other, a, &theirs);

        if (s == ST_DAMAGED || s == ST_INVALID)
                error_clear(); /* its own requests say so */
        else if (s)
                return s;
        for (size_t i = 0; i < nics->count; i++) {
                const struct nic *same = same_address(&nics->items[i], &theirs);

                if (same)
                        return FAIL(ST_EXISTS,
                                    .subject = FMT("interface %s of VM %s", nics->items[i].device,
                                                   d->name),
                                    .expected = "a MAC address that no other VM has",
                                    .found = FMT("'%s', which %s of VM %s has", same->mac,
                                                 same->device, other->name),
                                    .remedy = "write another mac= into the file, or none: then a "
                                              "new VM gets one of its own");
        }
        return ST_DONE;
}

enum status mac_guard_check(const struct vm_definition *d, struct arena *a)
{
        struct vm_summary *summaries;
        struct vm_definition *all;
        struct nic_list nics;
        size_t count = 0;
        enum status s = nics_of(d, a, &nics);

        if (!s && nics.count)
                s = compartments_list(a, &all, &summaries, &count);
        for (size_t i = 0; i < count && !s; i++) /* a name that is taken is refused elsewhere */
                if (!uuid_equal(&all[i].uuid, &d->uuid) && strcmp(all[i].name, d->name))
                        s = apart(d, &nics, &all[i], a);
        return s;
}
