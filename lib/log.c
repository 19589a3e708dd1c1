/* SPDX-License-Identifier: Apache-2.0 */
/* One line an event to standard error, written by one write() so that processes do not mix. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *program_name = "bulkhead";

void log_open(const char *program)
{
        program_name = program;
}

/* The digits are syslog priorities, which journald reads from such lines (sd-daemon(3)). */
static void write_line(int priority, const char *format, va_list args)
{
        char line[1600];
        int head = snprintf(line, sizeof line, "<%d>%s: ", priority, program_name), n;

        n = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
        if (n < 0)
                return;
        n = (size_t)(head + n) > sizeof line - 2 ? (int)sizeof line - 2 : head + n;
        for (int i = 0; i < n; i++)
                if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
                        line[i] = '?';
        line[n] = '\n';
        if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
                return; /* nowhere left to say it */
}

void log_info(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        write_line(6, format, args);
        va_end(args);
}

void log_warning(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        write_line(4, format, args);
        va_end(args);
}

void log_error(const char *doing)
{
        const struct error *e = error_last();

        log_warning("%s: %s: %s%s%s%s%s", doing, status_sentence(e->status), e->subject,
                    *e->found ? "; found " : "", e->found, *e->remedy ? "; remedy: " : "",
                    e->remedy);
}

void fatal(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        write_line(3, format, args);
        va_end(args);
        exit(3);
}
