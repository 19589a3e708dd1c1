/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm: what a VM, named by name or UUID, is built from: its stored configuration, and the digests of
 * the kernel and ramdisk in it. The content of its disks is for disk: and luks:.
 *
 * Unknown members of the configuration are never left out: each text, number and boolean becomes a
 * value, each entry of a list a node, and anything else is refused.
 */
#include "plugins/facts/facts.h"

#include <stdio.h>
#include <string.h>

enum { LIST_MOST = 64 };

/* --- the configuration ----------------------------------------------------------------------- */

static int add_members(const struct facts *f, struct json_object *object)
{
        json_object_object_foreach(object, key, value)
        {
                if (facts_value(f, key, value))
                        return -1;
        }
        return 0;
}

/* A disk is named as the guest sees it, an interface by its number. */
static const char *part_name(char name[32], struct json_object *entry, size_t i, const char *list)
{
        const char *device = facts_text(entry, "device");

        if (device)
                return device;
        snprintf(name, 32, "%.15s%zu", !strcmp(list, "vifs") ? "vif" : list, i);
        return name;
}

static int add_list(const struct facts *f, const char *key, struct json_object *list)
{
        char type[40], name[32];
        size_t count = json_object_array_length(list);

        if (count > LIST_MOST)
                return facts_refuse(f, "at most 64 entries in a list", key);
        snprintf(type, sizeof type, "vm-%.30s", key);
        for (size_t i = 0; i < count; i++) {
                struct json_object *entry = json_object_array_get_idx(list, i);

                if (!json_object_is_type(entry, json_type_object))
                        return facts_refuse(f, "lists of objects in the configuration", key);
                if (facts_node(f, part_name(name, entry, i, key), type) || add_members(f, entry) ||
                    f->host->node_end())
                        return -1;
        }
        return 0;
}

/* Adds the lists, or all else: the host wants the values before the nodes. */
static int add_config(const struct facts *f, struct json_object *config, int lists)
{
        json_object_object_foreach(config, key, value)
        {
                int is_list = json_object_is_type(value, json_type_array);

                if (is_list == lists &&
                    (is_list ? add_list(f, key, value) : facts_value(f, key, value)))
                        return -1;
        }
        return 0;
}

/* --- kernel and ramdisk ---------------------------------------------------------------------- */

static const char *const boot_keys[] = {"device", "digest", "size", NULL};

/* The facts of that boot file, or NULL. */
static struct json_object *boot_file(struct json_object *boot, const char *device)
{
        for (size_t i = 0; i < json_object_array_length(boot); i++) {
                struct json_object *o = json_object_array_get_idx(boot, i);
                const char *is = facts_text(o, "device");

                if (is && !strcmp(is, device))
                        return o;
        }
        return NULL;
}

static int add_boot_file(const struct facts *f, struct json_object *config,
                         struct json_object *boot, const char *device, size_t *count)
{
        struct json_object *o = boot_file(boot, device), *digest, *size;
        const char *path = facts_text(config, device);

        if (!path && !o)
                return 0;
        if (!path || !o || !facts_has(o, boot_keys))
                return facts_refuse(f, "a digest of each boot file that is named", device);
        ++*count;
        json_object_object_get_ex(o, "digest", &digest);
        json_object_object_get_ex(o, "size", &size);
        return facts_node(f, device, "vm-boot") || facts_value(f, "digest", digest) ||
               facts_value(f, "size", size) || f->host->node_end();
}

static int add_boot(const struct facts *f, struct json_object *config, struct json_object *boot)
{
        size_t count = 0;

        if (add_boot_file(f, config, boot, "kernel", &count) ||
            add_boot_file(f, config, boot, "ramdisk", &count))
                return -1;
        return count == json_object_array_length(boot)
                       ? 0
                       : facts_refuse(f, "kernel and ramdisk", "another boot file");
}

/* --- the whole ------------------------------------------------------------------------------- */

static int is_asked_for(const struct facts *f, struct json_object *config)
{
        const char *name = facts_text(config, "name"), *uuid = facts_text(config, "uuid");

        return name && uuid &&
               (!strcmp(name, f->target->argument) || !strcmp(uuid, f->target->argument));
}

static int add_all(const struct facts *f, struct json_object *root, struct json_object *config)
{
        struct json_object *boot = facts_array(root, "boot");
        const char *hypervisor = facts_text(root, "hypervisor");

        if (!boot || !hypervisor)
                return facts_refuse(f, "boot files and the hypervisor", "not both");
        if (!is_asked_for(f, config))
                return facts_refuse(f, "the configuration of that VM", "another's");
        return f->host->node_begin(f->target->name, "vm") ||
               f->host->value("hypervisor", hypervisor) || add_config(f, config, 0) ||
               add_boot(f, config, boot) || add_config(f, config, 1) || f->host->node_end();
}

/* In the facts the configuration is one text, as it is stored. */
static int add_root(const struct facts *f, struct json_object *root)
{
        struct json_object *config = NULL, *text;
        int r;

        json_object_object_get_ex(root, "config", &text);
        if (json_object_is_type(text, json_type_string))
                config = facts_parse(json_object_get_string(text),
                                     (size_t)json_object_get_string_len(text));
        if (!config)
                return facts_refuse(f, "the stored configuration as canonical JSON",
                                    "something else");
        r = add_all(f, root, config);
        json_object_put(config);
        return r;
}

static int measure(const struct bulkhead_target *target, const struct bulkhead_host *host)
{
        static const char *const keys[] = {"boot",       "config",  "facts",
                                           "hypervisor", "version", NULL};
        const struct facts f = {target, host};

        return facts_measure(&f, "vm", keys, add_root);
}

const struct bulkhead_measure_plugin bulkhead_measure_plugin = {
        .size = sizeof bulkhead_measure_plugin,
        .abi = BULKHEAD_MEASURE_ABI,
        .name = "vm",
        .version = 1,
        .takes_file = 2,
        .measure = measure,
};
