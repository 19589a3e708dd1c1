/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps which image counts. An image that integrity-mgr does not know of is never woken, so
 * integrity-mgr is told first, and the VM's own record follows. svdm removes the file.
 */
#include "compartment-mgr/memory_image.h"
#include "compartment-mgr/peers.h"
#include "lib/report.h"

static enum status tell_im(struct arena *a, const struct compartment *c, int header)
{
        struct im_memory_req q = {.asker = *compartment_asker(c),
                                  .vm = compartment_definition(c)->uuid,
                                  .memory = header};
        struct im_memory_rep p;

        return peer_call(PEER_IM, CALL(im_memory, &q, &p), a, PEER_SHORT);
}

enum status memory_image_commit(struct arena *a, struct compartment *c, int header,
                                const char *path)
{
        enum status s = tell_im(a, c, header);

        return s ? s : compartment_set_memory(c, path);
}

enum status memory_image_revoke(struct arena *a, struct compartment *c)
{
        return memory_image_commit(a, c, -1, "");
}

enum status memory_image_forget(struct arena *a, struct compartment *c)
{
        enum status s;

        if (!*compartment_memory(c))
                return ST_DONE;
        s = memory_image_revoke(a, c);
        if (!s)
                memory_image_remove(a, c);
        return s;
}

void memory_image_remove(struct arena *a, const struct compartment *c)
{
        struct svdm_memory_req q = {.vm = compartment_definition(c)->uuid};
        struct svdm_memory_rep p;

        if (peer_call(PEER_SVDM, CALL(svdm_memory, &q, &p), a, PEER_SHORT))
                report_error("removing the image of a VM's memory, which is never woken");
}
