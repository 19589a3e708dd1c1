/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses, and the one error that explains a status to a person.
 *
 * A function that can fail returns an enum status. Whoever knows most about a failure describes
 * it once, with FAIL(), and everybody above passes the status up unchanged. The description is
 * kept per thread (a thread serves one request), and crosses sockets in the reply.
 */
#ifndef BULKHEAD_LIB_STATUS_H
#define BULKHEAD_LIB_STATUS_H

enum status {
#define STATUS(number, name, exit_status, sentence) name = number,
#include "bulkhead/status.def"
#undef STATUS
};

/* What a person needs to act: all four may be empty, none is ever NULL in a kept error. Control
 * characters are replaced by '?' when an error is kept, and what is too long is cut. */
struct error {
        enum status status;
        char subject[256];  /* what it is about: a target, a file, a VM, a PCR */
        char expected[256]; /* shown to admins only */
        char found[256];
        char remedy[320]; /* the command that mends it or shows more */
};

struct why {
        const char *subject, *expected, *found, *remedy;
};

/* return FAIL(ST_CHANGED, .subject = target, .expected = hex, .remedy = "restore the disk"); */
#define FAIL(s, ...) error_set((s), &(struct why){__VA_ARGS__})
/* The same with a formatted subject or found, valid until the statement ends. */
#define FMT(...) status_format((char[256]){0}, __VA_ARGS__)

enum status error_set(enum status s, const struct why *why);
const char *status_format(char text[256], const char *format, ...)
        __attribute__((format(printf, 2, 3)));

const struct error *error_last(void);   /* of this thread; status ST_DONE if none is kept */
void error_keep(const struct error *e); /* takes over one that came from another process */
void error_clear(void);

const char *status_sentence(enum status s); /* never NULL, also for numbers that are unknown */
int status_exit(enum status s);             /* 3 for numbers that are unknown */
int status_known(unsigned number);

/* An errno as a status: ENOSPC and EDQUOT are ST_NO_SPACE, ENOENT is ST_NOT_FOUND, EACCES and
 * EPERM are ST_DENIED, everything else ST_IO. */
enum status status_of_errno(int error);

#endif
