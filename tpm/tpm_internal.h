/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tpm*.c files share and nobody else includes: the connection (tpm_connection.c), its one
 * salted session (tpm_session.c), the parts that requests are made of (tpm_parts.c), and how a
 * request is run (tpm.c). Each of these four uses those before it, never one after it.
 */
#ifndef BULKHEAD_TPM_TPM_INTERNAL_H
#define BULKHEAD_TPM_TPM_INTERNAL_H

#include "tpm/keys.h"
#include "tpm/tcti_watch.h"
#include "tpm/tpm.h"

#include <tss2/tss2_esys.h>

enum { TPM_HELD_MOST = 4 };

struct tpm {
        const struct tcti_source *source;
        char *conf;
        int patience;
        bool efi; /* how this machine was started: chooses the default static PCRs */

        TSS2_TCTI_CONTEXT *tcti;
        ESYS_CONTEXT *esys;
        ESYS_TR srk, session, ak, epoch, table; /* ESYS_TR_NONE: not there */
        ESYS_TR held[TPM_HELD_MOST];            /* flushed when the request ends */
        bool stale;   /* the TPM was reset, is gone, or answers nonsense: connect anew */
        bool trouble; /* it was: what is in the TPM may be left over from us */
        bool broken;  /* a transport failed, not only what came over it */

        struct arena *kept; /* keys and approvals lie here */
        bool used;
        struct tpm_keys keys;
        TPM2B_PUBLIC site;
        TPM2B_NAME site_name, epoch_name;
        struct approval approvals[APPROVALS_MOST];
        size_t approvals_count;

        TPM2B_AUTH ak_auth; /* size 0: not unsealed yet */
};

/* Asks, again while the TPM wants to be asked again, within bounds. Evaluates to a TSS2_RC. */
#define ASK(t, call)                                                                               \
        ({                                                                                         \
                struct tpm_tries tries_ = {0};                                                     \
                TSS2_RC rc_;                                                                       \
                do                                                                                 \
                        rc_ = (call);                                                              \
                while (tpm_again((t), rc_, &tries_));                                              \
                rc_;                                                                               \
        })
struct tpm_tries {
        unsigned waits;
        bool flushed;
};
bool tpm_again(struct tpm *t, TSS2_RC rc, struct tpm_tries *tries);

uint32_t tpm_code(TSS2_RC rc); /* the TPM's own code without parameter, handle or session number */
enum status tpm_failed(TSS2_RC rc, const char *doing); /* described; never ST_DONE */

/* Connects if it has to; what this process left loaded before is flushed after trouble. */
enum status tpm_connect(struct tpm *t);
void tpm_disconnect(struct tpm *t);

/* A request: connected, done by `step`, tidied up; all of it once more if the TPM had been reset
 * under us. */
typedef enum status tpm_step(struct tpm *t, struct arena *a, const void *req, void *rep);
enum status tpm_run(struct tpm *t, tpm_step *step, struct arena *a, const void *req, void *rep);

/* The session that carries secrets, to the SRK whose Name is pinned. */
enum status tpm_session(struct tpm *t);
TSS2_RC tpm_encrypt(struct tpm *t); /* puts its encryption back, both ways */
/* The SRK's public area as ESYS will use it, whatever else the wire said. */
enum status tpm_srk_public(struct tpm *t, TPM2B_PUBLIC *out);
enum status tpm_in_use(const struct tpm *t); /* ST_DONE after tpm_use() */

ESYS_TR tpm_hold(struct tpm *t, ESYS_TR handle);
void tpm_drop(struct tpm *t, ESYS_TR handle);
void tpm_drop_all(struct tpm *t);

enum status tpm_read_pcrs(struct tpm *t, struct arena *a, uint32_t mask, struct pcr_value **out,
                          size_t *count_out);
enum status tpm_destination_set(struct tpm *t, uint32_t pcr, const struct extend *extends,
                                size_t count);
void tpm_destination_clear(struct tpm *t, uint32_t pcr); /* capped, reset; stale if it fails */

enum status tpm_counter_read(struct tpm *t, ESYS_TR *handle, uint32_t index, uint64_t *out);
enum status tpm_counter_increment(struct tpm *t, ESYS_TR handle);

/* Blobs and structures, checked for their length and for being what they say. */
enum status tpm_blob(struct bytes public, struct bytes private, TPM2B_PUBLIC *public_out,
                     TPM2B_PRIVATE *private_out);
enum status tpm_load(struct tpm *t, struct bytes public, struct bytes private, ESYS_TR *out);
struct bytes tpm_public_bytes(struct arena *a, const TPM2B_PUBLIC *public);
struct bytes tpm_private_bytes(struct arena *a, const TPM2B_PRIVATE *private);
struct bytes tpm_name_bytes(struct arena *a, const TPM2B_NAME *name);
struct bytes tpm_signature_bytes(struct arena *a, const TPMT_SIGNATURE *signature);
enum status tpm_signature(struct bytes b, TPMT_SIGNATURE *out);

/* Creates an object under the SRK; secret NULL: the TPM makes it. */
enum status tpm_create(struct tpm *t, struct arena *a, const TPM2B_PUBLIC *template,
                       const TPM2B_AUTH *auth, const uint8_t *secret, struct bytes *public_out,
                       struct bytes *private_out);
/* Opens what is sealed to an approved state, and to `binding` in PCR `pcr` unless that is 0. */
enum status tpm_open_secret(struct tpm *t, uint32_t pcr, const struct digest *binding,
                            struct bytes public, struct bytes private,
                            uint8_t secret_out[static KEYS_SECRET_SIZE]);
/* The approval that fits what the host is now. */
enum status tpm_approval_fitting(struct tpm *t, const struct approval **out);
enum status tpm_ak(struct tpm *t);
/* A passphrase from a pipe, as an authValue. */
enum status tpm_passphrase(int fd, TPM2B_AUTH *auth_out);
/* All 00 or all FF: nothing was measured into that PCR, or nothing can be. */
bool tpm_blank(const struct digest *value);
/* Before other keys come into use. */
void tpm_forget(struct tpm *t);

#endif
