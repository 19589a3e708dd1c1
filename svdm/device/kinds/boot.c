/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a domain is built from: its kernel and its ramdisk. Each is copied into a sealed
 * memory file, which is what is measured and what the hypervisor gets. So no VM holds the file
 * itself, and many VMs may share one.
 */
#include "lib/file_at.h"
#include "lib/memory_file.h"
#include "svdm/device/file_device.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static enum status must_be_file(const struct file_device *d)
{
        if (d->writable)
                return FAIL(ST_REFUSED, .subject = d->path, .expected = "a file to boot from",
                            .found = "a disk that the guest may write");
        return file_at_is_boot(d->path, &d->seen.stat);
}

/* Copies as many bytes as the file had when it was opened, even if it grows meanwhile. */
static enum status copy(const struct file_device *d, int memory)
{
        for (uint64_t left = d->seen.size; left;) {
                ssize_t n = sendfile(memory, d->file, NULL, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return FAIL(status_of_errno(errno), .subject = d->path,
                                    .found = strerror(errno));
                if (!n)
                        return FAIL(ST_CHANGED, .subject = d->path,
                                    .expected = "a file that nobody writes",
                                    .found = "it became shorter while it was read",
                                    .remedy = "see who writes to it, then try again");
                left -= (uint64_t)n;
        }
        return memory_file_seal(memory);
}

/* From here on the copy is the file. */
static enum status accept(struct file_device *d)
{
        enum status s = must_be_file(d);
        int memory;

        if (s)
                return s;
        s = memory_file_new("boot-file", &memory);
        if (s)
                return s;
        s = copy(d, memory);
        if (s) {
                close(memory);
                return s;
        }
        close(d->file);
        d->file = memory;
        return ST_DONE;
}

static const struct file_kind boot_file = {.boot = true, .accept = accept};

/* No hold and no check: no VM holds the file, and the copy that was measured cannot change. */
const struct device_kind boot_kind = {
        .name = "boot",
        .open = file_device_open,
        .close = file_device_close,
        .describe = file_device_describe,
        .file = &boot_file,
};
