/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of facts, through the plug-in vm. An input that begins with '[' is, without that, a
 * stored configuration in facts that are otherwise right; any other is the whole file. Aborts if
 * the plug-in breaks the host's rules or refuses without a reason.
 */
#include "tests/fuzz/plugin_host.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
        struct bulkhead_target target = {.size = sizeof target,
                                         .name = "vm:m",
                                         .argument = "m",
                                         .method = "",
                                         .hash = "sha256",
                                         .header = -1,
                                         .cores = 1};
        struct json_object *whole = len && *data == '[' ? facts_around(data + 1, len - 1) : NULL;
        const char *text = (const char *)data;
        int file = memfd_create("facts", MFD_CLOEXEC);

        if (whole)
                text = json_object_to_json_string_length(
                        whole, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
        if (file < 0 || write(file, text, len) != (ssize_t)len)
                abort();
        plugin_host_measure(&target, file);
        json_object_put(whole);
        close(file);
        return 0;
}
