/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes what firmware will measure when it boots an EFI image, so that a state can be approved
 * before the first boot into it. Bytes in, a digest out; no file is opened.
 */
#ifndef BULKHEAD_TOOLS_EFI_IMAGE_H
#define BULKHEAD_TOOLS_EFI_IMAGE_H

#include "lib/buffer.h"
#include "lib/digest.h"
#include "lib/status.h"

enum { EFI_IMAGE_MOST = 1 << 30 }; /* bytes of a file that callers should read */

/*
 * The Authenticode digest of a PE32+ image: all of it but its checksum and its certificates
 * (Microsoft, "Windows Authenticode Portable Executable Signature Format", 2008, "Calculating the
 * PE Image Hash"). path: for errors. ST_INVALID, with what is wrong, for any other file, and for
 * one whose parts overlap or lie outside of it.
 */
enum status efi_image_digest(const char *path, struct bytes image, enum hash_alg alg,
                             struct digest *digest_out);

/*
 * PCR 4 of that bank after firmware has booted this image from its first boot option, and no other
 * image before it (TCG PC Client Platform Firmware Profile 1.05, 3.3.4.5): the events "Calling EFI
 * Application from Boot Option", separator, image.
 */
enum status efi_image_pcr4(const char *path, struct bytes image, enum hash_alg alg,
                           struct digest *value_out);

#endif
