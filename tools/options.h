/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that several commands share, each written once: its name, its text, what it excludes. A
 * command has the groups that it takes among its argp's children, a struct options among its
 * arguments, and parses by options_parse().
 */
#ifndef BULKHEAD_TOOLS_OPTIONS_H
#define BULKHEAD_TOOLS_OPTIONS_H

#include "tools/passphrase.h"
#include "tools/site_pem.h"

#include <argp.h>

struct options {
        bool json;
        struct passphrase_source present, fresh;
        uint32_t slot; /* KEY_SLOTS_MOST unless it is given, after options_parse() */
        bool recovery; /* also true with recovery_to */
        const char *recovery_to;
        struct site_authority by;
        const char *print; /* of the site key's options: only what has to be signed */
};

/* A flag of an option in a command's own table: it may be given more than once. Any other option
 * with a value is refused the second time. */
enum { OPTION_REPEATS = 0x10000 };

/* --quiet is for every command, and has its effect by output_quiet(). */
extern const struct argp options_output, /* --json, --quiet */
        options_quiet,                   /* --quiet alone, where nothing is printed */
        options_present,                 /* a present passphrase of disks: present */
        options_new,                     /* a new one: fresh, unless it is a recovery key */
        options_slot,                    /* --slot */
        options_recovery,                /* --recovery */
        options_recovery_to,             /* --recovery-to */
        options_site;                    /* what an approval rests on: by, print */

/* argp_parse(), with the shared options going to `options`, and `input` to the command's own
 * parser. False if it failed; wrong usage ends the process. */
bool options_parse(const struct argp *argp, int argc, char **argv, void *input,
                   struct options *options);
/* Was one of the site key's options given? */
bool options_site_given(const struct options *options);

#endif
