/* SPDX-License-Identifier: Apache-2.0 */
/* A state folder of a test's own, under $TMPDIR or build/, and how to go back in time with one
 * file. */
#ifndef BULKHEAD_TESTS_FAULT_FOLDER_H
#define BULKHEAD_TESTS_FAULT_FOLDER_H

#include <stddef.h>

int folder_new(void);        /* open; any trouble ends the test */
void folder_remove(int dir); /* with the files in it */
/* The whole of a file, malloc'ed; and back. */
unsigned char *folder_read(int dir, const char *name, size_t *len_out);
void folder_write(int dir, const char *name, const unsigned char *bytes, size_t len);

#endif
