/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that talks to libdevmapper. A device is Bulkhead's if its name begins with
 * "bulkhead-" and a VM's UUID, and if its device-mapper UUID is the one that libcryptsetup makes
 * for that name. All other devices are left alone.
 */
#include "svdm/device/mapper.h"
#include "lib/io.h"
#include "lib/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OURS "bulkhead-"
enum { OURS_LEN = sizeof OURS - 1, UUID_TEXT = 36, LIST_MOST = 4096, PAUSE_MS = 50 };

/* --- asking -------------------------------------------------------------------------------- */

static void say_nothing(int level, const char *file, int line, int error, const char *format, ...)
{
        (void)level, (void)file, (void)line, (void)error, (void)format;
}

void mapper_init(void)
{
        dm_log_with_errno_init(say_nothing);
}

const char *mapper_name(char name[MAPPER_NAME_MOST], const struct uuid *vm, const char *device)
{
        char uuid[37];

        uuid_write(vm, uuid);
        snprintf(name, MAPPER_NAME_MOST, OURS "%s-%s", uuid, device);
        return name;
}

static enum status failed(const char *name, int error)
{
        return FAIL(status_of_errno(error), .subject = name,
                    .found = FMT("device-mapper: %s", strerror(error)),
                    .remedy = "modprobe dm-mod; is /dev/mapper/control there?");
}

/* Runs a task. NULL if that fails: *error_out is an errno then, or 0 if there is no such device. */
static struct dm_task *ask(int type, const char *name, struct dm_info *info, int *error_out)
{
        struct dm_task *t = dm_task_create(type);

        *error_out = ENOMEM;
        if (!t)
                return NULL;
        if ((!name || dm_task_set_name(t, name)) && dm_task_secure_data(t) && dm_task_run(t)) {
                *error_out = 0;
                if (!info || (dm_task_get_info(t, info) && info->exists))
                        return t;
        } else {
                *error_out = dm_task_get_errno(t);
                if (*error_out == ENXIO)
                        *error_out = 0;
                else if (!*error_out)
                        *error_out = EIO;
        }
        dm_task_destroy(t);
        return NULL;
}

/* The key stands in the table if the kernel has no keyrings. */
static void leave_out_key(struct mapping *m, char *table)
{
        char *key = strchr(table, ' ');

        if (strcmp(m->type, "crypt") || !key || key[1] == ':')
                return;
        for (key++; *key && *key != ' '; key++)
                *key = '-';
}

enum status mapper_look(const char *name, struct arena *a, struct mapping *out)
{
        struct dm_info info;
        int error;
        struct dm_task *t = ask(DM_DEVICE_TABLE, name, &info, &error);
        char *type = NULL, *params = NULL;
        uint64_t start = 0, sectors = 0;

        if (!t)
                return error ? failed(name, error) : FAIL(ST_NOT_FOUND, .subject = name);
        dm_get_next_target(t, NULL, &start, &sectors, &type, &params);
        *out = (struct mapping){.node = makedev(info.major, info.minor),
                                .read_only = info.read_only,
                                .targets = (unsigned)info.target_count,
                                .sectors = sectors,
                                .type = arena_text(a, type ? type : "")};
        snprintf(out->uuid, sizeof out->uuid, "%s", dm_task_get_uuid(t));
        if (params)
                leave_out_key(out, params);
        out->table = arena_text(a, params ? params : "");
        dm_task_destroy(t);
        return ST_DONE;
}

static enum status must_be_free(const char *name)
{
        struct dm_info info;
        int error;
        struct dm_task *t = ask(DM_DEVICE_INFO, name, &info, &error);

        if (!t)
                return error ? failed(name, error) : ST_DONE;
        dm_task_destroy(t);
        return FAIL(ST_BUSY, .subject = name, .expected = "no device of that name",
                    .found = "one that Bulkhead did not make, or that is still in use",
                    .remedy = FMT("dmsetup info %s; dmsetup remove %s", name, name));
}

enum status mapper_must_be_free(const char *name)
{
        char below[MAPPER_NAME_MOST + 8];
        enum status s = must_be_free(name);

        snprintf(below, sizeof below, "%s_dif", name);
        return s ? s : must_be_free(below);
}

static enum status changed(const char *path, const char *expected, const char *found)
{
        return FAIL(ST_CHANGED, .subject = path, .expected = expected, .found = found,
                    .remedy = "see who uses dmsetup, then try again");
}

enum status mapper_compare(const char *path, const char *name, const struct mapping *before)
{
        struct arena *a = arena_new();
        struct mapping now;
        enum status s = mapper_look(name, a, &now);

