/* SPDX-License-Identifier: Apache-2.0 */
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

/* The kernel refuses as long as any page of it has a user besides the file, be it only the
 * reclaim or the migration of memory that passes by; its own patience is 150 ms. */
enum status memory_file_seal(int fd)
{
        for (int i = 0; fcntl(fd, F_ADD_SEALS, SEALS); i++) {
                if (errno != EBUSY)
                        return failed();
                if (i == TRIES)
                        return FAIL(ST_BUSY, .subject = SUBJECT,
                                    .expected = "nobody who could still write to it",
                                    .found = "somebody", .remedy = "try again");
                usleep(PAUSE_US);
        }
        return ST_DONE;
}
