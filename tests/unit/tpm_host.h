/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that is set up, for the tests of what talks to the TPM: a simulated TPM, a site key in
 * a PEM file that openssl made and signs with, the caller's side of keys and approvals.
 */
#ifndef BULKHEAD_TESTS_TPM_HOST_H
#define BULKHEAD_TESTS_TPM_HOST_H

#include "tpm/tpm_internal.h"

#include <check.h>

struct host {
        struct arena *a;
        struct tpm *t;
        struct tpm_keys keys;
        struct approval approvals[8];
        size_t approvals_count;
};

extern const struct tcti_source *host_source; /* NULL: tctildr */

#define ok(call) host_ok((call), #call, __FILE__, __LINE__)
#define refused_with(status, call) host_refused((status), (call), #call, __FILE__, __LINE__)
void host_ok(enum status s, const char *call, const char *file, int line);
void host_refused(enum status expected, enum status s, const char *call, const char *file,
                  int line);

/* Set up, with site.pem in the simulated TPM's folder; nothing approved. passphrase: the site key
 * is in the TPM instead. */
struct host host_new(const char *passphrase);
void host_free(struct host *h);
enum status host_use(struct host *h); /* gives its keys and approvals to its tpm */
struct tpm *host_tpm(void);

/* Approves the present state, by openssl with that PEM file, or with that passphrase. */
enum status host_approve_state(struct host *h, const char *pem, const char *passphrase);
enum status host_approve_pcrs(struct host *h, struct tpm_static_rep *present, const char *pem,
                              const char *passphrase);
enum status host_setup(struct host *h, const char *pem, const char *passphrase, uint32_t alg,
                       uint32_t pcrs);

/* The secret, its binding: the same bytes each time, chosen by number. */
void host_secret(uint8_t secret[32], int number);
struct digest host_binding(int number);
enum status host_seal(struct host *h, uint32_t pcr, int binding, int secret,
                      struct tpm_seal_rep *out);
enum status host_unseal(struct host *h, uint32_t pcr, int binding, const struct tpm_seal_rep *blob,
                        uint8_t secret_out[32]); /* ST_NOT_FOUND: it said done, wrote nothing */
enum status host_attest(struct host *h, uint32_t pcrs, int extend_16, struct tpm_attest_rep *out);

struct bytes host_file(struct arena *a, const char *name); /* in the simulated TPM's folder */
void host_write(const char *name, struct bytes b);
int host_loaded(void); /* transient objects and sessions in the TPM, by tpm2_getcap */
int host_pipe_with(const void *bytes, size_t len); /* its read end, the write end closed */

#endif
