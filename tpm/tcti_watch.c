/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchman between ESYS and the transport. tpm2-tss 3.2.1 believes response lengths that come
 * from the wire, so they are checked here first. All commands and responses pass through; secrets
 * in them are encrypted by the session.
 */
#include "tpm/tcti_watch.h"
#include "lib/arena.h"
#include "lib/io.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>
#include <unistd.h>

enum { RESPONSE_MOST = TPM2_MAX_RESPONSE_SIZE, HEADER = 10, MAGIC = 0x62756c6b };

struct watch {
        TSS2_TCTI_CONTEXT_COMMON_V2 common;
        const struct tcti_source *source;
        TSS2_TCTI_CONTEXT *below;
        int patience;
        bool failed;
        uint64_t asked, waited;
        uint8_t response[RESPONSE_MOST];
};

const struct tcti_source tcti_loader = {Tss2_TctiLdr_Initialize, Tss2_TctiLdr_Finalize};

/* tcti-swtpm opens a socket for each command, reads from it without a time limit and does not tell
 * its descriptor. But that is the lowest one that was free before the command. */
static int lowest_free_descriptor(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0)
                close(fd);
        return fd;
}

static void limit_wait(int fd, int patience)
{
        struct timeval limit = {patience / 1000, patience % 1000 * 1000};

        /* Fails with ENOTSOCK or EBADF where the transport opens no socket for a command. */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
        struct watch *w = (struct watch *)tcti;
        int fd = lowest_free_descriptor();
        TSS2_RC r;

        w->asked = io_now();
        r = Tss2_Tcti_Transmit(w->below, size, command);
        if (!r)
                limit_wait(fd, w->patience);
        else
                w->failed = true;
        return r;
}

static TSS2_RC failed(struct watch *w, TSS2_RC r)
{
        w->failed = true;
        return r;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
        struct watch *w = (struct watch *)tcti;
        size_t got = sizeof(w->response);
        uint32_t stated;
        TSS2_RC r;

        (void)timeout; /* ESYS always asks to wait for ever */
        if (!response) {
                *size = sizeof(w->response);
                return TSS2_RC_SUCCESS;
        }
        r = Tss2_Tcti_Receive(w->below, &got, w->response, w->patience);
        w->waited += io_now() - w->asked;
        if (r)
                return failed(w, TSS2_TCTI_RC_IO_ERROR); /* TRY_AGAIN, too: patience is over */
        if (got < HEADER || got > sizeof(w->response) || got > *size)
                return failed(w, TSS2_TCTI_RC_MALFORMED_RESPONSE);
        memcpy(&stated, w->response + 2, sizeof(stated));
        if (be32toh(stated) != got)
                return failed(w, TSS2_TCTI_RC_MALFORMED_RESPONSE);
        memcpy(response, w->response, got);
        *size = got;
        return TSS2_RC_SUCCESS;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *tcti)
{
        return Tss2_Tcti_Cancel(((struct watch *)tcti)->below);
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *tcti, uint8_t locality)
{
        return Tss2_Tcti_SetLocality(((struct watch *)tcti)->below, locality);
}

static TSS2_RC get_poll_handles(TSS2_TCTI_CONTEXT *tcti, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
        return Tss2_Tcti_GetPollHandles(((struct watch *)tcti)->below, handles, n);
}

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *tcti, TPM2_HANDLE *handle, uint8_t sticky)
{
        (void)tcti, (void)handle, (void)sticky;
        return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static void finalize(TSS2_TCTI_CONTEXT *tcti)
{
        struct watch *w = (struct watch *)tcti;

        w->source->close(&w->below);
        explicit_bzero(w->response, sizeof(w->response));
}

TSS2_RC tcti_watch_open(const struct tcti_source *source, const char *conf, int patience,
                        TSS2_TCTI_CONTEXT **out)
{
        TSS2_TCTI_CONTEXT *below = NULL;
        struct watch *w;
        TSS2_RC r = source->open(conf, &below);

        *out = NULL;
        if (r)
                return r;
        w = memory_new(1, sizeof(*w));
        w->common = (TSS2_TCTI_CONTEXT_COMMON_V2){.v1 = {MAGIC, 2, transmit, receive, finalize,
                                                         cancel, get_poll_handles, set_locality},
                                                  .makeSticky = make_sticky};
        w->source = source;
        w->below = below;
        w->patience = patience;
        *out = (TSS2_TCTI_CONTEXT *)w;
        return TSS2_RC_SUCCESS;
}

void tcti_watch_close(TSS2_TCTI_CONTEXT **tcti)
{
        if (*tcti)
                finalize(*tcti);
        free(*tcti);
        *tcti = NULL;
}

uint64_t tcti_watch_time(const TSS2_TCTI_CONTEXT *tcti)
{
        return tcti ? ((const struct watch *)tcti)->waited : 0;
}

bool tcti_watch_failed(const TSS2_TCTI_CONTEXT *tcti)
{
        return tcti && ((const struct watch *)tcti)->failed;
}
