/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a passphrase and puts it into a pipe. The terminal's echo is restored before Ctrl-C,
 * SIGTERM and the like end or stop the process. */
#include "tools/passphrase.h"
#include "lib/memory_file.h"
#include "tools/file.h"
#include "tools/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { KEY_FILE_MOST = 8 << 20 /* as cryptsetup(8) */ };

static int open_terminal(void)
{
        return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool passphrase_can_ask(void)
{
        int fd = open_terminal();

        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

/* Reads the first line of fd, without its end. Returns its length, or -1 with errno: E2BIG if it is
 * too long. */
static ssize_t read_line(int fd, char line[static PASSPHRASE_MOST + 2])
{
        size_t len = 0;

        while (len < PASSPHRASE_MOST + 2) {
                ssize_t r = read(fd, line + len, 1);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -1;
                if (!r || line[len] == '\n')
                        break;
                len++;
        }
        if (len > PASSPHRASE_MOST) {
                errno = E2BIG;
                return -1;
        }
        return (ssize_t)len;
}

/* Waits for a line. False with EINTR if one of these signals came first: it stays pending. */
static bool line_comes(int terminal, const sigset_t *blocked)
{
        int signals = signalfd(-1, blocked, SFD_CLOEXEC);
        struct pollfd p[] = {{terminal, POLLIN, 0}, {signals, POLLIN, 0}};
        bool comes = signals >= 0 && poll(p, 2, -1) > 0 && !p[1].revents;

        if (signals >= 0)
                close(signals);
        errno = comes ? 0 : EINTR;
        return comes;
}

/* The line is typed without echo. A signal is blocked until the echo is back, and then
 * delivered. */
static ssize_t ask(int terminal, const char *prompt, char line[static PASSPHRASE_MOST + 2])
{
        static const int stoppers[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTERM, SIGHUP};
        struct termios usual, silent;
        sigset_t block, before;
        ssize_t len = -1;

        sigemptyset(&block);
        for (size_t i = 0; i < sizeof stoppers / sizeof *stoppers; i++)
                sigaddset(&block, stoppers[i]);
        sigprocmask(SIG_BLOCK, &block, &before);
        if (!tcgetattr(terminal, &usual)) {
                silent = usual;
                silent.c_lflag &= ~(tcflag_t)ECHO;
                dprintf(terminal, "%s: ", prompt);
                if (!tcsetattr(terminal, TCSAFLUSH, &silent) && line_comes(terminal, &block))
                        len = read_line(terminal, line);
                tcsetattr(terminal, TCSAFLUSH, &usual);
                dprintf(terminal, "\n");
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        return len;
}

static enum status from_terminal(const struct passphrase_prompt *prompt, bool twice,
                                 char line[static PASSPHRASE_MOST + 2], ssize_t *len_out)
{
        char again[PASSPHRASE_MOST + 2];
        int terminal = open_terminal();
        enum status s = ST_DONE;
        ssize_t len;

        if (terminal < 0)
                return FAIL(ST_USAGE, .subject = prompt->text, .found = "no terminal to ask on",
                            .remedy = FMT("give it with %s FILE", prompt->option));
        *len_out = ask(terminal, prompt->text, line);
        if (twice && *len_out > 0) {
                len = ask(terminal, "The same once more", again);
                if (len != *len_out || memcmp(line, again, (size_t)len))
                        s = FAIL(ST_USAGE, .subject = prompt->text,
                                 .found = "the two are different");
        }
        explicit_bzero(again, sizeof again);
        close(terminal);
        return s;
}

/* These bytes are part of the passphrase, as for cryptsetup, and nobody sees them. */
static void note_unseen(const char *file, const char *line, size_t len)
{
        const char *what = len && line[len - 1] == '\r' ? "ends with a carriage return"
                           : len >= 3 && !memcmp(line, "\xef\xbb\xbf", 3)
                                   ? "begins with a byte order "
                                     "mark"
                           : len && strchr(" \t", line[len - 1]) ? "ends with a blank"
                                                                 : NULL;

        if (what && !output_quiet())
                fprintf(stderr,
                        "bulkhead: %s: its first line %s, which is taken as a part of the "
                        "passphrase\n",
                        output_clean(file), what);
}

static enum status from_file(const char *file, char line[static PASSPHRASE_MOST + 2],
                             ssize_t *len_out)
{
        int fd;
        enum status s = file_open(file, &fd);

        if (s)
                return s;
        *len_out = read_line(fd, line);
        close(fd);
        if (*len_out > 0)
                note_unseen(file, line, (size_t)*len_out);
        return ST_DONE;
}

enum status passphrase_pipe(const char *file, const struct passphrase_prompt *prompt, bool twice,
                            int *fd_out)
{
        char line[PASSPHRASE_MOST + 2];
        ssize_t len = -1;
        enum status s;

        errno = 0;
        s = file ? from_file(file, line, &len) : from_terminal(prompt, twice, line, &len);
        if (s)
                goto out;
        if (len < 0 && file && errno != E2BIG) {
                s = file_failed(file);
                goto out;
        }
        if (len <= 0) {
                s = FAIL(ST_USAGE, .subject = file ? file : prompt->text,
                         .expected = FMT("1 to %d bytes on one line", PASSPHRASE_MOST),
                         .found = len ? strerror(errno) : "nothing");
                goto out;
        }
        s = passphrase_of((struct bytes){(const uint8_t *)line, (size_t)len}, fd_out);
out:
        explicit_bzero(line, sizeof line);
        return s;
}

enum status passphrase_of(struct bytes passphrase, int *fd_out)
{
        enum status s = ST_DONE;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC))
                return FAIL(status_of_errno(errno), .subject = "pipe", .found = strerror(errno));
        /* Less than PIPE_BUF into an empty pipe: write() neither blocks nor writes a part. */
        if (write(fds[1], passphrase.data, passphrase.len) != (ssize_t)passphrase.len) {
                s = FAIL(ST_IO, .subject = "pipe", .found = strerror(errno));
                close(fds[0]);
        } else {
                *fd_out = fds[0];
        }
        close(fds[1]);
        return s;
}

bool passphrase_confirm(const char *question)
{
        char line[PASSPHRASE_MOST + 2];
        int terminal = open_terminal();
        ssize_t len;

        if (terminal < 0)
                return false;
        dprintf(terminal, "%s [yes/no]: ", question);
        len = read_line(terminal, line);
        close(terminal);
        return len == 3 && !memcmp(line, "yes", 3);
}

/* --- key files ----------------------------------------------------------------------------- */

/* Skips what comes before the offset, also of a pipe. */
static bool skip(int fd, uint64_t offset)
{
        uint8_t nowhere[4096];

        if (!offset || lseek(fd, (off_t)offset, SEEK_SET) >= 0)
                return true;
        while (offset) {
                ssize_t r = read(fd, nowhere, offset < sizeof nowhere ? offset : sizeof nowhere);

                if (r <= 0)
                        return false;
                offset -= (uint64_t)r;
        }
        explicit_bzero(nowhere, sizeof nowhere);
        return true;
}

/* Copies up to `most` bytes; how many, or -1 with errno. */
static int64_t copy(int from, int to, uint64_t most)
{
        uint8_t bytes[4096];
        uint64_t done = 0;
        ssize_t r = 1;

        while (done < most && r) {
                r = read(from, bytes, most - done < sizeof bytes ? most - done : sizeof bytes);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0 || (r && write(to, bytes, (size_t)r) != r))
                        break;
                done += (uint64_t)r;
        }
        explicit_bzero(bytes, sizeof bytes);
        return r < 0 || (r && done < most) ? -1 : (int64_t)done;
}

