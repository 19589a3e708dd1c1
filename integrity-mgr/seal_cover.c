/* SPDX-License-Identifier: Apache-2.0 */
/* Which target covers which disk, for seal.c. Nothing but the request is looked at. */
#include "integrity-mgr/seal_cover.h"

#include <string.h>

/* The UUID of an encrypted disk is bound in any case, but its cipher stands in the header; of a
 * plain one nothing is. What a clean stop measures anew does not cover a header. */
static bool covers(const struct target *t, const struct open_disk *disk, bool clean_stop)
{
        if (strcmp(t->argument, disk->path))
                return false;
        return (disk->encrypted && !strcmp(t->plugin, "luks")) ||
               (!(disk->encrypted && clean_stop) && !strcmp(t->plugin, "disk"));
}

/* The facts of a VM hold the digests of its boot files; those of another VM say nothing here. */
static bool is_this_vm(const struct im_seal_req *req, size_t i)
{
        const struct target *t = &req->descriptor.targets.items[i];

        return !strcmp(t->plugin, "vm") && i < req->targets.count &&
               !memcmp(&req->targets.items[i].uuid, &req->vm, sizeof req->vm);
}

static bool is_covered(const struct im_seal_req *req, const struct open_disk *disk)
{
        const struct descriptor *d = &req->descriptor;

        for (size_t i = 0; i < d->targets.count; i++)
                if (covers(&d->targets.items[i], disk, d->clean_stop) ||
                    (disk->boot && is_this_vm(req, i)))
                        return true;
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
