/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LUKS2 header parser. An input that begins with '{' is metadata, put into a header whose
 * checksums are right; any other is XORed over such a header, signed again if its first byte is
 * odd. Aborts if the plug-in breaks the host's rules or refuses without a reason.
 */
#include "tests/fuzz/plugin_host.h"
#include "tests/unit/luks_image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static const char json[] = "{\"keyslots\":{},\"tokens\":{},\"segments\":{},\"digests\":{},"
                                   "\"config\":{}}";
        static uint8_t copies[2 * LUKS_IMAGE_COPY];
        static int fd = -1;
        struct bulkhead_target target = {.size = sizeof target,
                                         .name = "luks:x",
                                         .argument = "x",
                                         .method = "",
                                         .hash = "sha256",
                                         .header = -1,
                                         .cores = 1};

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
        name_most = 63;
        text_printable = 1;
        plugin_host_measure(&target, fd);
        return 0;
}
