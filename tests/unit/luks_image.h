/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2 headers as the tests want them: any metadata, right checksums. */
#ifndef BULKHEAD_TESTS_LUKS_IMAGE_H
#define BULKHEAD_TESTS_LUKS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum { LUKS_IMAGE_COPY = 16384 };

/* Both copies, as `cryptsetup luksFormat` lays them out. json: up to LUKS_IMAGE_COPY - 4097. */
void luks_image_make(uint8_t copies[static 2 * LUKS_IMAGE_COPY], const void *json, size_t len);
/* Makes a copy's checksum right again. */
void luks_image_sign(uint8_t *copy, size_t len);

#endif
