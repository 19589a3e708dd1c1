/* SPDX-License-Identifier: Apache-2.0 */
/* Folders for tests. */
#include "tests/fault/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int good, const char *what)
{
        if (good)
                return;
        perror(what);
        abort();
}

int folder_new(void)
{
        const char *tmp = getenv("TMPDIR");
        char path[256];
        int dir;

        mkdir("build", 0777);
        snprintf(path, sizeof path, "%s/test.XXXXXX", tmp ? tmp : "build");
        must(mkdtemp(path) != NULL, "mkdtemp");
        dir = open(path, O_RDONLY | O_DIRECTORY);
        must(dir >= 0, path);
        return dir;
}

void folder_remove(int dir)
{
        char link[64], path[256];
        const struct dirent *e;
        DIR *d = fdopendir(dup(dir));
        ssize_t n;

        must(d != NULL, "fdopendir");
        rewinddir(d);
        while ((e = readdir(d)))
                if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
                        unlinkat(dir, e->d_name, 0);
        closedir(d);
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        n = readlink(link, path, sizeof path - 1);
        must(n > 0, link);
        path[n] = '\0';
        rmdir(path);
        close(dir);
}

unsigned char *folder_read(int dir, const char *name, size_t *len_out)
{
        int fd = openat(dir, name, O_RDONLY);
        unsigned char *bytes;
        struct stat st;

        must(fd >= 0 && !fstat(fd, &st), name);
        bytes = malloc((size_t)st.st_size + 1);
        must(read(fd, bytes, (size_t)st.st_size) == st.st_size, name);
        close(fd);
        *len_out = (size_t)st.st_size;
        return bytes;
}

void folder_write(int dir, const char *name, const unsigned char *bytes, size_t len)
{
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, name);
        close(fd);
}