        if (s == ST_NOT_FOUND)
                s = changed(path, "its mapped device", "none");
        else if (!s && strcmp(now.uuid, before->uuid))
                s = changed(path, before->uuid, now.uuid);
        else if (!s && now.node != before->node)
                s = changed(path, "its mapped device", "another one under its name");
        else if (!s && (now.targets != before->targets || now.sectors != before->sectors ||
                        now.read_only != before->read_only || strcmp(now.type, before->type)))
                s = changed(path, "the device that was mapped", "one of another size or kind");
        else if (!s && strcmp(now.table, before->table))
                s = changed(path, before->table, now.table);
        arena_free(a);
        return s;
}

enum status mapper_open(const char *name, const struct mapping *m, int *fd_out)
{
        char path[MAPPER_NAME_MOST + 16];
        struct stat st;
        int fd;

        *fd_out = -1;
        snprintf(path, sizeof path, "%s/%s", dm_dir(), name);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return FAIL(status_of_errno(errno), .subject = path, .expected = "a device node",
                            .found = strerror(errno), .remedy = "dmsetup mknodes");
        if (!fstat(fd, &st) && S_ISBLK(st.st_mode) && st.st_rdev == m->node) {
                *fd_out = fd;
                return ST_DONE;
        }
        close(fd);
        return FAIL(ST_CHANGED, .subject = path, .expected = "the node of the device of that name",
                    .found = "something else", .remedy = FMT("rm %s; dmsetup mknodes", path));
}

bool mapper_is_corrupted(const char *name)
{
        struct dm_info info;
        int error;
        struct dm_task *t = ask(DM_DEVICE_STATUS, name, &info, &error);
        char *type = NULL, *params = NULL;
        uint64_t start, sectors;
        bool yes;

        if (!t)
                return false;
        dm_get_next_target(t, NULL, &start, &sectors, &type, &params);
        yes = type && params && !strcmp(type, "verity") && *params == 'C';
        dm_task_destroy(t);
        return yes;
}

/* --- what has it open ---------------------------------------------------------------------- */

static bool find_mount(dev_t node, char *text, size_t len)
{
        FILE *mounts = fopen("/proc/self/mountinfo", "re");
        char line[4200], where[200] = "";
        unsigned major_number, minor_number;
        bool found = false;

        while (mounts && !found && fgets(line, sizeof line, mounts))
                found = sscanf(line, "%*d %*d %u:%u %*s %199s", &major_number, &minor_number,
                               where) == 3 &&
                        makedev(major_number, minor_number) == node;
        if (mounts)
                fclose(mounts);
        if (found)
                snprintf(text, len, "it is mounted on %s", where);
        return found;
}

static bool find_holder(dev_t node, char *text, size_t len)
{
        char path[64];
        DIR *holders;
        const struct dirent *e;
        bool found = false;

        snprintf(path, sizeof path, "/sys/dev/block/%u:%u/holders", major(node), minor(node));
        holders = opendir(path);
        while (holders && !found && (e = readdir(holders)))
                if (*e->d_name != '.') {
                        snprintf(text, len, "%s lies on it", e->d_name);
                        found = true;
                }
        if (holders)
                closedir(holders);
        return found;
}

static enum status refuse_busy(const char *name)
{
        char who[320] = "something has it open";
        struct dm_info info;
        int error;
        struct dm_task *t = ask(DM_DEVICE_INFO, name, &info, &error);

        if (!t)
                return ST_DONE; /* gone meanwhile */
        dm_task_destroy(t);
        if (!find_mount(makedev(info.major, info.minor), who, sizeof who) &&
            !find_holder(makedev(info.major, info.minor), who, sizeof who) && info.open_count > 0)
                snprintf(who, sizeof who, "it is open %d times", info.open_count);
        return FAIL(ST_BUSY, .subject = name, .expected = "a device that nobody uses", .found = who,
                    .remedy =
                            FMT("fuser -v /dev/mapper/%s; end that, then stop the VM again", name));
}

/* --- removing ------------------------------------------------------------------------------ */

/* 0, or an errno. */
static int remove_once(const char *name)
{
        struct dm_task *t = dm_task_create(DM_DEVICE_REMOVE);
        uint32_t cookie = 0;
        bool wait = false;
        int error = ENOMEM;

        if (t && dm_task_set_name(t, name)) {
                wait = dm_udev_get_sync_support() && dm_task_set_cookie(t, &cookie, 0);
                error = dm_task_run(t) ? 0 : dm_task_get_errno(t);
        }
        if (wait)
                dm_udev_wait(cookie);
        dm_task_update_nodes();
        if (t)
                dm_task_destroy(t);
        return error == ENXIO ? 0 : error;
}

