/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the kernel's files of PCRs in /sys. */
#include "lib/kernel_pcr.h"
#include "lib/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status kernel_pcr(const char *folder, enum hash_alg bank, unsigned pcr,
                       struct digest *value_out)
{
        const size_t size = hash_size(bank);
        char path[512], text[2 * DIGEST_MOST + 1];
        ssize_t n;
        int fd;

        *value_out = (struct digest){.alg = HASH_NONE};
        snprintf(path, sizeof path, "%s/sys/class/tpm/tpm0/pcr-%s/%u", folder, hash_name(bank),
                 pcr);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return FAIL(status_of_errno(errno), .subject = path, .found = strerror(errno));
        n = io_read(fd, text, sizeof text);
        close(fd);
        if (!size || n < (ssize_t)(2 * size) ||
            (n > (ssize_t)(2 * size) && text[2 * size] != '\n') ||
            hex_read(text, 2 * size, value_out->bytes, size) != (long)size)
                return FAIL(ST_INVALID, .subject = path,
                            .expected = FMT("%zu hex digits", 2 * size));
        value_out->alg = bank;
        return ST_DONE;
}

enum hash_alg kernel_pcr_bank(const struct fact *facts, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!strcmp(facts[i].area, "host") && !strcmp(facts[i].name, FACT_BANK))
                        return hash_of_name(facts[i].value);
        return HASH_NONE;
}
