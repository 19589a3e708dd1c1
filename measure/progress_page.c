/* SPDX-License-Identifier: Apache-2.0 */
/* Maps a page of progress. Sealed against another size, it cannot fault at the end that reads. */
#include "measure/progress_page.h"
#include "lib/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

struct progress_page *progress_page_map(int fd)
{
        struct stat st;
        void *p;

        if (fd < 0 || fstat(fd, &st) || st.st_size != PAGE)
                return NULL;
        p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return p == MAP_FAILED ? NULL : p;
}

struct progress_page *progress_page_new(int *fd_out)
{
        struct progress_page *p = NULL;

        if (memory_file_new("progress", fd_out)) {
                *fd_out = -1;
                return NULL;
        }
        if (!ftruncate(*fd_out, PAGE) &&
            !fcntl(*fd_out, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
                p = progress_page_map(*fd_out);
        if (!p) {
                close(*fd_out);
                *fd_out = -1;
        }
        return p;
}

void progress_page_free(struct progress_page *p)
{
        if (p)
                munmap(p, PAGE);
}
