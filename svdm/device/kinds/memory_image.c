/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a guest's memory while it hibernates: a LUKS2 disk like those that guests write,
 * with a volume key of its own. It is made for one hibernation and read once.
 */
#include "lib/io.h"
#include "svdm/device/file_device.h"
#include "svdm/device/header_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum status accept(struct file_device *d)
{
        if (S_ISREG(d->seen.stat.st_mode) && d->writable && d->seen.stat.st_nlink == 1)
                return ST_DONE;
        return FAIL(ST_INVALID, .subject = d->path, .expected = "a file for a guest's memory",
                    .found = "something else, or one with a second name",
                    .remedy = "see who put it there; remove it, then try again");
}

static enum status is_missing(const struct file_device *d, const char *found)
{
        return FAIL(ST_CHANGED, .subject = d->path, .expected = "the image of a guest's memory",
                    .found = found,
                    .remedy =
                            FMT_LONG("put the image back; bulkhead vm destroy %s gives up for good "
                                     "what the VM had in memory, and it then starts as after a "
                                     "power cut",
                                     UUID_TEXT(&d->vm)));
}

static enum status unlock(const struct file_device *d, const uint8_t secret[static SECRET_LEN])
{
        return d->header < 0 ? is_missing(d, "no LUKS2 header") : crypt_file.unlock(d, secret);
}

/* The header was made in memory, and dm-integrity's superblock on the disk: writes the header. */
static enum status write_header(const struct file_device *d)
{
        struct buffer runs = BUFFER_INIT(HEADER_RUNS_MOST);
        enum status s = header_diff(d->file, d->header, &runs);
        int fd = s ? -1 : io_reopen(d->file, O_RDWR);

        if (!s && fd < 0)
                s = FAIL(status_of_errno(errno), .subject = d->path, .found = strerror(errno));
        if (!s)
                s = header_apply(fd, d->seen.size, buffer_bytes(&runs));
        if (fd >= 0)
                close(fd);
        buffer_clear(&runs);
        return s;
}

static enum status make(struct file_device *d, const uint8_t secret[static SECRET_LEN])
{
        const struct authority nobody = {.kind = AUTHORITY_NONE};
        enum status s = crypt_file.prepare(d, true, &nobody, secret);

        return s ? s : write_header(d);
}

#define MEMORY_IMAGE                                                                               \
        .sealed = true, .memory = true, .missing = is_missing, .accept = accept, .unlock = unlock
static const struct file_kind memory_file = {MEMORY_IMAGE}, new_file = {MEMORY_IMAGE, .make = make};

#define MEMORY_DEVICE                                                                              \
        .open = file_device_open, .close = file_device_close, .describe = file_device_describe,    \
        .hold = file_device_hold, .unlock = file_device_unlock, .undo = file_device_undo,          \
        .check = file_device_check
const struct device_kind memory_kind = {.name = "memory", MEMORY_DEVICE, .file = &memory_file};
const struct device_kind memory_new_kind = {.name = "memory-new", MEMORY_DEVICE, .file = &new_file};
