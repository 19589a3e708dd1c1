/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory images, by libxl. The back-end for Xen comes here; of files, only the image's device is
 * touched. libxl writes and reads a stream in pieces of any length. But the sectors of the device
 * have no tag before they are first written, so the device takes only whole blocks. So a thread
 * stands between the two, with a pipe to libxl.
 */
#include "compartment-mgr/domain/domain_xen_save.h"
#include "lib/io.h"
#include "lib/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        STREAM_VERSION = 2, /* of libxl, since Xen 4.6 */
        CHUNK = 1 << 20,    /* bytes that are written and read at once, also at the image's end */
        ALIGNMENT = 4096    /* of buffers, for O_DIRECT */
};

/* The path leads to the device, and the number says which device it must be. O_DIRECT, because the
 * page cache may read a block before it is written, and such a block has no tag yet. */
static enum status open_image(const struct block_device *memory, int flags, int *fd_out)
{
        int fd = open(memory->path, flags | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
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

/* --- between pipe and device ----------------------------------------------------------------- */

struct pump {
        pthread_t thread;
        int pipe, image; /* the thread's ends */
        int other;       /* libxl's end of the pipe, which pump_end() closes */
        uint64_t at;
        int error; /* the device's, to be read after pump_end() */
};

static void *to_device(void *arg)
{
        struct pump *p = arg;
        uint8_t *chunk = aligned_alloc(ALIGNMENT, CHUNK);
        ssize_t n;

        while (chunk && !p->error && (n = io_read(p->pipe, chunk, CHUNK)) > 0) {
                ssize_t r;

                memset(chunk + n, 0, CHUNK - (size_t)n);
                r = pwrite(p->image, chunk, CHUNK, (off_t)p->at);
                if (r != CHUNK)
                        p->error = r < 0 ? errno : ENOSPC;
                p->at += CHUNK;
        }
        /* from_device() reads ahead, and behind the stream's end has to find zeros, not blocks that
         * have no tag; ENOSPC is the device's end */
        if (chunk && !p->error &&
            pwrite(p->image, memset(chunk, 0, CHUNK), CHUNK, (off_t)p->at) < 0 && errno != ENOSPC)
                p->error = errno;
        if (!chunk)
                p->error = ENOMEM;
        if (!p->error && fsync(p->image))
                p->error = errno;
        free(chunk);
        close(p->pipe);
        return NULL;
}

/* Reads ahead of libxl, until the device's end or until libxl's end of the pipe is closed. */
static void *from_device(void *arg)
{
        struct pump *p = arg;
        uint8_t *chunk = aligned_alloc(ALIGNMENT, CHUNK);
        ssize_t n = 0;

        while (chunk && (n = pread(p->image, chunk, CHUNK, (off_t)p->at)) > 0 &&
               !io_write(p->pipe, chunk, (size_t)n))
                p->at += (uint64_t)n;
        if (!chunk || n < 0)
                p->error = chunk ? errno : ENOMEM;
        free(chunk);
        close(p->pipe);
        return NULL;
}

static enum status pump_begin(struct pump *p, int image, bool save)
{
        int ends[2];

        *p = (struct pump){.image = image};
        if (pipe2(ends, O_CLOEXEC))
                return FAIL(status_of_errno(errno), .subject = "a pipe", .found = strerror(errno));
        p->pipe = ends[!save];
        p->other = ends[save];
        if (!pthread_create(&p->thread, NULL, save ? to_device : from_device, p))
                return ST_DONE;
        close(ends[0]);
        close(ends[1]);
        return FAIL(ST_IO, .subject = "a thread for the guest's memory");
}

static void pump_end(struct pump *p)
{
        close(p->other);
        pthread_join(p->thread, NULL);
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

/* Lets a guest run on that suspended itself, but whose memory could not be written. */
static void run_on(struct xen_domain *d)
{
        struct error why = *error_last();

        if (xen_domain_again(d) ||
            (d->info.shutdown && d->info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND &&
             xen_resume_saved(d->info.domid, d->name)))
                report_error("letting a guest run on that could not be saved");
        error_keep(&why);
}

static enum status save_to(libxl_ctx *ctx, const struct xen_domain *d, const char *path, int image)
{
        struct pump p;
        int r;
        enum status s = pump_begin(&p, image, true);

        if (s)
                return s;
        r = libxl_domain_suspend(ctx, d->info.domid, p.other, 0, NULL);
        pump_end(&p);
        if (p.error)
                return FAIL(status_of_errno(p.error), .subject = path,
                            .expected = "the guest's memory written", .found = strerror(p.error),
                            .remedy = "dmesg says more; the VM runs on");
        return r ? xen_failed(r, FMT("saving the memory of domain %s", d->name)) : ST_DONE;
}

enum status xen_save_running(struct xen_domain *d, const struct block_device *memory)
{
        libxl_ctx *ctx;
        int image;
        enum status s = xen_open(&ctx);

        if (!s)
                s = open_image(memory, O_RDWR, &image);
        if (s)
                return s;
        s = save_to(ctx, d, memory->path, image);
        close(image);
        if (s)
                run_on(d);
        return s;
}

/* --- waking ---------------------------------------------------------------------------------- */

static enum status restore_from(libxl_ctx *ctx, libxl_domain_config *config, const char *path,
                                int image, uint32_t *domid_out)
{
        libxl_domain_restore_params params;
        struct pump p;
        int r;
        enum status s = pump_begin(&p, image, false);

        if (s)
                return s;
        libxl_domain_restore_params_init(&params);
        params.stream_version = STREAM_VERSION;
        r = libxl_domain_create_restore(ctx, config, domid_out, p.other, -1, &params, NULL, NULL);
        libxl_domain_restore_params_dispose(&params);
        pump_end(&p);
        if (!r)
                return ST_DONE; /* a failure to read further ahead is none */
        if (p.error == EILSEQ || p.error == EIO)
                return FAIL(ST_CHANGED, .subject = path,
                            .expected = "the memory that the VM left when it hibernated",
                            .found = FMT("something else in the MiB at byte %" PRIu64
                                         ": changed outside",
                                         p.at),
                            .remedy = FMT("put the image back; bulkhead vm destroy %s gives up for "
                                          "good what the VM had in memory, and it then starts as "
                                          "after a power cut",
                                          config->c_info.name));
        return xen_failed(r, FMT("waking VM %s from its memory image", config->c_info.name));
}

enum status xen_restore(libxl_ctx *ctx, libxl_domain_config *config,
                        const struct block_device *memory, uint32_t *domid_out)
{
        int image;
        enum status s = open_image(memory, O_RDONLY, &image);

        if (s)
                return s;
        s = restore_from(ctx, config, memory->path, image, domid_out);
        close(image);
        return s;
}
