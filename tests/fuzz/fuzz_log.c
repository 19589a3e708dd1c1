/* SPDX-License-Identifier: Apache-2.0 */
/* Any file as the log: opened, appended to and opened again, or refused; never a crash, and what
 * was accepted once is accepted again with the same root. */
#include "integrity-mgr/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "build/fuzz-log-XXXXXX";

static void remove_folder(void)
{
        char name[sizeof path + 8];

        snprintf(name, sizeof name, "%s/log", path);
        unlink(name);
        rmdir(path);
}

static int folder(void)
{
        static int dir = -1;

        if (dir < 0) {
                if (!mkdtemp(path))
                        abort();
                dir = open(path, O_RDONLY | O_DIRECTORY);
                atexit(remove_folder);
        }
        return dir;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct log_entry entry = {.node = {(const uint8_t *)"<n></n>", 7}};
        struct log_place place, again;
        struct log *l;
        int dir = folder(), fd = openat(dir, "log", O_WRONLY | O_CREAT | O_TRUNC, 0600);

        if (fd < 0 || write(fd, data, size) != (ssize_t)size)
                abort();
        close(fd);
        if (log_open(dir, HASH_SHA256, &l))
                return 0;
        if (log_append(l, &entry, 1, &place) || log_sync(l, &place))
                abort();
        log_close(l);
        if (log_open(dir, HASH_SHA256, &l) || log_head(l, &again) || again.length != place.length ||
            !digest_equal(&again.root, &place.root))
                abort();
        log_close(l);
        return 0;
}
