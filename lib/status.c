/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses and the error kept for the request at hand. No I/O, no allocation. */
#include "lib/status.h"
#include "lib/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
        unsigned number;
        int exit_status;
        const char *sentence;
} statuses[] = {
#define STATUS(number, name, exit_status, sentence) {number, exit_status, sentence},
#include "bulkhead/status.def"
#undef STATUS
};

static _Thread_local struct error kept;

/* An identifier from outside must not forge a log line or move a terminal's cursor, and a kept text
 * must be UTF-8, also where it was cut, to cross sockets. */
enum status error_set(enum status s, const struct why *why)
{
        struct error e = {.status = s};

        utf8_printable(e.subject, sizeof e.subject, why->subject);
        utf8_printable(e.expected, sizeof e.expected, why->expected);
        utf8_printable(e.found, sizeof e.found, why->found);
        utf8_printable(e.remedy, sizeof e.remedy, why->remedy);
        kept = e;
        return s;
}

const char *status_format(char text[256], const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(text, 256, format, args);
        va_end(args);
        return text;
}

const char *status_remedy(char text[512], const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(text, 512, format, args);
        va_end(args);
        return text;
}

const char *status_quoted(char quoted[256], const char *text)
{
        if (!text)
                return "none";
        snprintf(quoted, 256, "'%.250s'", text);
        return quoted;
}

const struct error *error_last(void)
{
        return &kept;
}

void error_keep(const struct error *e)
{
        error_set(e->status, &(struct why){e->subject, e->expected, e->found, e->remedy});
}

void error_clear(void)
{
        memset(&kept, 0, sizeof kept);
}

int status_known(unsigned number)
{
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
                if (statuses[i].number == number)
                        return 1;
        return 0;
}

const char *status_sentence(enum status s)
{
        static _Thread_local char unknown[32];

        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
                if (statuses[i].number == s)
                        return statuses[i].sentence;
        snprintf(unknown, sizeof unknown, "unknown: status %u", (unsigned)s);
        return unknown;
}

int status_exit(enum status s)
{
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
                if (statuses[i].number == s)
                        return statuses[i].exit_status;
        return 3;
}

enum status status_of_errno(int error)
{
        switch (error) {
        case ENOSPC:
        case EDQUOT:
                return ST_NO_SPACE;
        case ENOENT:
                return ST_NOT_FOUND;
        case EACCES:
        case EPERM:
                return ST_DENIED;
        default:
                return ST_IO;
        }
}
