/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCTI that lies over another one and watches it [TCG TSS 2.0 TCTI API 1.0]: what comes from
 * the TPM is a whole response of at most 4,096 bytes before anything behind sees it, a TPM that
 * does not answer is given up, and the time between transmit and receive is counted.
 */
#ifndef BULKHEAD_TPM_TCTI_WATCH_H
#define BULKHEAD_TPM_TCTI_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_tcti.h>

/* Where the TCTI below comes from: tctildr, or a test's. */
struct tcti_source {
        TSS2_RC (*open)(const char *conf, TSS2_TCTI_CONTEXT **out);
        void (*close)(TSS2_TCTI_CONTEXT **tcti);
};
extern const struct tcti_source tcti_loader;

/* patience: milliseconds to wait for a response. Closed by tcti_watch_close(), NULL is fine. */
TSS2_RC tcti_watch_open(const struct tcti_source *source, const char *conf, int patience,
                        TSS2_TCTI_CONTEXT **out);
void tcti_watch_close(TSS2_TCTI_CONTEXT **tcti);
uint64_t tcti_watch_time(const TSS2_TCTI_CONTEXT *tcti); /* nanoseconds so far, NULL: 0 */
bool tcti_watch_failed(const TSS2_TCTI_CONTEXT *tcti);   /* the transport itself; NULL: no */

#endif
