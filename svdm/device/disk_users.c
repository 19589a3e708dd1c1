/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device worker comes here before a seal. What is read is the kernel's own: mountinfo, swaps,
 * sysfs, the state of loop devices. Of files and devices it looks at the inode alone.
 */
#include "svdm/device/disk_users.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LOOP_MAJOR = 7, NAME_SIZE = 64 };

/* Where a disk lies in the end: a block device, or a file. */
struct ground {
        dev_t node; /* 0 for a file */
        dev_t device;
        ino_t inode;
};

/* --- where a disk lies --------------------------------------------------------------------- */

/* What lies under a loop device. False if it has nothing. */
static bool under_loop(unsigned number, struct ground *out)
{
        struct loop_info64 info;
        char path[NAME_SIZE];
        int fd, r;

        snprintf(path, sizeof path, "/dev/loop%u", number);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return false;
        r = ioctl(fd, LOOP_GET_STATUS64, &info);
        close(fd);
        if (r)
                return false;
        *out = info.lo_rdevice ? (struct ground){.node = info.lo_rdevice}
                               : (struct ground){.device = info.lo_device, .inode = info.lo_inode};
        return true;
}

static struct ground ground_of_node(dev_t node)
{
        struct ground g = {.node = node};

        for (int i = 0; i < 4 && major(g.node) == LOOP_MAJOR; i++)
                if (!under_loop(minor(g.node), &g))
                        break;
        return g;
}

static bool ground_of(const struct stat *st, struct ground *out)
{
        if (S_ISBLK(st->st_mode))
                *out = ground_of_node(st->st_rdev);
        else
                *out = (struct ground){.device = st->st_dev, .inode = st->st_ino};
        return S_ISBLK(st->st_mode) || S_ISREG(st->st_mode);
}

static bool ground_of_other(const struct other_disk *o, struct ground *out)
{
        struct stat st;

        if (o->node)
                *out = ground_of_node(o->node);
        return o->node || (*o->path == '/' && !stat(o->path, &st) && ground_of(&st, out));
}

/* "/sys/devices/.../sda/sda1": a partition lies below its disk. */
static bool place_of(dev_t node, char place[static PATH_MAX])
{
        char link[NAME_SIZE];

        snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(node), minor(node));
        return realpath(link, place);
}

static bool is_within(const char *part, const char *whole)
{
        const size_t len = strlen(whole);

        return !strncmp(part, whole, len) && part[len] == '/';
}

static bool overlap(const struct ground *a, const struct ground *b)
{
        char place_a[PATH_MAX], place_b[PATH_MAX];

        if (!a->node != !b->node)
                return false;
        if (!a->node)
                return a->device == b->device && a->inode == b->inode;
        if (a->node == b->node)
                return true;
        return place_of(a->node, place_a) && place_of(b->node, place_b) &&
               (is_within(place_a, place_b) || is_within(place_b, place_a));
}

/* --- others -------------------------------------------------------------------------------- */

enum status disk_users_others(const char *path, const struct stat *st,
                              const struct other_disk *others, size_t count)
{
        struct ground ours, theirs;

        if (!ground_of(st, &ours))
                return ST_DONE;
        for (size_t i = 0; i < count; i++) {
                const struct other_disk *o = &others[i];

                if (ground_of_other(o, &theirs) && overlap(&ours, &theirs))
                        return FAIL(ST_REFUSED, .subject = path,
                                    .expected = "a disk that nobody else has",
                                    .found =
                                            !*o->path || !strcmp(o->path, path)
                                                    ? FMT("%s has it, too", o->who)
                                                    : FMT("%s has it as '%.200s'", o->who, o->path),
                                    .remedy = "give this VM a disk of its own: name another path "
                                              "in its xl.cfg, and define it anew");
        }
        return ST_DONE;
}

/* --- the host ------------------------------------------------------------------------------ */

