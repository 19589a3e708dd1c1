/* SPDX-License-Identifier: Apache-2.0 */
/* Which target covers which disk, for seal.c. Nothing but the request is looked at. */
#include "integrity-mgr/seal_cover.h"
#include "lib/component.h"

#include <string.h>

/* The UUID of an encrypted disk is bound in any case, but its cipher stands in the header; of a
 * plain one nothing is. What a clean stop measures anew does not cover a header. */
static bool covers_disk(enum covers covers, const struct open_disk *disk, bool clean_stop)
{
        return (disk->encrypted && covers == COVERS_HEADER) ||
               (!(disk->encrypted && clean_stop) && covers == COVERS_CONTENT);
}

/* The facts of a VM hold the digests of its boot files; those of another VM say nothing here. */
static bool covers_vm(const struct open_target *open, const struct uuid *vm)
{
        char component[COMPONENT_VM];

        return open->covers == COVERS_VM && !strcmp(open->component, component_vm(vm, component));
}

static bool is_covered(const struct im_seal_req *req, const struct open_disk *disk)
{
        const struct descriptor *d = &req->descriptor;

        for (size_t i = 0; i < d->targets.count && i < req->targets.count; i++) {
                const struct open_target *open = &req->targets.items[i];

                if (!strcmp(d->targets.items[i].argument, disk->path) &&
                    covers_disk(open->covers, disk, d->clean_stop))
                        return true;
                if (disk->boot && covers_vm(open, &req->vm))
                        return true;
        }
        return false;
}

/* The target that would measure it. */
static const char *wanted(char text[256], const struct im_seal_req *req,
                          const struct open_disk *disk)
{
        if (disk->boot)
                return status_format(text, "vm:%s", req->name);
        return status_format(text, "%s:%.200s", disk->encrypted ? "luks" : "disk", disk->path);
}

enum status seal_cover_check(const struct im_seal_req *req)
{
        char target[256];

        for (size_t i = 0; i < req->disks.count; i++) {
                const struct open_disk *disk = &req->disks.items[i];

                if (!is_covered(req, disk))
                        return FAIL(ST_INVALID,
                                    .subject = FMT("%s %.200s", disk->boot ? "boot file" : "disk",
                                                   disk->path),
                                    .expected = "a target that measures it",
                                    .found = "none: it could be exchanged unnoticed",
                                    .remedy = FMT("add to the descriptor: <measureTarget "
                                                  "name=\"%.200s\" dest=\"PCR16\"/>",
                                                  wanted(target, req, disk)));
        }
        return ST_DONE;
}
