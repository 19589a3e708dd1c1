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
        bool efi; /* UEFI started this machine, which decides the default static PCRs */

        TSS2_TCTI_CONTEXT *tcti;
        ESYS_CONTEXT *esys;
        ESYS_TR srk, session, ak, epoch, table; /* ESYS_TR_NONE: not there */
        ESYS_TR held[TPM_HELD_MOST];            /* flushed when the request ends */
        bool stale;   /* the TPM was reset, is gone, or answers nonsense: connect anew */
        bool trouble; /* the connection was stale: objects or PCRs of ours may be left over */
        bool broken;  /* the transport itself failed, not only what came over it */

        struct arena *kept; /* keys and approvals lie here */
        bool used;          /* tpm_use() was successful */
        struct tpm_keys keys;
        TPM2B_PUBLIC site;
        TPM2B_NAME site_name, epoch_name;
        struct approval approvals[APPROVALS_MOST];
        size_t approvals_count;

        TPM2B_AUTH ak_auth; /* size 0: not unsealed yet */
};

/* Makes a call of ESYS, and repeats it, within bounds, while the TPM asks for that. Evaluates to a
 * TSS2_RC. */
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
enum status tpm_failed(TSS2_RC rc, const char *doing); /* describes it; never ST_DONE */

/* Connects if there is no sound connection. After trouble it flushes what was left loaded. */
enum status tpm_connect(struct tpm *t);
void tpm_disconnect(struct tpm *t);

/* Runs a request: connects, calls `step`, drops what it held. Does all of it once more if that
 * failed because the connection was stale, so a step may run twice. */
typedef enum status tpm_step(struct tpm *t, struct arena *a, const void *req, void *rep);
enum status tpm_run(struct tpm *t, tpm_step *step, struct arena *a, const void *req, void *rep);

/* Opens, if it is not open, the session that carries secrets, salted to the SRK whose Name is
 * pinned. */
enum status tpm_session(struct tpm *t);
TSS2_RC tpm_encrypt(struct tpm *t); /* lets the session encrypt parameters again, both ways */
/* Asks the TPM once more which SRK it has. ST_TPM_REPLACED if another one, or none, is there now.
 */
enum status tpm_srk_anew(struct tpm *t);
/* The SRK's public area as ESYS itself will use it. ST_NOT_FOUND, not described, if there is
 * none. */
enum status tpm_srk_public(struct tpm *t, TPM2B_PUBLIC *out);
enum status tpm_in_use(const struct tpm *t); /* ST_DONE after tpm_use() */

/* A held handle is flushed by tpm_drop(), or else when the request ends. */
void tpm_hold(struct tpm *t, ESYS_TR handle);
void tpm_drop(struct tpm *t, ESYS_TR handle);
void tpm_drop_all(struct tpm *t);

enum status tpm_read_pcrs(struct tpm *t, struct arena *a, uint32_t mask, struct pcr_value **out,
                          size_t *count_out);
enum status tpm_destination_set(struct tpm *t, uint32_t pcr, const struct extend *extends,
                                size_t count);
void tpm_destination_clear(struct tpm *t, uint32_t pcr); /* caps and resets; stale on failure */

enum status tpm_counter_read(struct tpm *t, ESYS_TR *handle, uint32_t index, uint64_t *out);
enum status tpm_counter_increment(struct tpm *t, ESYS_TR handle);

/* Structures of the TPM from bytes, and to bytes in the arena. Reading is strict: ST_DAMAGED for
 * anything but one whole structure. private: may be without data. */
enum status tpm_blob(struct bytes public, struct bytes private, TPM2B_PUBLIC *public_out,
                     TPM2B_PRIVATE *private_out);
enum status tpm_load(struct tpm *t, struct bytes public, struct bytes private, ESYS_TR *out);
struct bytes tpm_public_bytes(struct arena *a, const TPM2B_PUBLIC *public);
struct bytes tpm_private_bytes(struct arena *a, const TPM2B_PRIVATE *private);
struct bytes tpm_name_bytes(struct arena *a, const TPM2B_NAME *name);
struct bytes tpm_signature_bytes(struct arena *a, const TPMT_SIGNATURE *signature);
enum status tpm_signature(struct bytes b, TPMT_SIGNATURE *out);

/* Creates an object under the SRK, with the authValue `auth` (NULL: empty). secret:
 * KEYS_SECRET_SIZE bytes to seal; NULL: the TPM makes a key. */
enum status tpm_create(struct tpm *t, struct arena *a, const TPM2B_PUBLIC *template,
                       const TPM2B_AUTH *auth, const uint8_t *secret, struct bytes *public_out,
                       struct bytes *private_out);
/* Unseals what was sealed to approved states and, unless pcr is 0, to `binding` in that PCR. */
enum status tpm_open_secret(struct tpm *t, uint32_t pcr, const struct digest *binding,
                            struct bytes public, struct bytes private,
                            uint8_t secret_out[static KEYS_SECRET_SIZE]);

/* What is done in a policy session that satisfies the policy of what is sealed; `policy` is the
 * first session of the command. It may be called again. */
typedef TSS2_RC tpm_in_policy(struct tpm *t, ESYS_TR policy, void *what);
/* In the present, approved state, and unless pcr is 0 with `binding` in that PCR. *rc_out: what the
 * TPM said in the session, which is not described yet. */
enum status tpm_with_policy(struct tpm *t, uint32_t pcr, const struct digest *binding,
                            tpm_in_policy *use, void *what, TSS2_RC *rc_out);
enum status tpm_policy_refused(TSS2_RC rc, const char *doing); /* describes such an *rc_out */
/* The destination PCR's value after its one extend. */
struct pcr_value tpm_destination(uint32_t pcr, const struct digest *binding);
/* The approval that fits the present state of the host. */
enum status tpm_approval_fitting(struct tpm *t, const struct approval **out);
/* Loads the AK and sets its authValue, if that has not been done. */
enum status tpm_ak(struct tpm *t);
/* Reads a passphrase from a pipe and makes an authValue of it. */
enum status tpm_passphrase(int fd, TPM2B_AUTH *auth_out);
/* Whether it is all 00 or all FF: nothing was measured into that PCR, or nothing can be. */
bool tpm_blank(const struct digest *value);
/* Disconnects and forgets keys and approvals, before others come into use. */
void tpm_forget(struct tpm *t);

#endif
