/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the memory of a guest of Xen to an image, and reads it back. The image is a block device
 * that svdm has mapped: libxl reads from it what libxl wrote, or gets an error of the device.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_SAVE_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_SAVE_H

#include "compartment-mgr/domain/domain_xen_libxl.h"

/* Stops the guest and writes its memory, synced. The domain is left, shut down with the reason
 * "suspend". After an error it runs on. */
enum status xen_save_running(struct xen_domain *d, const struct block_device *memory);
/* Lets a domain run on that was saved and not destroyed. */
enum status xen_resume_saved(uint32_t domid, const char *name);
/* Builds the domain from that image, paused. The boot files in config are not used. */
enum status xen_restore(libxl_ctx *ctx, libxl_domain_config *config,
                        const struct block_device *memory, uint32_t *domid_out);

#endif
