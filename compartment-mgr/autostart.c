/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of the host's start. recover.c comes here once it is known what runs. The file
 * "autostart" in the state folder holds the boot in which VMs were started last: a daemon that is
 * started again within the same boot starts no VM.
 */
#include "compartment-mgr/autostart.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/stories.h"
#include "lib/report.h"
#include "lib/state_kinds.h"
#include "lib/state_record.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "autostart"
enum { PAUSE = 5 /* s */ };

static _Atomic(const char *) waits_for = "";

const char *autostart_waits_for(void)
{
        return waits_for;
}

/* --- once a boot ----------------------------------------------------------------------------- */

static bool done_before(int state)
{
        struct arena *a = arena_new();
        const char *boot = state_boot_id();
        struct bytes content;
        bool done = !*boot ||
                    (!state_read_record(state, FILE_NAME, &state_kind_autostart, a, &content) &&
                     content.len == strlen(boot) && !memcmp(content.data, boot, content.len));

        arena_free(a);
        return done;
}

static enum status remember(int state)
{
        const char *boot = state_boot_id();

        return state_write(state, FILE_NAME, &state_kind_autostart,
                           (struct bytes){(const uint8_t *)boot, strlen(boot)});
}

/* --- until the host is ready ----------------------------------------------------------------- */

static enum status host_is_ready(struct arena *a)
{
        /* a trust record needs the AK, which opens in approved states alone */
        struct im_trust_req q = {.asker = principal_self};
        struct im_trust_rep p;
        int svdm = -1;
        enum status s = peer_connect(PEER_SVDM, PEER_PATIENCE, &svdm);

        if (svdm >= 0)
                close(svdm);
        return s ? s : peer_call(PEER_IM, CALL(im_trust, &q, &p), a, PEER_SHORT);
}

static void wait_until_ready(struct arena *a)
{
        enum status s, before = ST_DONE;

        while ((s = host_is_ready(a))) {
                if (s != before)
                        report_error("autostart waits");
                before = s;
                waits_for = s == ST_NOT_APPROVED ? "this host's approval: bulkhead host approve"
                            : s == ST_NOT_SET_UP ? "this host's set-up: bulkhead host setup"
                                                 : "integrity-mgr and svdm to answer";
                arena_empty(a);
                sleep(PAUSE);
        }
        waits_for = "";
}

/* --- the VMs --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct vm_summary *)a)->name, ((const struct vm_summary *)b)->name);
}

static void start_one(struct arena *a, const char *name)
{
        struct compartment *c;
        enum status s = compartment_claim(name, "autostart", &principal_self, &c);

        if (!s && compartment_state(c) == compartment_at_rest(c))
                s = start_vm(a, c);
        if (s)
                report_error("starting a VM with the host");
        compartment_release(c);
}

static bool any_marked(const struct vm_summary *vms, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (vms[i].autostart)
                        return true;
        return false;
}

void autostart_run(int state)
{
        struct arena *a = arena_new(), *one = arena_new();
        struct vm_definition *definitions;
        struct vm_summary *vms;
        size_t count;

        if (done_before(state))
                goto out;
        compartments_list(a, &definitions, &vms, &count);
        if (any_marked(vms, count))
                wait_until_ready(one);
        if (remember(state)) {
                report_error("keeping that VMs were started with the host: none is started");
                goto out;
        }
        compartments_list(a, &definitions, &vms, &count);
        qsort(vms, count, sizeof *vms, by_name);
        for (size_t i = 0; i < count; i++) {
                if (vms[i].autostart)
                        start_one(one, vms[i].name);
                arena_empty(one);
        }
out:
        arena_free(a);
        arena_free(one);
}
