/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a canonical descriptor whose targets are renamed. Aborts if something changes where
 * nothing has another name, or if what was renamed does not become what it was when it is renamed
 * back.
 */
#include "compartment-mgr/descriptor_rename.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct boot_file present_boot[] = {{"kernel", "/k"}, {"ramdisk", "/r"}},
                        next_boot[] = {{"kernel", "/other/kernel"}, {"ramdisk", "/r"}};
static struct disk present_disks[] = {{.device = "xvda", .path = "/a"},
                                      {.device = "xvdb", .path = "/b"}},
                   next_disks[] = {{.device = "xvda", .path = "/a"},
                                   {.device = "xvdb", .path = "/other/b"}};
static const struct vm_config present = {.name = "web",
                                         .boot = {present_boot, 2},
                                         .disks = {present_disks, 2}},
                              next = {.name = "shop",
                                      .boot = {next_boot, 2},
                                      .disks = {next_disks, 2}};

static bool is_same(struct bytes x, struct bytes y)
{
        return x.len == y.len && (!x.len || !memcmp(x.data, y.data, x.len));
}

static bool has(struct bytes in, const char *text)
{
        return in.len && memmem(in.data, in.len, text, strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct arena *a = arena_new();
        const struct bytes in = {data, len};
        struct bytes there;

        if (!is_same(descriptor_rename(a, in, &present, &present), in))
                abort();
        there = descriptor_rename(a, in, &present, &next);
        if (!has(in, next.name) && !has(in, "/other/") &&
            !is_same(descriptor_rename(a, there, &next, &present), in))
                abort();
        arena_free(a);
        return 0;
}
