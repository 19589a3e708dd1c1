/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One xl.cfg while it is read: its values by key, each of one kind and bounded, and the JSON that
 * they go to. An error names the key; what libxlutil had to say is what was found. The reader of
 * configurations alone comes here.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_VALUES_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_VALUES_H

#include "compartment-mgr/config/xl_scan.h"

#include <json-c/json.h>
#include <libxlutil.h>
#include <stdio.h>

struct xl_values {
        struct arena *arena;
        XLU_Config *xlu;
        FILE *report; /* libxlutil's */
        char *report_text;
        size_t report_len, report_seen;
        const uint8_t *random;           /* XL_CONFIG_RANDOM bytes */
        const struct vm_config *present; /* or NULL */
        struct xl_scan *scan;            /* where the values stand, and what is said of them */
};

/* ST_INVALID for that key, with the first line of what libxlutil reported. */
enum status xl_values_invalid(struct xl_values *c, const char *subject);

/* Printable ASCII, at most 1,024 characters, in the arena. NULL in *value_out without the key. */
enum status xl_values_text(struct xl_values *c, const char *key, const char **value_out);
enum status xl_values_path(struct xl_values *c, const char *key, const char **value_out);
/* Without the key, *value keeps what it was. */
enum status xl_values_number(struct xl_values *c, const char *key, long least, long most,
                             long *value);
/* One of choices (up to its NULL), or ST_UNSUPPORTED. Without the key, *value keeps what it was. */
enum status xl_values_choice(struct xl_values *c, const char *key, const char *const *choices,
                             const char **value);
/* The absolute path without what changes nothing in it (// and /./), so that one file has one
 * spelling. ST_INVALID for one with "..", which may lead anywhere if there are links. */
enum status xl_values_plain(struct xl_values *c, const char *key, const char *path,
                            const char **plain_out);
/* A list of at most so many items; without the key none. */
enum status xl_values_list(struct xl_values *c, const char *key, int most,
                           XLU_ConfigList **list_out, int *count_out);
/* One such text of a list. */
enum status xl_values_item(struct xl_values *c, const char *key, const XLU_ConfigList *list, int i,
                           const char **text_out);

void xl_values_put(struct json_object *to, const char *key, const char *value); /* NULL: nothing */
void xl_values_put_number(struct json_object *to, const char *key, long value);

#endif
