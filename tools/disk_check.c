/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the disks and boot files of an xl.cfg (tools/disk_check.h). Opens none of them. */
#include "tools/disk_check.h"
#include "lib/file_at.h"
#include "tools/config_findings.h"

#include <string.h>
#include <unistd.h>

/* --- one file -------------------------------------------------------------------------------- */

static enum status look(const char *path, bool boot)
{
        struct stat st;
        int fd;
        enum status s = file_at(path, &fd);

        if (s)
                return s;
        s = file_at_is_disk(path, fd, &st);
        if (!s && boot)
                s = file_at_is_boot(path, &st);
        close(fd);
        return s;
}

static enum config_outcome outcome_of(enum status s)
{
        return s == ST_NOT_FOUND ? CONFIG_MISSING : s == ST_DENIED ? CONFIG_UNSEEN : CONFIG_WRONG;
}

static const char *usual_remedy(enum status s, bool boot)
{
        if (s == ST_NOT_FOUND)
                return boot ? "copy it there, or name where it is"
                            : "make it before the VM is sealed, or name where it is";
        if (s == ST_DENIED)
                return "check as root";
        return "";
}

/* key: of the file that is checked. */
static void check_path(struct config_check_rep *p, struct arena *a, const char *key,
                       const char *path, bool boot)
{
        enum status s = look(path, boot);
        const struct error *e = error_last();

        if (!s)
                return;
        config_findings_add(
                p, a,
                (struct config_finding){
                        .outcome = outcome_of(s),
                        .status = s,
                        .key = key,
                        .subject = arena_print(a, "xl.cfg: %s '%s'", key, path),
                        .expected = arena_text(a, e->expected),
                        .found = arena_text(a, e->found),
                        .remedy = arena_text(a, *e->remedy ? e->remedy : usual_remedy(s, boot))});
        error_clear();
}

/* --- one file by two paths ------------------------------------------------------------------- */

static bool is_same(const struct known_disk *one, const struct known_disk *two)
{
        return !strcmp(one->path, two->path) ||
               (one->seen && two->seen && file_at_same(&one->stat, &two->stat));
}

/* The worker has refused what it could see of that already: two paths that are equal. */
static void find_same_files(struct config_check_rep *p, const struct known_disk *disks,
                            struct arena *a)
{
        for (size_t i = 0; i < p->disks.count; i++)
                for (size_t k = 0; k < i; k++)
                        if (is_same(&disks[i], &disks[k]))
                                config_findings_add(
                                        p, a,
                                        (struct config_finding){
                                                .outcome = CONFIG_WRONG,
                                                .status = ST_INVALID,
                                                .key = "disk",
                                                .subject = "xl.cfg: disk",
                                                .found = arena_print(
                                                        a, "'%s' and '%s', which are one disk",
                                                        disks[k].path, disks[i].path),
                                                .expected = "",
                                                .remedy = "give each disk once"});
}

void file_check(struct config_check_rep *p, struct arena *a)
{
        struct known_disk *disks = arena_get_many(a, p->disks.count, sizeof *disks);

        for (size_t i = 0; i < p->boot.count; i++)
                check_path(p, a, p->boot.items[i].name, p->boot.items[i].path, true);
        for (size_t i = 0; i < p->disks.count; i++) {
                check_path(p, a, "disk", p->disks.items[i].path, false);
                disks[i] = known_disk_of(&p->disks.items[i]);
        }
        find_same_files(p, disks, a);
}

/* --- other VMs ------------------------------------------------------------------------------- */

static const struct known_disk *taken_from(const struct known_vm *vm, const struct known_disk *disk)
{
        for (size_t i = 0; i < vm->disks_count; i++)
                if ((disk->writable || vm->disks[i].writable) && is_same(disk, &vm->disks[i]))
                        return &vm->disks[i];
        return NULL;
}

static void compare(const struct known_vm *other, const struct known_disk *disk,
                    struct config_check_rep *p, struct arena *a)
{
        const struct known_disk *theirs = taken_from(other, disk);

        if (theirs && known_vm_is_other(other, p))
                config_findings_add(
                        p, a,
                        (struct config_finding){
                                .outcome = CONFIG_WRONG,
                                .status = ST_EXISTS,
                                .key = "disk",
                                .subject = arena_print(a, "xl.cfg: disk '%s'", disk->path),
                                .expected = "a disk that no other VM has",
                                .found = strcmp(theirs->path, disk->path)
                                                 ? arena_print(a, "%s has it as '%s'", other->where,
                                                               theirs->path)
                                                 : arena_print(a, "%s has it, too", other->where),
                                .remedy = "give this VM a disk of its own"});
}

void disk_check_file(const struct known_vms *k, struct config_check_rep *p, struct arena *a)
{
        for (size_t i = 0; i < p->disks.count; i++) {
                const struct known_disk disk = known_disk_of(&p->disks.items[i]);

                for (size_t j = 0; j < k->count; j++)
                        compare(&k->all[j], &disk, p, a);
        }
}
