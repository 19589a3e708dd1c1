/* SPDX-License-Identifier: Apache-2.0 */
/* The runs of a disk header, as they come out of a journal: applied to a disk of 1 MiB, of which
 * nothing may be written past the end, and nothing at all if they are refused. */
#include "svdm/device/header_diff.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        enum { SIZE = 1 << 20 };
        static int disk = -1;
        struct stat st;
        enum status s;

        if (disk < 0)
                disk = memfd_create("disk", MFD_CLOEXEC);
        if (disk < 0 || ftruncate(disk, 0) || ftruncate(disk, SIZE))
                abort();
        s = header_apply(disk, SIZE, (struct bytes){data, size});
        if (fstat(disk, &st) || st.st_size != SIZE)
                abort();
        if (s && (s != ST_DAMAGED || st.st_blocks))
                abort();
        return 0;
}
