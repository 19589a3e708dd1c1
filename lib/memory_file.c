/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, for every process that hands a fixed content to another. */
#include "lib/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SUBJECT "a memory file"
enum {
        TRIES = 40,
        PAUSE_US = 50 * 1000,
        SEALS = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL
};

static enum status failed(void)
{
        return FAIL(status_of_errno(errno), .subject = SUBJECT, .found = strerror(errno));
}

enum status memory_file_new(const char *name, int *fd_out)
{
        *fd_out = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return *fd_out < 0 ? failed() : ST_DONE;
}

/* The kernel refuses as long as anything but the file holds one of its pages, even if that is only
 * memory reclaim or page migration passing by. The kernel itself waits 150 ms at most. */
enum status memory_file_seal(int fd)
{
        for (int i = 0; fcntl(fd, F_ADD_SEALS, SEALS); i++) {
                if (errno != EBUSY)
                        return failed();
                if (i == TRIES)
                        return FAIL(ST_BUSY, .subject = SUBJECT,
                                    .expected = "no process that can still write to it",
                                    .found = "one that can", .remedy = "try again");
                usleep(PAUSE_US);
        }
        return ST_DONE;
}
