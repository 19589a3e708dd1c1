/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm's request about the file for the image of a guest's memory. The file lies in svdm's state
 * folder, and its space is reserved before the guest is asked to stand still.
 */
#include "lib/config.h"
#include "svdm/requests.h"
#include "svdm/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        BLOCK = 4096,
        NAME_SIZE = 64,
        FIXED = 40 << 20, /* bytes: the LUKS2 header, and what dm-integrity has at least */
        SHARE = 32        /* of the rest: its tags (32 bytes a block) and journal (1/128) */
};

static const char *file_name(char name[NAME_SIZE], const struct uuid *vm)
{
        char uuid[37];

        uuid_write(vm, uuid);
        snprintf(name, NAME_SIZE, "memory-%s.img", uuid);
        return name;
}

static enum status failed(const char *name, uint64_t size, int error)
{
        if (error == ENOSPC || error == EDQUOT || error == EFBIG)
                return FAIL(ST_NO_SPACE, .subject = FMT("svdm's state folder, for %s", name),
                            .expected =
                                    FMT("%llu MiB that are free", (unsigned long long)(size >> 20)),
                            .found = strerror(error),
                            .remedy = "make room there; the VM runs on meanwhile");
        return FAIL(status_of_errno(error), .subject = name, .found = strerror(error));
}

static enum status make(const char *name, uint64_t size)
{
        int fd = openat(svdm.dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);

        if (fd >= 0)
                close(fd);
        if (!error)
                return ST_DONE;
        if (fd >= 0)
                unlinkat(svdm.dir, name, 0);
        return failed(name, size, error);
}

/* Removes the file, and what an operation that was cut short, or a VM that woke, has left mapped of
 * it. */
static enum status remove_old(const struct uuid *vm, const char *name, struct arena *a)
{
        struct claim *claim;
        enum status s = held_claim(vm, &claim);

        if (s)
                return s;
        s = session_release(vm, "memory", a);
        if (!s)
                s = held_remove(vm, "memory");
        if (!s && unlinkat(svdm.dir, name, 0) && errno != ENOENT)
                s = failed(name, 0, errno);
        held_drop(claim);
        return s;
}

enum status on_svdm_memory(struct request *r, const struct svdm_memory_req *q,
                           struct svdm_memory_rep *p)
{
        char name[NAME_SIZE], path[CONFIG_PATH];
        uint64_t size = q->size + q->size / SHARE + FIXED;
        enum status s = remove_old(&q->vm, file_name(name, &q->vm), r->arena);

        p->path = "";
        if (s || !q->size)
                return s;
        if (size < q->size)
                return FAIL(ST_TOO_LARGE, .subject = name);
        s = make(name, (size + BLOCK - 1) / BLOCK * BLOCK);
        if (!s)
                p->path = arena_print(r->arena, "%s/%s", config_path(path, config.state, "svdm"),
                                      name);
        return s;
}
