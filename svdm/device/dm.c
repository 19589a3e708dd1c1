/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-end that maps devices, as "bulkhead-VM-DEVICE": disks that guests write by dm-crypt,
 * with dm-integrity below it where their header says so; images that do not change by dm-verity,
 * before they are measured. Files become loop devices first. What libcryptsetup has made is
 * compared, as the kernel has it, before anybody gets it.
 */
#include "lib/io.h"
#include "lib/report.h"
#include "svdm/device/crypt_map.h"
#include "svdm/device/file_device.h"
#include "svdm/device/loop.h"
#include "svdm/device/luks_disk.h"
#include "svdm/device/trees.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
        RELEASE_WAIT = 10000, /* ms: for a process that had it open a moment ago */
        SWEEP_WAIT = 1000,
};

static enum status begin(const char *trees)
{
        mapper_init();
        return trees_begin(trees);
}

/* --- block devices ------------------------------------------------------------------------- */

static enum status reopen(const struct file_device *d, bool writable, int *fd_out)
{
        *fd_out = io_reopen(d->file, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK);
        return *fd_out < 0 ? FAIL(status_of_errno(errno), .subject = d->path,
                                  .expected = writable ? "a disk that can be written" : NULL,
                                  .found = strerror(errno))
                           : ST_DONE;
}

/* Makes what was opened a block device: a block device is one, a file gets a loop device. */
static enum status attach(struct file_device *d, bool writable)
{
        char name[MAPPER_NAME_MOST];
        int fd;
        enum status s = reopen(d, writable, &fd);

        if (s)
                return s;
        if (S_ISBLK(d->seen.stat.st_mode)) {
                d->block = fd;
                return ST_DONE;
        }
        s = loop_attach(d->path, mapper_name(name, &d->vm, d->name), fd, writable, &d->block);
        close(fd);
        return s;
}

static enum status node_of(const char *path, int block, dev_t *node_out)
{
        struct stat st;

        if (fstat(block, &st))
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
        *node_out = st.st_rdev;
        return ST_DONE;
}

/* --- is it what was meant? ----------------------------------------------------------------- */

static enum status not_meant(const struct file_device *d, const char *expected, const char *found)
{
        return FAIL(ST_CHANGED, .subject = d->path, .expected = expected, .found = found,
                    .remedy = "see who uses dmsetup; report it otherwise");
}

static enum status look(struct file_device *d, const char *name, const char *type, bool read_only,
                        struct mapping **out)
{
        struct mapping *m = arena_get(d->arena, sizeof *m);
        enum status s = mapper_look(name, d->arena, m);

        if (s)
                return s;
        if (m->targets != 1 || strcmp(m->type, type))
                return not_meant(d, FMT("one %s target", type),
                                 FMT("%u, the first %s", m->targets, m->type));
        if (read_only && !m->read_only)
                return not_meant(d, "a read-only device", "a writable one");
        *out = m;
        return ST_DONE;
}

/* The word number n of a table, from 0 on; "" if it has fewer. */
static const char *word(const char *table, unsigned n, char out[static 256])
{
        while (n-- && table) {
                table = strchr(table, ' ');
                table += !!table;
        }
        snprintf(out, 256, "%.*s", table ? (int)strcspn(table, " ") : 0, table ? table : "");
        return out;
}

static bool word_is(const char *table, unsigned n, const char *expected)
{
        char found[256];

        return !strcmp(word(table, n, found), expected);
}

static const char *node_text(dev_t node, char text[static 24])
{
        snprintf(text, 24, "%u:%u", major(node), minor(node));
        return text;
}

/* "cipher key iv_offset device offset [options]" */
static enum status check_crypt(struct file_device *d, const struct luks_data *l, dev_t on)
{
        const char *table = d->top->table;
        char cipher[256], expected[160], node[24], offset[24];

        snprintf(expected, sizeof expected, "%s-%s", l->cipher, l->mode);
        word(table, 0, cipher);
        if (strstr(cipher, "null") || !strstr(cipher, l->cipher) ||
            (!l->integrity && strcmp(cipher, expected)))
                return not_meant(d, expected, cipher);
        if (l->integrity != !!strstr(table, " integrity:"))
                return not_meant(d, l->integrity ? "integrity" : "no integrity", table);
        snprintf(offset, sizeof offset, "%llu", l->integrity ? 0 : (unsigned long long)l->sector);
        if (!word_is(table, 3, node_text(on, node)) || !word_is(table, 4, offset))
                return not_meant(d, FMT("dm-crypt on %s from sector %s", node, offset), table);
        return ST_DONE;
}

/* "device offset tag_size mode ..." */
static enum status check_integrity(struct file_device *d, const struct luks_data *l, dev_t on)
{
        char node[24], offset[24];

        snprintf(offset, sizeof offset, "%llu", (unsigned long long)l->sector);
        if (word_is(d->below->table, 0, node_text(on, node)) && word_is(d->below->table, 1, offset))
                return ST_DONE;
        return not_meant(d, FMT("dm-integrity on %s from sector %s", node, offset),
                         d->below->table);
}

