/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginnings and errors of libcryptsetup, for the two files that use it: luks_disk.c (headers) and
 * crypt_map.c (mapping). Everything is given to it by descriptor. For one thread.
 */
#ifndef BULKHEAD_SVDM_DEVICE_CRYPTSETUP_H
#define BULKHEAD_SVDM_DEVICE_CRYPTSETUP_H

#include "lib/status.h"

#include <libcryptsetup.h>

/* Once in a process: no locks in /run, no token plug-ins; what it says is kept for errors. */
void cryptsetup_init(void);

/* metadata: a LUKS2 header, or a hash tree; data: the block device, or -1. Also after an error the
 * caller calls crypt_free(). */
enum status cryptsetup_begin(const char *path, int metadata, int data,
                             struct crypt_device **cd_out);
/* The same for a LUKS2 header, loaded. ST_INVALID if it is not whole. */
enum status cryptsetup_read(const char *path, int header, int data, struct crypt_device **cd_out);
/* The same for a header whose key slots are to be tried. ST_TOO_LARGE if that may cost more than
 * luks_cost.h allows. */
enum status cryptsetup_load(const char *path, int header, int data, struct crypt_device **cd_out);

/* What libcryptsetup said last, or what r (-errno) means. */
const char *cryptsetup_said(int r);
enum status cryptsetup_failed(const char *path, int r, const char *remedy);

#endif
