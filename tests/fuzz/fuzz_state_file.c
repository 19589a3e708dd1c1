/* SPDX-License-Identifier: Apache-2.0 */
/* State files as somebody may have left them. The checksum would stop nearly every input, so the
 * content's decoders are tried on the bytes as well. */
#include "lib/state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct shape *const records[] = {
                &shape_tpm_keys,    &shape_approval,   &shape_descriptor,
                &shape_measurement, &shape_vm_summary,
        };
        struct bytes file = {data, size}, content;
        struct arena *a = arena_new();

        state_parse(file, "test", 1, &content);
        if (size)
                for (size_t i = 0; i < sizeof records / sizeof *records; i++)
                        message_decode(records[i], file, NULL, 0, a,
                                       arena_get(a, shape_size(records[i])));
        arena_free(a);
        return 0;
}