static enum status check_luks(struct file_device *d, const char *name, const struct luks_data *l)
{
        char below[MAPPER_NAME_MOST + 8];
        dev_t on = 0;
        enum status s = node_of(d->path, d->block, &on);

        if (!s)
                s = look(d, name, "crypt", !d->writable, &d->top);
        if (s || !l->integrity)
                return s ? s : check_crypt(d, l, on);
        snprintf(below, sizeof below, "%s_dif", name);
        s = look(d, below, "integrity", !d->writable, &d->below);
        if (!s)
                s = check_integrity(d, l, on);
        return s ? s : check_crypt(d, l, d->below->node);
}

/* "version device hash_device data_block hash_block blocks hash_start algorithm root salt" */
static enum status check_verity(struct file_device *d, const uint8_t root[static VERITY_ROOT_LEN])
{
        const char *table = d->top->table;
        char text[2 * VERITY_ROOT_LEN + 1], data[24], hash[24], blocks[24];
        dev_t on_data = 0, on_hash = 0;
        enum status s = node_of(d->path, d->block, &on_data);

        if (!s)
                s = node_of(d->path, d->hash, &on_hash);
        if (s)
                return s;
        hex_write(text, root, VERITY_ROOT_LEN);
        snprintf(blocks, sizeof blocks, "%llu", (unsigned long long)d->seen.size / VERITY_BLOCK);
        if (word_is(table, 1, node_text(on_data, data)) &&
            word_is(table, 2, node_text(on_hash, hash)) && word_is(table, 5, blocks) &&
            word_is(table, 7, "sha256") && word_is(table, 8, text))
                return ST_DONE;
        return not_meant(d, FMT("dm-verity on %s, %s, root %s", data, hash, text), table);
}

/* --- opening: images that do not change ----------------------------------------------------- */

static enum status refuse_size(const struct file_device *d)
{
        if (d->seen.size && d->seen.size % VERITY_BLOCK == 0)
                return ST_DONE;
        return FAIL(ST_REFUSED, .subject = d->path, .expected = "a multiple of 4096 bytes",
                    .found = FMT("%llu bytes", (unsigned long long)d->seen.size),
                    .remedy = FMT("pad the image: truncate -s %%4096 %s; seal again", d->path));
}

static enum status attach_tree(struct file_device *d, const char *name,
                               uint8_t root_out[static VERITY_ROOT_LEN])
{
        int tree = -1;
        enum status s = trees_get(d->path, d->file, &d->seen, &tree, root_out);

        if (!s)
                s = loop_attach(d->path, name, tree, false, &d->hash);
        if (tree >= 0)
                close(tree);
        return s;
}

/* Opens the VM's own mapping: measured is what the guest reads, whatever the path shows by now. */
static enum status open_mapped(struct file_device *d)
{
        char name[MAPPER_NAME_MOST];
        enum status s;

        if (!d->as)
                return ST_DONE;
        s = look(d, mapper_name(name, &d->vm, d->name), "verity", true, &d->top);
        if (s)
                return s;
        if (d->top->node != d->as)
                return not_meant(d, "the device that the VM was given", "another one");
        if (mapper_is_corrupted(name))
                return FAIL(ST_CHANGED, .subject = d->path, .expected = "what its hash tree says",
                            .found = "something else: changed outside",
                            .remedy = "stop the VM, restore the image");
        return mapper_open(name, d->top, &d->content);
}

static enum status open_content(struct file_device *d)
{
        char name[MAPPER_NAME_MOST];
        uint8_t root[VERITY_ROOT_LEN];
        enum status s;

        if (!d->kind->tree)
                return ST_DONE;
        if (d->look)
                return open_mapped(d);
        s = refuse_size(d);
        if (s)
                return s;
        mapper_name(name, &d->vm, d->name);
        s = mapper_must_be_free(name);
        if (s)
                return s;
        s = attach(d, false);
        if (s)
                return s;
        s = attach_tree(d, name, root);
        if (s)
                return s;
        s = crypt_map_verity(d->path, d->block, d->hash, name, root);
        if (s)
                return s;
        s = look(d, name, "verity", true, &d->top);
        if (s)
                return s;
        s = check_verity(d, root);
        if (s)
                return s;
        return mapper_open(name, d->top, &d->content);
}

/* --- formatting ---------------------------------------------------------------------------- */

static enum status attach_new(struct file_device *d)
{
        char name[MAPPER_NAME_MOST];
        enum status s = mapper_must_be_free(mapper_name(name, &d->vm, d->name));

        if (!s)
                s = open_disk_unused(d->path, d->file);
        return s ? s : attach(d, true);
}

static enum status fill_new(struct file_device *d, int header,
                            const uint8_t key[static DISK_KEY_LEN])
{
        char name[MAPPER_NAME_MOST];

        return crypt_map_fill(d->path, header, d->block, mapper_name(name, &d->vm, d->name), key);
}

/* --- starting ------------------------------------------------------------------------------ */

