/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a guest's memory while it hibernates: a LUKS2 disk like one that the guest writes,
 * with a volume key of its own, made for one hibernation and read once.
 */
#include "lib/report.h"
#include "lib/io.h"
#include "svdm/device/device.h"
#include "svdm/device/header_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum status accept(struct device *d)
{
        if (S_ISREG(d->seen.stat.st_mode) && d->writable && d->seen.stat.st_nlink == 1)
                return ST_DONE;
        return FAIL(ST_INVALID, .subject = d->path, .expected = "a file for a guest's memory",
                    .found = "something else, or one with a second name",
                    .remedy = "see who put it there; remove it, then try again");
}

enum status memory_is_missing(const char *path, const char *found)
{
        return FAIL(ST_CHANGED, .subject = path, .expected = "the image of a guest's memory",
                    .found = found,
                    .remedy = "put the image back; or give it up, as after a power cut: bulkhead "
                              "vm destroy NAME, then start it");
}

static enum status unlock(const struct device *d, const uint8_t secret[static SECRET_LEN])
{
        return d->header < 0 ? memory_is_missing(d->path, "no LUKS2 header")
                             : crypt_kind.unlock(d, secret);
}

/* The header was made in memory, what follows it on the disk. */
static enum status write_header(const struct device *d)
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

static enum status make(struct device *d, const uint8_t secret[static SECRET_LEN])
{
        const struct authority nobody = {.kind = AUTHORITY_NONE};
        enum status s = crypt_kind.prepare(d, true, &nobody, secret);

        return s ? s : write_header(d);
}

const struct device_kind memory_kind = {
        .name = "memory", .sealed = true, .memory = true, .accept = accept, .unlock = unlock};
const struct device_kind memory_new_kind = {.name = "memory-new",
                                            .sealed = true,
                                            .memory = true,
                                            .accept = accept,
                                            .make = make,
                                            .unlock = unlock};
