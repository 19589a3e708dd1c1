/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that talks to libblkid. What it reads was written by strangers, so it is called
 * where there are no rights: it gets a file in memory, and gives back words.
 */
#include "svdm/content/content.h"
#include "lib/disk_words.h"

#include <blkid/blkid.h>
#include <string.h>
#include <unistd.h>

enum {
        FOUND_MOST = 4, /* named; a disk has seldom more than one */
        LABEL_MOST = 256
};

static const char *value_of(blkid_probe probe, const char *name)
{
        const char *value = NULL;

        return blkid_probe_lookup_value(probe, name, &value, NULL) ? NULL : value;
}

static bool is(const char *text, const char *word)
{
        return text && !strcmp(text, word);
}

/* What libblkid calls such things, in words of people. */
static const char *noun_of(const char *type, const char *usage)
{
        return is(usage, "filesystem") ? "file system"
               : is(usage, "raid")     ? "member of a volume group or an array"
               : is(type, "swap")      ? "area"
                                       : "disk";
}

static const char *name_of(const char *type)
{
        return is(type, "crypto_LUKS") ? "LUKS" : type;
}

/* By the sound: an ext4, an LVM2, an xfs, an ntfs. */
static const char *article(const char *name)
{
        return strchr("aeioFHLMNRSX", *name) || is(name, "xfs") || is(name, "ntfs") ? "an" : "a";
}

/* A label is any bytes that somebody wrote; the answer is a message's text. */
static const char *printable(struct arena *a, const char *label)
{
        char clean[LABEL_MOST + 1];

        utf8_printable(clean, sizeof clean, label);
        return arena_print(a, "%s", clean);
}

static const char *name_found(blkid_probe probe, struct arena *a, bool *member_out)
{
        const char *type = value_of(probe, "TYPE"), *usage = value_of(probe, "USAGE");
        const char *label = value_of(probe, "LABEL"), *table = value_of(probe, "PTTYPE");

        if (!type)
                return table ? arena_print(a, "%s %s partition table", article(table), table)
                             : NULL;
        *member_out |= is(usage, "raid");
        return arena_print(a, "%s %s %s%s%s", is(type, "crypto_LUKS") ? "a" : article(type),
                           name_of(type), noun_of(type, usage), label ? " labelled " : "",
                           label ? printable(a, label) : "");
}

static const char *name_all(blkid_probe probe, struct arena *a, bool *member_out)
{
        const char *all = "";

        /* Each call finds one more; -1 is a failure to read, and what was found stays found. */
        for (int i = 0; i < FOUND_MOST && !blkid_do_probe(probe); i++) {
                const char *one = name_found(probe, a, member_out);

                if (one && !strstr(all, one))
                        all = arena_print(a, "%s%s%s", all, *all ? " and " : "", one);
        }
        return *all ? all : DISK_UNKNOWN;
}

enum status content_name(int sample, struct arena *a, const char **what_out, bool *member_out)
{
        blkid_probe probe = blkid_new_probe();
        enum status s = ST_DONE;

        *what_out = "";
        *member_out = false;
        if (!probe || blkid_probe_set_device(probe, sample, 0, 0) ||
            blkid_probe_enable_superblocks(probe, 1) ||
            blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                                             BLKID_SUBLKS_LABEL) ||
            blkid_probe_enable_partitions(probe, 1))
                s = FAIL(ST_IO, .subject = "libblkid", .found = "it cannot read the sample");
        else
                *what_out = name_all(probe, a, member_out);
        blkid_free_probe(probe);
        return s;
}