static enum status map_luks(struct file_device *d, const char *name,
                            const uint8_t secret[static SECRET_LEN])
{
        uint8_t key[DISK_KEY_LEN];
        struct luks_data l;
        enum status s = d->kind->unlock(d, secret);

        if (!s)
                s = mapper_must_be_free(name);
        if (!s)
                s = attach(d, d->writable);
        if (s)
                return s;
        secret_disk_key(secret, &d->uuid, key);
        s = crypt_map_luks(d->path, d->header, d->block, name, key, d->writable, &l);
        explicit_bzero(key, sizeof key);
        if (s)
                return s;
        d->integrity = l.integrity;
        s = d->kind->memory && !l.integrity ? not_meant(d, "an image with integrity", "one without")
                                            : check_luks(d, name, &l);
        if (!s)
                return s;
        d->backend->unmap(d);
        return s;
}

static enum status map(struct file_device *d, const uint8_t secret[static SECRET_LEN],
                       struct block_device *out)
{
        char name[MAPPER_NAME_MOST];
        int fd = -1;
        enum status s = ST_DONE;

        mapper_name(name, &d->vm, d->name);
        if (d->kind->sealed)
                s = map_luks(d, name, secret);
        if (!s)
                s = mapper_open(name, d->top, &fd);
        if (s)
                return s;
        close(fd);
        *out = (struct block_device){.device = d->name,
                                     .path = arena_print(d->arena, "/dev/mapper/%s", name),
                                     .writable = d->writable,
                                     .node = d->top->node};
        return ST_DONE;
}

/* Undoes what map() did. A device without key was mapped when it was opened, and stays mapped. */
static void unmap(struct file_device *d)
{
        char name[MAPPER_NAME_MOST + 8];
        struct error why = *error_last();
        enum status s;

        if (!d->kind->sealed)
                return;
        mapper_name(name, &d->vm, d->name);
        s = mapper_remove(name, RELEASE_WAIT);
        if (!s)
                s = mapper_remove(strcat(name, "_dif"), RELEASE_WAIT);
        if (s)
                report_error("unmapping a disk of a start that was refused");
        d->top = d->below = NULL;
        file_device_detach(d);
        error_keep(&why);
}

/* --- checking ------------------------------------------------------------------------------ */

static enum status check_mapped(const struct file_device *d)
{
        char name[MAPPER_NAME_MOST], below[MAPPER_NAME_MOST + 8];
        enum status s;

        mapper_name(name, &d->vm, d->name);
        snprintf(below, sizeof below, "%s_dif", name);
        s = mapper_compare(d->path, name, d->top);
        if (!s && d->below)
                s = mapper_compare(d->path, below, d->below);
        if (!s && mapper_is_corrupted(name))
                s = FAIL(ST_CHANGED, .subject = d->path, .expected = "what its hash tree says",
                         .found = "something else: changed outside",
                         .remedy = "restore the image, or seal the VM again");
        return s;
}

static enum status check(const struct file_device *d)
{
        const bool file = S_ISREG(d->seen.stat.st_mode);
        enum status s = open_disk_check(d->path, d->file, &d->seen, d->top && d->writable);

        if (!s && d->top)
                s = check_mapped(d);
        if (!s && d->block >= 0 && file)
                s = loop_check(d->path, d->block, &d->seen.stat, d->writable);
        return s;
}

/* --- clearing up --------------------------------------------------------------------------- */

/* A tree under which the disk turned out to be something else must not be used a second time: a new
 * one shows what the disk is now. */
static void forget_stale_tree(const char *name, const struct mapping *m)
{
        char root[256];

        if (strcmp(m->type, "verity") || !mapper_is_corrupted(name))
                return;
        report_warning("%s: not what its hash tree says: changed outside while it was mapped",
                       name);
        trees_forget(word(m->table, 8, root));
}

static enum status release_one(const struct uuid *vm, const char *device)
{
        struct arena *a = arena_new();
        char name[MAPPER_NAME_MOST + 8];
        struct mapping m;
        enum status s = mapper_look(mapper_name(name, vm, device), a, &m);

        if (!s)
                forget_stale_tree(name, &m);
        s = mapper_remove(name, RELEASE_WAIT);
        arena_free(a);
        return s ? s : mapper_remove(strcat(name, "_dif"), RELEASE_WAIT);
}

static enum status release(const struct uuid *vm, const char *device)
{
        return *device ? release_one(vm, device)
                       : mapper_remove_all(vm, RELEASE_WAIT, forget_stale_tree);
}

static uint32_t sweep(const struct uuid *but, size_t count)
{
        trees_prune();
        return mapper_sweep(but, count, SWEEP_WAIT, forget_stale_tree);
}

const struct device_backend dm_backend = {.name = "dm",
                                          .begin = begin,
                                          .open = open_content,
                                          .attach_new = attach_new,
                                          .fill_new = fill_new,
                                          .map = map,
                                          .unmap = unmap,
                                          .check = check,
                                          .release = release,
                                          .sweep = sweep};