static bool is_ours(const char *name, struct arena *a, struct uuid *vm_out, struct mapping *m_out)
{
        char uuid[UUID_TEXT + 1] = "";
        size_t len, tail = strlen(name) + 1;

        if (strncmp(name, OURS, OURS_LEN) || strlen(name) < OURS_LEN + UUID_TEXT + 1 ||
            name[OURS_LEN + UUID_TEXT] != '-')
                return false;
        memcpy(uuid, name + OURS_LEN, UUID_TEXT);
        if (!uuid_read(uuid, vm_out))
                return false;
        if (mapper_look(name, a, m_out)) {
                error_clear();
                return false;
        }
        len = strlen(m_out->uuid);
        return !strncmp(m_out->uuid, "CRYPT-", 6) && len > tail && m_out->uuid[len - tail] == '-' &&
               !strcmp(m_out->uuid + len - tail + 1, name);
}

enum status mapper_remove(const char *name, int wait_ms)
{
        const int64_t until = deadline_in(wait_ms);
        struct arena *a = arena_new();
        struct mapping m;
        struct uuid vm;
        const bool ours = is_ours(name, a, &vm, &m);
        int error = 0;

        arena_free(a);
        while (ours && (error = remove_once(name)) == EBUSY && deadline_left(until))
                usleep(PAUSE_MS * 1000);
        if (error == EBUSY)
                return refuse_busy(name);
        return error ? failed(name, error) : ST_DONE;
}

/* The names of all devices, with a NULL behind the last one. */
static enum status list(struct arena *a, const char ***names_out)
{
        int error;
        struct dm_task *t = ask(DM_DEVICE_LIST, NULL, NULL, &error);
        const struct dm_names *n = t ? dm_task_get_names(t) : NULL;
        const char **names = arena_get_many(a, LIST_MOST + 1, sizeof *names);
        size_t count = 0;

        *names_out = names;
        if (!n) {
                if (t)
                        dm_task_destroy(t);
                return failed("the list of devices", error ? error : EIO);
        }
        while (n->dev && count < LIST_MOST) {
                names[count++] = arena_text(a, n->name);
                if (!n->next)
                        break;
                n = (const struct dm_names *)((const char *)n + n->next);
        }
        dm_task_destroy(t);
        return ST_DONE;
}

/* Is it a dm-integrity device? If both are busy, the error names the device that lies on it. */
static bool lies_below(const char *name)
{
        const size_t len = strlen(name);

        return len > 4 && !strcmp(name + len - 4, "_dif");
}

/* Removes our devices of those VMs that accept() says yes to, given `with`. One device may lie on
 * another, so this takes several rounds. before() is called ahead of each removal. Tries for
 * wait_ms as long as devices are busy. *removed_out is increased by the number that went. */
static enum status remove_those(bool (*accept)(const struct uuid *vm, const void *with),
                                const void *with, int wait_ms, mapper_visitor *before,
                                uint32_t *removed_out)
{
        const int64_t until = deadline_in(wait_ms);
        struct arena *a = arena_new();
        const char **names, *busy;
        struct mapping m;
        struct uuid vm;
        bool progress;
        enum status s;

        do {
                arena_empty(a);
                progress = false;
                busy = NULL;
                s = list(a, &names);
                for (size_t i = 0; !s && names[i]; i++) {
                        int error;

                        if (!is_ours(names[i], a, &vm, &m) || !accept(&vm, with))
                                continue;
                        if (before)
                                before(names[i], &m);
                        error = remove_once(names[i]);
                        progress |= !error;
                        *removed_out += !error;
                        if (error == EBUSY && (!busy || lies_below(busy)))
                                busy = names[i];
                        else if (error && error != EBUSY)
                                s = failed(names[i], error);
                }
                if (busy && !progress)
                        usleep(PAUSE_MS * 1000);
        } while (!s && busy && (progress || deadline_left(until)));
        if (!s && busy)
                s = refuse_busy(busy);
        arena_free(a);
        return s;
}

static bool is_that_vm(const struct uuid *vm, const void *with)
{
        return uuid_equal(vm, with);
}

enum status mapper_remove_all(const struct uuid *vm, int wait_ms, mapper_visitor *before)
{
        uint32_t removed = 0;

        return remove_those(is_that_vm, vm, wait_ms, before, &removed);
}

struct kept {
        const struct uuid *vms;
        size_t count;
};

static bool is_not_kept(const struct uuid *vm, const void *with)
{
        const struct kept *kept = with;

        for (size_t i = 0; i < kept->count; i++)
                if (uuid_equal(vm, &kept->vms[i]))
                        return false;
        return true;
}

uint32_t mapper_sweep(const struct uuid *but, size_t count, int wait_ms, mapper_visitor *before)
{
        const struct kept kept = {but, count};
        uint32_t removed = 0;

        if (remove_those(is_not_kept, &kept, wait_ms, before, &removed))
                report_error("removing what a dead operation left mapped; tried again before the "
                             "VM's next operation");
        return removed;
}
