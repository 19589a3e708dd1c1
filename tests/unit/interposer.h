/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody on the bus between the TPM and us, as a TCTI: reads all, and at the commands that a
 * test chooses does one kind of mischief. Commands are counted from interposer_arm() on.
 */
#ifndef BULKHEAD_TESTS_INTERPOSER_H
#define BULKHEAD_TESTS_INTERPOSER_H

#include "tpm/tcti_watch.h"

#include <stdbool.h>
#include <stddef.h>

enum mischief {
        HONEST,
        FLIP_RESPONSE, /* one bit at `where` % length */
        FLIP_COMMAND,
        ANSWER_NOTHING,      /* 0 bytes */
        ANSWER_NINE,         /* 9 bytes */
        ANSWER_GARBAGE,      /* a good header, then 0xff */
        ANSWER_INFLATED,     /* a header that states more than comes */
        ANSWER_LONG,         /* inner lengths of 0xffff after the header */
        ANSWER_HUGE,         /* 60,000 bytes stated and claimed */
        ANSWER_CODE,         /* `code` instead of asking the TPM */
        EXTEND_BEFORE,       /* PCR `code` is extended before the command */
        OTHER_SRK,           /* ReadPublic(0x81000001) tells of 0x81000002 */
        OTHER_SRK_TRUE_NAME, /* the same with the Names of 0x81000001 */
        NULL_HIERARCHY,      /* LoadExternal goes into the NULL hierarchy */
        PULL_THE_PLUG,       /* plug() is called before the command */
};

struct interposer {
        enum mischief what;
        unsigned first, times; /* the commands with these numbers, from 0 */
        unsigned code, where;
        unsigned only_command; /* a TPM2_CC, 0: any; others are not counted */
        void (*plug)(void);
        unsigned count; /* of commands so far */
        unsigned done;  /* times that mischief was done */
};
extern struct interposer interposer;
extern const struct tcti_source interposer_source;

void interposer_arm(enum mischief what, unsigned first, unsigned times);
/* Everything that has gone either way since interposer_forget(). */
void interposer_forget(void);
bool interposer_saw(const void *bytes, size_t len);
size_t interposer_bytes(void);

#endif
