/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked at the door: the table of its requests, and what it tells unasked. The message
 * table has checked access by role; a handler checks it by VM, and then calls a story or another
 * daemon. Errors pass access_reply() on the way out.
 */
#include "compartment-mgr/requests.h"
#include "compartment-mgr/access.h"
#include "compartment-mgr/handlers.h"
#include "compartment-mgr/stories.h"
#include "lib/component.h"
#include "lib/report.h"

#define CM_MSG(number, name, who, asked, answered)                                                 \
        static enum status call_##name(struct request *r, const void *q, void *p)                  \
        {                                                                                          \
                return access_reply(r->caller, on_##name(r, q, p));                                \
        }
#include "bulkhead/messages.def"

const struct handler requests_handlers[] = {
#define CM_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};
const size_t requests_handlers_count = sizeof requests_handlers / sizeof *requests_handlers;

enum status on_attest(struct request *r, const struct attest_req *q, struct attest_rep *p)
{
        return attest_request(r, q, p);
}

enum status on_watch(struct request *r, const struct watch_req *q, struct watch_rep *p)
{
        (void)q;
        (void)p;
        server_watch(r);
        return ST_DONE;
}

static struct server *door;

void requests_open(struct server *server)
{
        door = server;
}

void requests_vm_changed(const struct vm_definition *vm, enum vm_state state, const char *why)
{
        char component[COMPONENT_VM];
        struct vm_changed_event e = {.component = component_vm(&vm->uuid, component),
                                     .vm = vm->name,
                                     .state = state,
                                     .why = why};

        report_info("VM %s: %s%s%s", vm->name, vm_state_word(state), *why ? ": " : "", why);
        server_tell(door, TELL(vm_changed, &e));
}
