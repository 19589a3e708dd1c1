/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LUKS2 header parser. An input that begins with '{' is metadata, put into a header whose
 * checksums are right; any other is XORed over such a header, signed again if its first byte is
 * odd. Aborts if the plug-in breaks the host's rules or refuses without a reason.
 */
#include "bulkhead/measure_plugin.h"
#include "tests/unit/luks_image.h"

#include <assert.h>
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
        assert(depth > 0 && *name && strlen(name) <= 63 && strlen(text) <= 4095);
        for (const char *p = text; *p; p++)
                assert(*p >= 0x20 && *p <= 0x7e);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static const char json[] = "{\"keyslots\":{},\"tokens\":{},\"segments\":{},\"digests\":{},"
                                   "\"config\":{}}";
        static const struct bulkhead_host host = {
                sizeof host, BULKHEAD_MEASURE_ABI, node_begin, value, node_end, progress, refuse};
        static uint8_t copies[2 * LUKS_IMAGE_COPY];
        static int fd = -1;
        struct bulkhead_target target = {.size = sizeof target,
                                         .name = "luks:x",
                                         .argument = "x",
                                         .method = "",
                                         .hash = "sha256",
                                         .header = -1,
                                         .cores = 1};
        int r;

        if (fd < 0 && (fd = memfd_create("luks", MFD_CLOEXEC)) < 0)
                abort();
        if (len && *data == '{' && len < LUKS_IMAGE_COPY - 4096) {
                luks_image_make(copies, data, len);
        } else {
                luks_image_make(copies, json, strlen(json));
                for (size_t i = 1; i < len && i < sizeof copies; i++)
                        copies[i - 1] ^= data[i];
                if (len && *data & 1)
                        luks_image_sign(copies, LUKS_IMAGE_COPY);
        }
        if (pwrite(fd, copies, sizeof copies, 0) != sizeof copies)
                abort();
        depth = refused = nodes = 0;
        target.file = fd;
        r = bulkhead_measure_plugin.measure(&target, &host);
        if (r ? !refused : refused || depth || !nodes)
                abort();
        return 0;
}
