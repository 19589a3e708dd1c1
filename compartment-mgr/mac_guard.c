/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the interfaces of definitions. config_worker reads them, which takes its time, so the
 * table is not locked meanwhile: of two requests that claim one address the second is refused.
 */
#include "compartment-mgr/mac_guard.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/workers.h"

#include <pthread.h>
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

static enum status apart(const struct mac_claim *c, const struct vm_definition *other,
                         const struct nic_list *theirs)
{
        for (size_t i = 0; i < c->nics.count; i++) {
                const struct nic *same = same_address(&c->nics.items[i], theirs);

                if (same)
                        return FAIL(ST_EXISTS,
                                    .subject = FMT("interface %s of VM %s", c->nics.items[i].device,
                                                   c->definition->name),
                                    .expected = "a MAC address that no other VM has",
                                    .found = FMT("'%s', which %s of VM %s has", same->mac,
                                                 same->device, other->name),
                                    .remedy = "write another mac= into the file, or none: then a "
                                              "new VM gets one of its own");
        }
        return ST_DONE;
}

static enum status apart_from_stored(const struct mac_claim *c, const struct vm_definition *other,
                                     struct arena *a)
{
        struct nic_list theirs;
        enum status s = nics_of(other, a, &theirs);

        if (s == ST_DAMAGED || s == ST_INVALID)
                error_clear(); /* its own requests say so */
        else if (s)
                return s;
        return apart(c, other, &theirs);
}

/* A name that is taken is refused elsewhere. */
static bool is_another(const struct mac_claim *c, const struct vm_definition *d)
{
        return !uuid_equal(&d->uuid, &c->definition->uuid) && strcmp(d->name, c->definition->name);
}

/* --- claims ---------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mac_claim *claims; /* the last one first */

/* Only those that came before: of two at once one goes on. */
static enum status enter(struct mac_claim *c)
{
        enum status s = ST_DONE;

        pthread_mutex_lock(&lock);
        for (const struct mac_claim *before = claims; before && !s; before = before->next)
                if (is_another(c, before->definition))
                        s = apart(c, before->definition, &before->nics);
        if (!s) {
                c->next = claims;
                claims = c;
        }
        pthread_mutex_unlock(&lock);
        return s;
}

void mac_guard_drop(struct mac_claim *c)
{
        struct mac_claim **at = &claims;

        pthread_mutex_lock(&lock);
        while (*at != c)
                at = &(*at)->next;
        *at = c->next;
        pthread_mutex_unlock(&lock);
}

/* The table is read after the claim: whoever claimed before has stored by then, or was seen. */
enum status mac_guard_claim(struct mac_claim *c, const struct vm_definition *d, struct arena *a)
{
        struct vm_summary *summaries;
        struct vm_definition *all;
        size_t count = 0;
        enum status s;

        *c = (struct mac_claim){.definition = d};
        s = nics_of(d, a, &c->nics);
        if (!s)
                s = enter(c);
        if (s)
                return s;
        if (c->nics.count)
                s = compartments_list(a, &all, &summaries, &count);
        for (size_t i = 0; i < count && !s; i++)
                if (is_another(c, &all[i]))
                        s = apart_from_stored(c, &all[i], a);
        if (s)
                mac_guard_drop(c);
        return s;
}
