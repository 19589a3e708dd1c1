/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of plug-ins share: the plug-in that is linked in, called through the real host. */
#ifndef BULKHEAD_TESTS_PLUGIN_TEST_H
#define BULKHEAD_TESTS_PLUGIN_TEST_H

#include "measure/measure_run.h"

#include <check.h>

/* $TMPDIR/name, or build/name; valid until the next call but one. */
const char *test_path(const char *name);
/* The first line of what a command prints, which must end with 0. */
const char *test_command(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* len bytes that look random and are the same each time. */
void test_write_file(const char *path, size_t len, unsigned seed);
/* A value of a node; fails the test if there is none, or two. */
const char *test_value(const struct measurement *m, size_t node, const char *name);
/* The measurement's document keeps descriptors/measurement.rng, and is its own canonical form, by
 * xmllint; its digest is what sha256sum says. */
void test_measurement_form(const struct measurement *m);
int test_run_suite(Suite *suite);

#endif
