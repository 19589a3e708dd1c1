/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody on the bus, for tests of what is on it. */
#include "tests/unit/interposer.h"

#include "lib/buffer.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>

enum { BUS = 4096, HEADER = 10 };

struct interposer interposer;

static struct buffer traffic = BUFFER_INIT(64 << 20);

struct bus {
        TSS2_TCTI_CONTEXT_COMMON_V2 common;
        TSS2_TCTI_CONTEXT *below;
        enum mischief now; /* to be done to the response of the command under way */
        uint8_t true_names[BUS];
        size_t true_names_len;
};

void interposer_arm(enum mischief what, unsigned first, unsigned times)
{
        void (*plug)(void) = interposer.plug;

        interposer = (struct interposer){.what = what, .first = first, .times = times};
        interposer.plug = plug;
}

void interposer_forget(void)
{
        buffer_clear(&traffic);
}

bool interposer_saw(const void *bytes, size_t len)
{
        return traffic.data && memmem(traffic.data, traffic.len, bytes, len);
}

size_t interposer_bytes(void)
{
        return traffic.len;
}

static uint32_t word(const uint8_t *at)
{
        uint32_t v;

        memcpy(&v, at, 4);
        return be32toh(v);
}

static void put_word(uint8_t *at, uint32_t v)
{
        v = htobe32(v);
        memcpy(at, &v, 4);
}

/* Says a command of its own to the TPM. */
static size_t aside(struct bus *b, const uint8_t *command, size_t len, uint8_t *response)
{
        size_t got = BUS;

        if (Tss2_Tcti_Transmit(b->below, len, command) ||
            Tss2_Tcti_Receive(b->below, &got, response, -1))
                return 0;
        return got;
}

static void extend_pcr(struct bus *b, uint32_t pcr)
{
        uint8_t command[10 + 4 + 4 + 9 + 4 + 2 + 32] = {0x80, 0x02}, response[BUS];

        put_word(command + 2, sizeof(command));
        put_word(command + 6, TPM2_CC_PCR_Extend);
        put_word(command + 10, pcr);
        put_word(command + 14, 9);
        put_word(command + 18, TPM2_RS_PW);
        put_word(command + 27, 1);
        command[32] = TPM2_ALG_SHA256;
        aside(b, command, sizeof(command), response);
}

static void learn_true_names(struct bus *b, const uint8_t *command, size_t len)
{
        uint8_t response[BUS];
        size_t got = aside(b, command, len, response), public_len;

        public_len = got > 12 ? response[10] << 8 | response[11] : 0;
        b->true_names_len = got - 12 - public_len;
        memcpy(b->true_names, response + 12 + public_len, b->true_names_len);
}

static void change_command(struct bus *b, uint8_t *command, size_t len)
{
        uint32_t code = word(command + 6);

        switch (b->now) {
        case FLIP_COMMAND:
                command[HEADER + interposer.where % (len - HEADER)] ^= 1;
                break;
        case EXTEND_BEFORE:
                extend_pcr(b, interposer.code);
                break;
        case OTHER_SRK:
        case OTHER_SRK_TRUE_NAME:
                if (code != TPM2_CC_ReadPublic || word(command + 10) != 0x81000001)
                        break;
                learn_true_names(b, command, len);
                put_word(command + 10, 0x81000002);
                break;
        case NULL_HIERARCHY:
                if (code == TPM2_CC_LoadExternal)
                        put_word(command + len - 4, TPM2_RH_NULL);
                break;
        case PULL_THE_PLUG:
                interposer.plug();
                break;
        default:
                break;
        }
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
        struct bus *b = (struct bus *)tcti;
        uint8_t changed[BUS];
        unsigned number;

        buffer_add(&traffic, command, size);
        memcpy(changed, command, size);
        b->now = HONEST;
        if (!interposer.only_command || word(command + 6) == interposer.only_command) {
                number = interposer.count++;
                if (number >= interposer.first && number - interposer.first < interposer.times) {
                        b->now = interposer.what;
                        interposer.done++;
                        change_command(b, changed, size);
                }
        }
        if (b->now == ANSWER_CODE)
                return TSS2_RC_SUCCESS;
        return Tss2_Tcti_Transmit(b->below, size, changed);
}

static void change_response(struct bus *b, uint8_t *r, size_t *size)
{
        size_t public_len;

        switch (b->now) {
        case FLIP_RESPONSE:
                r[interposer.where % *size] ^= 1;
                break;
        case ANSWER_NOTHING:
                *size = 0;
                break;
        case ANSWER_NINE:
                *size = 9;
                break;
        case ANSWER_GARBAGE:
                memset(r + HEADER, 0xff, *size - HEADER);
                break;
        case ANSWER_INFLATED:
                put_word(r + 2, *size + 100);
                break;
        case ANSWER_LONG:
                if (*size > HEADER + 2)
                        memset(r + HEADER, 0xff, 2);
                if (*size > HEADER + 6)
                        memset(r + HEADER + 4, 0xff, 2);
                break;
        case ANSWER_HUGE:
                put_word(r + 2, 60000);
                *size = 60000;
                break;
        case OTHER_SRK_TRUE_NAME:
                if (!b->true_names_len)
                        break;
                public_len = r[10] << 8 | r[11];
                memcpy(r + 12 + public_len, b->true_names, b->true_names_len);
                *size = 12 + public_len + b->true_names_len;
                put_word(r + 2, *size);
                b->true_names_len = 0;
                break;
        default:
                break;
        }
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
        struct bus *b = (struct bus *)tcti;
        TSS2_RC rc;

        if (b->now == ANSWER_CODE) {
                memcpy(response, "\x80\x01\0\0\0\x0a", 6);
                put_word(response + 6, interposer.code);
                *size = HEADER;
                return TSS2_RC_SUCCESS;
        }
        rc = Tss2_Tcti_Receive(b->below, size, response, timeout);
        if (rc)
                return rc;
        buffer_add(&traffic, response, *size);
        change_response(b, response, size);
        return TSS2_RC_SUCCESS;
}

/* Opens the transport once for each TPM, as tpm_worker does: opening has no limit of time. */
static TSS2_TCTI_CONTEXT *transport;
static char transport_conf[512];

static TSS2_RC open_transport(const char *conf)
{
        if (transport && !strcmp(conf, transport_conf))
                return TSS2_RC_SUCCESS;
        if (transport)
                Tss2_TctiLdr_Finalize(&transport);
        transport = NULL;
        snprintf(transport_conf, sizeof(transport_conf), "%s", conf);
        return Tss2_TctiLdr_Initialize(conf, &transport);
}

static TSS2_RC open_bus(const char *conf, TSS2_TCTI_CONTEXT **out)
{
        struct bus *b;
        TSS2_RC rc = open_transport(conf);

        if (rc)
                return rc;
        b = calloc(1, sizeof(*b));
        b->below = transport;
        b->common.v1.magic = 1;
        b->common.v1.version = 2;
        b->common.v1.transmit = transmit;
        b->common.v1.receive = receive;
        *out = (TSS2_TCTI_CONTEXT *)b;
        return TSS2_RC_SUCCESS;
}

static void close_bus(TSS2_TCTI_CONTEXT **tcti)
{
        free(*tcti);
        *tcti = NULL;
}

const struct tcti_source interposer_source = {open_bus, close_bus};
