/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tpm_worker: the only ESYS context. Started by integrity-mgr as integrity-mgr's user. The TCTI is
 * its argument, or else BULKHEAD_TCTI, or else the kernel's resource manager.
 *
 * Its one job lives as long as the daemon. The job opens the transport and then gives up all other
 * rights: no files, no programs, no sockets but local and IP ones (tcti-swtpm connects for each
 * command; name it by path or address, since no host name can be looked up). It holds the AK's
 * authValue; secrets pass through it between pipe and TPM.
 */
#include "lib/report.h"
#include "lib/worker.h"
#include "tpm/tcti_watch.h"
#include "tpm/tpm.h"
#include "tpm/tpm_internal.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define TPM_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

enum { OPEN_SECONDS = 20 };

static const char *conf = "device:/dev/tpmrm0";
static struct tpm *tpm;
static TSS2_TCTI_CONTEXT *transport;

static const struct sandbox sandbox = {.profile = SANDBOX_PEER, .memory = 256 << 20, .files = 64};

/* --- the transport: opened once, before the sandbox is entered ------------------------------- */

static TSS2_RC open_transport(const char *conf_wanted, TSS2_TCTI_CONTEXT **out)
{
        TSS2_RC rc;

        if (!transport) {
                alarm(OPEN_SECONDS); /* ends this job: tcti-swtpm would wait for ever */
                rc = Tss2_TctiLdr_Initialize(conf_wanted, &transport);
                alarm(0);
                if (rc)
                        return rc; /* no TPM yet: the next request tries again */
                sandbox_enter(&sandbox);
        } else if (tpm->broken && strncmp(conf, "swtpm:", 6) && strncmp(conf, "mssim:", 6)) {
                _exit(3); /* the sandbox cannot open a device again; a new job can */
        }
        *out = transport;
        return TSS2_RC_SUCCESS;
}

static void keep_transport(TSS2_TCTI_CONTEXT **tcti)
{
        *tcti = NULL;
}

static const struct tcti_source once = {open_transport, keep_transport};

/* --- requests; tpm.h has the contract -------------------------------------------------------- */

enum status on_tpm_status(struct request *r, const struct tpm_status_req *q,
                          struct tpm_status_rep *p)
{
        (void)q;
        return tpm_status(tpm, r->arena, p);
}

enum status on_tpm_setup(struct request *r, const struct tpm_setup_req *q, struct tpm_setup_rep *p)
{
        return tpm_setup(tpm, r->arena, q, p);
}

enum status on_tpm_use(struct request *r, const struct tpm_use_req *q, struct tpm_use_rep *p)
{
        (void)r, (void)p;
        return tpm_use(tpm, q);
}

enum status on_tpm_static(struct request *r, const struct tpm_static_req *q,
                          struct tpm_static_rep *p)
{
        (void)q;
        return tpm_static(tpm, r->arena, p);
}

enum status on_tpm_approval(struct request *r, const struct tpm_approval_req *q,
                            struct tpm_approval_rep *p)
{
        return tpm_approval(tpm, r->arena, q, p);
}

enum status on_tpm_approve(struct request *r, const struct tpm_approve_req *q,
                           struct tpm_approve_rep *p)
{
        return tpm_approve(tpm, r->arena, q, p);
}

enum status on_tpm_attest(struct request *r, const struct tpm_attest_req *q,
                          struct tpm_attest_rep *p)
{
        return tpm_attest(tpm, r->arena, q, p);
}

enum status on_tpm_seal(struct request *r, const struct tpm_seal_req *q, struct tpm_seal_rep *p)
{
        return tpm_seal(tpm, r->arena, q, p);
}

enum status on_tpm_unseal(struct request *r, const struct tpm_unseal_req *q,
                          struct tpm_unseal_rep *p)
{
        (void)r, (void)p;
        return tpm_unseal(tpm, q);
}

enum status on_tpm_reseal(struct request *r, const struct tpm_reseal_req *q,
                          struct tpm_reseal_rep *p)
{
        return tpm_reseal(tpm, r->arena, q, p);
}

enum status on_tpm_table_mac(struct request *r, const struct tpm_table_mac_req *q,
                             struct tpm_table_mac_rep *p)
{
        (void)r;
        return tpm_table_mac(tpm, q, p);
}

enum status on_tpm_table_there(struct request *r, const struct tpm_table_there_req *q,
                               struct tpm_table_there_rep *p)
{
        (void)r, (void)q;
        return tpm_table_there(tpm, p);
}

enum status on_tpm_table_known(struct request *r, const struct tpm_table_known_req *q,
                               struct tpm_table_known_rep *p)
{
        (void)r, (void)q;
        return tpm_table_known(tpm, p);
}

enum status on_tpm_table_commit(struct request *r, const struct tpm_table_commit_req *q,
                                struct tpm_table_commit_rep *p)
{
        (void)r, (void)p;
        return tpm_table_commit(tpm, q);
}

enum status on_tpm_begin(struct request *r, const struct tpm_begin_req *q, struct tpm_begin_rep *p)
{
        (void)r, (void)p;
        tpm_begin(tpm, q->clean);
        return ST_DONE;
}

/* The kernel lets one process at a time open a device that no resource manager stands before. */
static bool shuts_others_out(void)
{
        return !strncmp(conf, "device:", 7) && !strstr(conf, "tpmrm");
}

enum status on_tpm_rest(struct request *r, const struct tpm_rest_req *q, struct tpm_rest_rep *p)
{
        (void)r, (void)q;
        tpm_rest(tpm);
        p->end = shuts_others_out();
        return ST_DONE;
}

enum status on_tpm_retire(struct request *r, const struct tpm_retire_req *q,
                          struct tpm_retire_rep *p)
{
        (void)r;
        return tpm_retire(tpm, q, p);
}

enum status on_tpm_clock(struct request *r, const struct tpm_clock_req *q, struct tpm_clock_rep *p)
{
        (void)r, (void)q;
        return tpm_clock(tpm, p);
}

static const struct handler handlers[] = {
#define TPM_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

/* --- the process ----------------------------------------------------------------------------- */

static void begin(void)
{
        tpm = tpm_new(conf);
        tpm->source = &once;
}

static void end(void)
{
        tpm_free(tpm);
}

/* OpenSSL reads its configuration, a file, while it still can. */
static void warm_up(void)
{
        uint8_t random[16];

        OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
        if (RAND_bytes(random, sizeof(random)) != 1)
                fatal("no random numbers");
        sandbox_warm_up(sandbox.profile);
}

int main(int argc, char **argv)
{
        /* The job enters its sandbox itself, in open_transport(). */
        static const struct worker_duty duty = {.name = "tpm_worker",
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof(handlers) / sizeof(*handlers),
                                                .child_begin = begin,
                                                .child_end = end};

        process_harden();
        report_open("tpm_worker");
        if (argc > 1)
                conf = argv[1];
        else if (getenv("BULKHEAD_TCTI"))
                conf = getenv("BULKHEAD_TCTI");
        warm_up();
        worker_serve(&duty);
}
