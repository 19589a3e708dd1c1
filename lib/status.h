/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses, and the one error that explains a status to a person.
 *
 * A function that can fail returns an enum status. The function that knows most about a failure
 * describes it once, with FAIL(), and its callers pass the status up unchanged. The description is
 * kept per thread (a thread serves one request), and crosses sockets in the reply.
 */
#ifndef BULKHEAD_LIB_STATUS_H
#define BULKHEAD_LIB_STATUS_H

enum status {
#define STATUS(number, name, exit_status, sentence) name = number,
#include "bulkhead/status.def"
#undef STATUS
};

/* What a person needs to act. Each text may be empty; when an error is kept it is made printable,
 * as by utf8_printable(), and cut to its size. */
struct error {
        enum status status;
        char subject[256];  /* what it is about: a target, a file, a VM, a PCR */
        char expected[256]; /* access.c of compartment-mgr keeps it from all but admins */
        char found[256];
        char remedy[512]; /* the command that mends it or shows more */
};

struct why {
        const char *subject, *expected, *found, *remedy;
};

/* return FAIL(ST_CHANGED, .subject = target, .expected = hex, .remedy = "restore the disk"); */
#define FAIL(s, ...) error_set((s), &(struct why){__VA_ARGS__})
/* A formatted text for FAIL() or a call, at most 255 bytes; it lives until the block ends. */
#define FMT(...) status_format((char[256]){0}, __VA_ARGS__)
/* The same for a remedy, at most 511 bytes: a command in it must not be cut off. */
#define FMT_LONG(...) status_remedy((char[512]){0}, __VA_ARGS__)

/* For .found: what a person or another program wrote, in quotes, so that its blanks and its end are
 * seen, and nobody takes it for Bulkhead's own words. At most 250 bytes of it; NULL is "none". */
#define QUOTED(text) status_quoted((char[256]){0}, text)

enum status error_set(enum status s, const struct why *why);
const char *status_quoted(char quoted[256], const char *text);
const char *status_format(char text[256], const char *format, ...)
        __attribute__((format(printf, 2, 3)));
const char *status_remedy(char text[512], const char *format, ...)
        __attribute__((format(printf, 2, 3)));

const struct error *error_last(void);   /* of this thread; status ST_DONE if none is kept */
void error_keep(const struct error *e); /* keeps one that came from elsewhere as this thread's */
void error_clear(void);

/* Never NULL. Of a number that is unknown it says so, until the thread asks for the next one. */
const char *status_sentence(enum status s);
int status_exit(enum status s); /* 3 for numbers that are unknown */
int status_known(unsigned number);

/* An errno as a status: ENOSPC and EDQUOT are ST_NO_SPACE, ENOENT is ST_NOT_FOUND, EACCES and
 * EPERM are ST_DENIED, everything else ST_IO. */
enum status status_of_errno(int error);

#endif
