/* SPDX-License-Identifier: Apache-2.0 */
/* Without a newline in it, a value needs no length: NAME=VALUE, one a line. */
#include "lib/journal.h"
#include "lib/buffer.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *journal_socket = "/run/systemd/journal/socket";

/* The variable is inherited by children whose standard error is something else by then. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char here[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st))
                return false;
        snprintf(here, sizeof here, "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev,
                 (uintmax_t)st.st_ino);
        return !strcmp(stream, here);
}

bool journal_send(const struct journal_field *fields, size_t count)
{
        struct sockaddr_un journal = {.sun_family = AF_UNIX};
        char text[4096], value[1600];
        size_t len = 0;
        ssize_t sent;
        int fd;

        if (!stderr_is_journal())
                return false;
        snprintf(journal.sun_path, sizeof journal.sun_path, "%s", journal_socket);
        for (size_t i = 0; i < count && len < sizeof text; i++) {
                utf8_printable(value, sizeof value, fields[i].value);
                len += (size_t)snprintf(text + len, sizeof text - len, "%s=%s\n", fields[i].name,
                                        value);
        }
        if (len >= sizeof text || (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
                return false;
        sent = sendto(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&journal,
                      sizeof journal);
        close(fd);
        return sent == (ssize_t)len;
}