/* The next word of a line of /proc, with its octal escapes undone in place; NULL at the end. */
static char *next_word(char **at)
{
        char *word = *at + strspn(*at, " \t\n"), *to = word, *from = word;

        if (!*word)
                return NULL;
        for (; *from && !strchr(" \t\n", *from); to++) {
                unsigned code;

                if (*from == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
                        *to = (char)code;
                        from += 4;
                } else {
                        *to = *from++;
                }
        }
        *at = from + !!*from;
        *to = 0;
        return word;
}

/* Fields 3 and 5 of mountinfo (proc(5)): the device and where it is mounted. */
static bool mounted_at(dev_t node, char *text)
{
        FILE *f = fopen("/proc/self/mountinfo", "re");
        char *line = NULL, *at, *where;
        unsigned high, low;
        bool found = false;
        size_t size = 0;

        while (f && !found && getline(&line, &size, f) > 0) {
                if (sscanf(line, "%*d %*d %u:%u", &high, &low) != 2 || makedev(high, low) != node)
                        continue;
                at = line;
                for (int i = 0; i < 4; i++)
                        next_word(&at);
                where = next_word(&at);
                snprintf(text, 256, "mounted at %.200s", where ? where : "some place");
                found = true;
        }
        free(line);
        if (f)
                fclose(f);
        return found;
}

static bool swapped_to(const struct ground *ours)
{
        FILE *f = fopen("/proc/swaps", "re");
        char *line = NULL, *at, *path;
        bool found = false;
        size_t size = 0;

        while (f && !found && getline(&line, &size, f) > 0) {
                struct other_disk o = {.path = ""};
                struct ground theirs;

                at = line;
                path = next_word(&at);
                o.path = path ? path : "";
                found = ground_of_other(&o, &theirs) && overlap(ours, &theirs);
        }
        free(line);
        if (f)
                fclose(f);
        return found;
}

/* dm-N or mdN, in sysfs. */
static bool part_of(dev_t node, char *text)
{
        char path[PATH_MAX];
        struct dirent *e = NULL;
        DIR *d;

        snprintf(path, sizeof path, "/sys/dev/block/%u:%u/holders", major(node), minor(node));
        d = opendir(path);
        while (d && (e = readdir(d)) && *e->d_name == '.')
                ;
        if (e)
                snprintf(text, 256, "a part of %.200s", e->d_name);
        if (d)
                closedir(d);
        return e;
}

static bool under_a_loop(const struct ground *ours, char *text)
{
        DIR *d = opendir("/sys/block");
        struct dirent *e;
        bool found = false;

        while (d && !found && (e = readdir(d))) {
                struct ground theirs;
                unsigned number;

                found = sscanf(e->d_name, "loop%u", &number) == 1 && under_loop(number, &theirs) &&
                        overlap(ours, &theirs);
                if (found)
                        snprintf(text, 256, "under /dev/%.60s", e->d_name);
        }
        if (d)
                closedir(d);
        return found;
}

const char *disk_users_of(dev_t node, char text[static 256])
{
        const struct ground g = {.node = node};

        if (mounted_at(node, text) || part_of(node, text))
                return text;
        return swapped_to(&g) ? "a swap area" : "mounted, or part of another device";
}

enum status disk_users_host(const char *path, int fd)
{
        char text[256];
        struct ground g;
        struct stat st;

        if (fstat(fd, &st))
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
        if (!ground_of(&st, &g))
                return ST_DONE;
        if (swapped_to(&g))
                return FAIL(ST_BUSY, .subject = path,
                            .expected = "a disk that the host does not use",
                            .found = "the host swaps to it", .remedy = FMT("swapoff %s", path));
        /* A disk that is a loop device itself is what lies under it, and was opened for writing. */
        if (S_ISBLK(st.st_mode) && major(st.st_rdev) == LOOP_MAJOR)
                return ST_DONE;
        if (under_a_loop(&g, text))
                return FAIL(ST_BUSY, .subject = path,
                            .expected = "a disk that the host does not use", .found = text,
                            .remedy = FMT("losetup -j %s shows it; unmount what it "
                                          "has, then losetup --detach it",
                                          path));
        return ST_DONE;
}
