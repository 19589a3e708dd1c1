/* SPDX-License-Identifier: Apache-2.0 */
/* A PCR as the kernel tells it, for whoever has no TPM, and the bank in which this host is
 * measured. Whoever wants a proof asks for a quote. */
#ifndef BULKHEAD_LIB_KERNEL_PCR_H
#define BULKHEAD_LIB_KERNEL_PCR_H

#include "lib/digest.h"
#include "lib/message.h"

/* Reads FOLDER/sys/class/tpm/tpm0/pcr-BANK/PCR; folder is "" except in tests. ST_NOT_FOUND if the
 * kernel does not tell it, ST_INVALID if it tells something else. */
enum status kernel_pcr(const char *folder, enum hash_alg bank, unsigned pcr,
                       struct digest *value_out);
/* integrity-mgr's status fact of area "host" whose value is the bank's name alone. */
#define FACT_BANK "PCR bank"
/* The bank that `bulkhead host setup` chose, as integrity-mgr's status facts tell it; HASH_NONE if
 * they do not. */
enum hash_alg kernel_pcr_bank(const struct fact *facts, size_t count);

#endif
