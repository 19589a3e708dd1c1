/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon tells its operator: one line an event, to standard error, where journald takes it.
 * Control characters are replaced, so an identifier cannot forge a line. */
#ifndef BULKHEAD_LIB_REPORT_H
#define BULKHEAD_LIB_REPORT_H

#include "lib/status.h"

void report_open(const char *program); /* begins each line; kept by the caller */
const char *report_program(void);
void report_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Tells the error kept for this thread as a warning, without its expected value: such values stay
 * out of logs. doing: what failed. */
void report_error(const char *doing);
/* Says why and exits with 3. */
_Noreturn void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
