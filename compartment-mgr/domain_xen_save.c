/* SPDX-License-Identifier: Apache-2.0 */
/* Memory images, by libxl: the domain worker comes here, and touches the image's device alone. */
#include "compartment-mgr/domain_xen_save.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STREAM_VERSION = 2 /* of libxl, since Xen 4.6 */ };

/* The path only leads to the device; which one it must be says its number. */
static enum status open_image(const struct block_device *memory, int flags, int *fd_out)
{
        int fd = open(memory->path, flags | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0)
                return FAIL(status_of_errno(errno), .subject = memory->path,
                            .found = strerror(errno));
        if (fstat(fd, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != memory->node) {
                close(fd);
                return FAIL(ST_CHANGED, .subject = memory->path,
                            .expected = "the device that was mapped for the guest's memory",
                            .found = "another one");
        }
        *fd_out = fd;
        return ST_DONE;
}

/* --- saving ---------------------------------------------------------------------------------- */

enum status xen_resume_saved(uint32_t domid, const char *name)
{
        libxl_ctx *ctx;
        int r;
        enum status s = xen_open(&ctx);

        if (s)
                return s;
        r = libxl_domain_resume(ctx, domid, 1, NULL);
        return r ? xen_failed(r, FMT("letting domain %s run on", name)) : ST_DONE;
}

/* Some guests end before their memory could be written: they run on. */
static void run_on(struct xen_domain *d)
{
        struct error why = *error_last();

        if (xen_domain_again(d) ||
            (d->info.shutdown && d->info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND &&
             xen_resume_saved(d->info.domid, d->name)))
                log_error("letting a guest run on that could not be saved");
        error_keep(&why);
}

enum status xen_save_running(struct xen_domain *d, const struct block_device *memory)
{
        libxl_ctx *ctx;
        int fd = -1, r;
        enum status s = xen_open(&ctx);

        if (!s)
                s = open_image(memory, O_RDWR, &fd);
        if (s)
                return s;
        r = libxl_domain_suspend(ctx, d->info.domid, fd, 0, NULL);
        if (r)
                s = xen_failed(r, FMT("saving the memory of domain %s", d->name));
        else if (fsync(fd))
                s = FAIL(status_of_errno(errno), .subject = memory->path, .found = strerror(errno),
                         .remedy = "dmesg says more");
        close(fd);
        if (s)
                run_on(d);
        return s;
}

/* --- waking ---------------------------------------------------------------------------------- */

enum status xen_restore(libxl_ctx *ctx, libxl_domain_config *config,
                        const struct block_device *memory, uint32_t *domid_out)
{
        libxl_domain_restore_params params;
        int fd, r;
        enum status s = open_image(memory, O_RDONLY, &fd);

        if (s)
                return s;
        libxl_domain_restore_params_init(&params);
        params.stream_version = STREAM_VERSION;
        r = libxl_domain_create_restore(ctx, config, domid_out, fd, -1, &params, NULL, NULL);
        libxl_domain_restore_params_dispose(&params);
        close(fd);
        return r ? xen_failed(r, FMT("waking VM %s from its memory image", config->c_info.name))
                 : ST_DONE;
}
