/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and replaces files, with the rights of whoever typed the command. */
#include "tools/file.h"
#include "lib/io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum status file_failed(const char *path)
{
        return FAIL(errno == ENOSPC || errno == EDQUOT ? ST_NO_SPACE : ST_IO, .subject = path,
                    .found = strerror(errno));
}

enum status file_open(const char *path, int *fd_out)
{
        static bool taken;

        *fd_out = -1;
        if (!strcmp(path, "-") && taken)
                return FAIL(ST_USAGE, .subject = "standard input", .expected = "\"-\" for one file",
                            .found = "it for two");
        taken = taken || !strcmp(path, "-");
        *fd_out = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
                                    : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        return *fd_out < 0 ? file_failed(path) : ST_DONE;
}

enum status file_read(const char *path, size_t most, struct arena *a, struct bytes *out)
{
        int fd;
        enum status s = file_open(path, &fd);
        uint8_t *data;
        size_t len = 0;
        ssize_t r;

        if (s)
                return s;
        data = memory_new(most + 1, 1);
        while (len <= most && (r = read(fd, data + len, most + 1 - len)) != 0) {
                if (r < 0 && errno != EINTR) {
                        s = file_failed(path);
                        goto out;
                }
                len += r > 0 ? (size_t)r : 0;
        }
        if (len > most)
                s = FAIL(ST_TOO_LARGE, .subject = path, .expected = FMT("at most %zu bytes", most));
        else
                *out = (struct bytes){arena_copy(a, data, len), len};
out:
        explicit_bzero(data, len);
        free(data);
        close(fd);
        return s;
}

static bool stat_input(const char *path, struct stat *out)
{
        return strcmp(path, "-") ? !stat(path, out) : !fstat(STDIN_FILENO, out);
}

enum status file_must_differ(const char *output, const char *input)
{
        struct stat out, in;

        if (!output || !input || !strcmp(output, "-") || stat(output, &out) ||
            !stat_input(input, &in) || !S_ISREG(in.st_mode) || out.st_dev != in.st_dev ||
            out.st_ino != in.st_ino)
                return ST_DONE;
        return FAIL(ST_USAGE, .subject = output,
                    .expected = "another file than those that are read",
                    .found = strcmp(input, "-") ? QUOTED(input) : "standard input",
                    .remedy = "name a new file for what is written");
}

/* The mode that the file is to have: that of the old one, or as open(2) would make it. */
static mode_t mode_of(const char *path)
{
        struct stat old;
        mode_t mask;

        if (!stat(path, &old))
                return old.st_mode & 0777;
        mask = umask(0);
        umask(mask);
        return 0666 & ~mask;
}

static void sync_folder(const char *path)
{
        char *copy = strdup(path);
        int dir = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        if (dir >= 0) {
                fsync(dir);
                close(dir);
        }
        free(copy);
}

enum status file_replace(const char *path, struct bytes content)
{
        enum status s = ST_DONE;
        struct stat st;
        char *temporary;
        int fd;

        if (!strcmp(path, "-") && fflush(stdout))
                return file_failed(path);
        if (!strcmp(path, "-"))
                return io_write(STDOUT_FILENO, content.data, content.len) ? file_failed(path)
                                                                          : ST_DONE;
        /* A terminal, a pipe or /dev/stdout is written to, not replaced. */
        if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
                fd = open(path, O_WRONLY | O_CLOEXEC);
                if (fd < 0 || io_write(fd, content.data, content.len))
                        s = file_failed(path);
                if (fd >= 0)
                        close(fd);
                return s;
        }
        if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
                return FAIL(ST_INTERNAL, .subject = path);
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0) {
                s = file_failed(path);
                goto out;
        }
        if (io_write(fd, content.data, content.len) || fchmod(fd, mode_of(path)) || fsync(fd) ||
            rename(temporary, path)) {
                s = file_failed(path);
                unlink(temporary);
        }
        close(fd);
        if (!s)
                sync_folder(path);
out:
        free(temporary);
        return s;
}

/* Waits for its turn at the file. The lock needs a descriptor for writing, so that a process
 * without the right to write cannot make others wait. */
static enum status lock(int fd, const char *path)
{
        struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        struct stat locked, now;

        if (fstat(fd, &locked))
                return file_failed(path);
        if (!S_ISREG(locked.st_mode))
                return FAIL(ST_INVALID, .subject = path, .expected = "a regular file");
        while (fcntl(fd, F_OFD_SETLKW, &all))
                if (errno != EINTR)
                        return file_failed(path);
        if (stat(path, &now))
                return file_failed(path);
        if (now.st_dev != locked.st_dev || now.st_ino != locked.st_ino)
                return FAIL(ST_BUSY, .subject = path, .found = "somebody else has replaced it",
                            .remedy = "try again");
        return ST_DONE;
}

enum status file_update(const char *path, struct bytes was, struct bytes content, struct arena *a)
{
        char *real = realpath(path, NULL);
        int fd = real ? open(real, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
        struct bytes now;
        enum status s;

        s = fd < 0 ? file_failed(path) : lock(fd, real);
        if (!s)
                s = file_read(real, was.len, a, &now);
        if (s == ST_TOO_LARGE ||
            (!s && (now.len != was.len || memcmp(now.data, was.data, was.len))))
                s = FAIL(ST_BUSY, .subject = path, .found = "somebody else has changed it",
                         .remedy = "try again");
        if (!s)
                s = file_replace(real, content);
        if (fd >= 0)
                close(fd);
        free(real);
        return s;
}
