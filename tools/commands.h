/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of `bulkhead`. Each is given its own arguments (argv[0] is its whole name, such as
 * "bulkhead vm start"), parses them by argp, does one thing and returns the exit status: 0 done or
 * trusted, 1 refused or untrusted, 2 usage, 3 could not be decided.
 */
#ifndef BULKHEAD_TOOLS_COMMANDS_H
#define BULKHEAD_TOOLS_COMMANDS_H

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNDECIDED = 3 };

int cmd_status(int argc, char **argv);
int cmd_jobs(int argc, char **argv);
int cmd_cancel(int argc, char **argv);
int cmd_host_setup(int argc, char **argv);
int cmd_host_approve(int argc, char **argv);
int cmd_host_approvals(int argc, char **argv);
int cmd_host_retire(int argc, char **argv);
int cmd_host_image(int argc, char **argv);
int cmd_vm_define(int argc, char **argv);
int cmd_vm_undefine(int argc, char **argv);
int cmd_vm_list(int argc, char **argv);
int cmd_vm_show(int argc, char **argv);
int cmd_vm_seal(int argc, char **argv);
int cmd_vm_passphrase_add(int argc, char **argv);
int cmd_vm_passphrase_change(int argc, char **argv);
int cmd_vm_passphrase_remove(int argc, char **argv);
int cmd_vm_passphrase_list(int argc, char **argv);
int cmd_vm_start(int argc, char **argv);
int cmd_vm_stop(int argc, char **argv);
int cmd_vm_destroy(int argc, char **argv);
int cmd_vm_suspend(int argc, char **argv);
int cmd_vm_hibernate(int argc, char **argv);
int cmd_vm_resume(int argc, char **argv);
int cmd_vm_autostart(int argc, char **argv);
int cmd_vm_console(int argc, char **argv);
int cmd_vm_attach(int argc, char **argv);
int cmd_vm_detach(int argc, char **argv);
int cmd_measure(int argc, char **argv);
int cmd_attest(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
