/* SPDX-License-Identifier: Apache-2.0 */
/* One line an event to standard error, by one write() so that lines of two processes do not mix. */
#include "lib/report.h"
#include "lib/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *program_name = "bulkhead";

void report_open(const char *program)
{
        program_name = program;
}

const char *report_program(void)
{
        return program_name;
}

/* The digits are syslog priorities, which journald reads from such lines (sd-daemon(3)). */
static void write_line(int priority, const char *format, va_list args)
{
        char text[1600], line[sizeof text + 1];
        int head = snprintf(text, sizeof text, "<%d>%s: ", priority, program_name);
        size_t n;

        if (vsnprintf(text + head, sizeof text - (size_t)head, format, args) < 0)
                return;
        utf8_printable(line, sizeof text, text);
        n = strlen(line);
        line[n] = '\n';
        if (write(STDERR_FILENO, line, n + 1) < 0)
                return; /* nowhere left to say it */
}

void report_info(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        write_line(6, format, args);
        va_end(args);
}

void report_warning(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        write_line(4, format, args);
        va_end(args);
}

void report_error(const char *doing)
{
        const struct error *e = error_last();

        report_warning("%s: %s: %s%s%s%s%s", doing, status_sentence(e->status), e->subject,
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
