/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plug-ins vm, hypervisor and vms share: facts that compartment-mgr gathered, as canonical
 * JSON in a sealed memory file (docs/plugins.md). Whoever wrote it is not believed further than
 * that: size, form, keys and types are checked here, and what is not expected is refused.
 */
#ifndef BULKHEAD_PLUGINS_FACTS_FACTS_H
#define BULKHEAD_PLUGINS_FACTS_FACTS_H

#include "bulkhead/measure_plugin.h"

#include <json-c/json.h>
#include <stddef.h>

enum { FACTS_TEXT_MOST = 4095, FACTS_ID_MOST = 4096 };

struct facts {
        const struct bulkhead_target *target;
        const struct bulkhead_host *host;
};

/* Says what was expected of the facts, and of which part. Returns -1. */
int facts_refuse(const struct facts *f, const char *expected, const char *found);

/* What a plug-in's measure() does: reads the whole file, which is one JSON object with exactly
 * these keys (sorted, NULL at the end), where "facts" is kind and "version" 1, and gives it to add,
 * which says what is in it to the host. A method is refused. 0, or -1 after host->refuse(). */
int facts_measure(const struct facts *f, const char *kind, const char *const *keys,
                  int (*add)(const struct facts *f, struct json_object *root));
/* Canonical JSON (sorted keys, no white space, nothing twice) of an object; NULL if it is not. */
struct json_object *facts_parse(const char *text, size_t len);

/* Whether an object has exactly these keys, in that order. */
int facts_has(struct json_object *object, const char *const *keys);
/* A member's text, NULL if it is none: at most FACTS_TEXT_MOST bytes, no 0 in it. */
const char *facts_text(struct json_object *object, const char *key);
/* A member as an array, or NULL. */
struct json_object *facts_array(struct json_object *object, const char *key);

/* A text, whole number or boolean as a value with a name; anything else is refused. */
int facts_value(const struct facts *f, const char *name, struct json_object *value);
/* Begins the node "TARGET#PART". */
int facts_node(const struct facts *f, const char *part, const char *type);

#endif