static enum status wrong_length(const struct passphrase_source *from, uint64_t found)
{
        if (found > KEY_FILE_MOST)
                return FAIL(ST_USAGE, .subject = from->key_file,
                            .expected = FMT("at most %d bytes", KEY_FILE_MOST), .found = "more",
                            .remedy = "say how many count: --keyfile-size BYTES");
        return FAIL(ST_USAGE, .subject = from->key_file,
                    .expected = from->size ? FMT("%llu bytes from byte %llu on",
                                                 (unsigned long long)from->size,
                                                 (unsigned long long)from->offset)
                                           : "at least one byte",
                    .found = FMT("%llu", (unsigned long long)found));
}

static enum status copy_key(const struct passphrase_source *from, int file, int memory)
{
        const uint64_t most = from->size ? from->size : KEY_FILE_MOST + 1;
        int64_t len;

        if (from->size > KEY_FILE_MOST)
                return wrong_length(from, from->size);
        errno = 0;
        len = skip(file, from->offset) ? copy(file, memory, most) : 0;
        if (len < 0)
                return FAIL(ST_IO, .subject = from->key_file, .found = strerror(errno));
        if (!len || len > KEY_FILE_MOST || (from->size && (uint64_t)len != from->size))
                return wrong_length(from, (uint64_t)len);
        lseek(memory, 0, SEEK_SET);
        return memory_file_seal(memory);
}

static enum status from_key_file(const struct passphrase_source *from, int *fd_out)
{
        int file, memory = -1;
        enum status s = file_open(from->key_file, &file);

        if (s)
                return s;
        s = memory_file_new("key", &memory);
        if (!s)
                s = copy_key(from, file, memory);
        close(file);
        if (s && memory >= 0)
                close(memory);
        *fd_out = s ? -1 : memory;
        return s;
}

bool passphrase_is_given(const struct passphrase_source *from)
{
        return from->file || from->key_file;
}

enum status passphrase_take(const struct passphrase_source *from,
                            const struct passphrase_prompt *prompt, bool twice, int *fd_out,
                            enum passphrase_form *form_out)
{
        *form_out = from->key_file ? PASSPHRASE_KEY_FILE : PASSPHRASE_LINE;
        if (from->key_file)
                return from_key_file(from, fd_out);
        return passphrase_pipe(from->file, prompt, twice, fd_out);
}
