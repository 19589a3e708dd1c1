/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated TPM of a test's own: state and sockets in a new folder under $TMPDIR or build/. It
 * dies with the test, however that ends. Anything that goes wrong here ends the test with 99.
 */
#ifndef BULKHEAD_TESTS_SWTPM_H
#define BULKHEAD_TESTS_SWTPM_H

void swtpm_start(void);         /* powers it on: again after swtpm_kill(); PCRs 0-7 extended */
void swtpm_kill(void);          /* pulls the plug; what it stored stays */
void swtpm_pause(int stop);     /* stops or continues the process */
void swtpm_remove(void);        /* kills it and removes its folder */
const char *swtpm_conf(void);   /* for tpm_new(); TPM2TOOLS_TCTI is set to it, too */
const char *swtpm_folder(void); /* for the test's own files */

/* Runs a shell command in that folder: its exit status; what it printed (at most 64 KiB). */
int run(const char *command, ...) __attribute__((format(printf, 1, 2)));
const char *run_output(void);

#endif
