/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories of suspending a VM in memory and of letting it run on. vm_suspend, vm_resume and
 * hibernate.c come here with the VM claimed; only the domain worker is asked. Devices and keys stay
 * where they are: the guest is as it was, but no time passes for it.
 */
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"

enum status suspend_vm(struct arena *a, struct compartment *c)
{
        struct domain_suspend_req q = {.uuid = compartment_definition(c)->uuid};
        struct domain_suspend_rep p;
        enum status s =
                worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_suspend, &q, &p), a);

        if (!s)
                compartment_set_state(c, VM_SUSPENDED, "");
        return s;
}

enum status suspend_resume(struct arena *a, struct compartment *c)
{
        struct domain_resume_req q = {.uuid = compartment_definition(c)->uuid};
        struct domain_resume_rep p;
        enum status s =
                worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_resume, &q, &p), a);

        if (!s)
                compartment_set_state(c, VM_RUNNING, "resumed");
        return s;
}
