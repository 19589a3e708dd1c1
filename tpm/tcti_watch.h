/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI that lies over another one and watches it [TCG TSS 2.0 TCTI API 1.0]. It hands ESYS only
 * whole responses of at most 4,096 bytes, gives up a TPM that does not answer, and adds up the time
 * between transmit and receive.
 */
#ifndef BULKHEAD_TPM_TCTI_WATCH_H
#define BULKHEAD_TPM_TCTI_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_tcti.h>

/* Opens and closes the TCTI below: tctildr, or a test's source. */
struct tcti_source {
        TSS2_RC (*open)(const char *conf, TSS2_TCTI_CONTEXT **out);
        void (*close)(TSS2_TCTI_CONTEXT **tcti);
};
extern const struct tcti_source tcti_loader;

/* conf: for source->open(). patience: milliseconds to wait for a response. */
TSS2_RC tcti_watch_open(const struct tcti_source *source, const char *conf, int patience,
                        TSS2_TCTI_CONTEXT **out);
void tcti_watch_close(TSS2_TCTI_CONTEXT **tcti); /* sets it to NULL; a NULL is fine */
/* Nanoseconds that the TPM has taken so far; 0 for NULL. */
uint64_t tcti_watch_time(const TSS2_TCTI_CONTEXT *tcti);
/* Whether transmitting or receiving has ever failed; false for NULL. */
bool tcti_watch_failed(const TSS2_TCTI_CONTEXT *tcti);

#endif
