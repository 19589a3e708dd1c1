/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of facts, through the plug-in vm. An input that begins with '[' is, without that, a
 * stored configuration in facts that are otherwise right; any other is the whole file. Aborts if
 * the plug-in breaks the host's rules or refuses without a reason.
 */
#include "bulkhead/measure_plugin.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int depth, refused, nodes;

static int node_begin(const char *id, const char *type)
{
        assert(*id && *type && strlen(id) <= 4095);
        depth++;
        nodes++;
        return 0;
}

static int value(const char *name, const char *text)
{
        assert(depth > 0 && *name && text);
        return 0;
}

static int node_end(void)
{
        assert(depth-- > 0);
        return 0;
}

static void progress(uint64_t done, uint64_t total)
{
        (void)done;
        (void)total;
}

static int refuse(const char *subject, const char *expected, const char *found, const char *remedy)
{
        assert(subject && expected && found && remedy);
        refused++;
        return -1;
}

static struct json_object *facts_around(const uint8_t *config, size_t len)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "boot", json_object_new_array());
        json_object_object_add(o, "config",
                               json_object_new_string_len((const char *)config, (int)len));
        json_object_object_add(o, "facts", json_object_new_string("vm"));
        json_object_object_add(o, "hypervisor", json_object_new_string("sim"));
        json_object_object_add(o, "version", json_object_new_int(1));
        return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static const struct bulkhead_host host = {
                sizeof host, BULKHEAD_MEASURE_ABI, node_begin, value, node_end, progress, refuse};
        struct bulkhead_target target = {.size = sizeof target,
                                         .name = "vm:m",
                                         .argument = "m",
                                         .method = "",
                                         .hash = "sha256",
                                         .file = memfd_create("facts", MFD_CLOEXEC),
                                         .header = -1,
                                         .cores = 1};
        struct json_object *whole = len && *data == '[' ? facts_around(data + 1, len - 1) : NULL;
        const char *text = (const char *)data;
        int r;

        if (whole)
                text = json_object_to_json_string_length(
                        whole, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
        if (target.file < 0 || write(target.file, text, len) != (ssize_t)len)
                abort();
        depth = refused = nodes = 0;
        r = bulkhead_measure_plugin.measure(&target, &host);
        assert(r ? refused : nodes && !depth && !refused);
        json_object_put(whole);
        close(target.file);
        return 0;
}
