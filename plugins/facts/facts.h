/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plug-ins vm, hypervisor and vms share: facts that compartment-mgr gathered, as canonical
 * JSON in a sealed memory file (docs/plugins.md). The writer is not trusted to get the form right:
 * size, form, keys and types are checked here, and anything unexpected is refused.
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

/* host->refuse() with the target as subject. Returns -1. */
int facts_refuse(const struct facts *f, const char *expected, const char *found);

/* A plug-in's measure(): reads the facts, which must be one JSON object with exactly these keys
 * (sorted, NULL at the end), "facts" being `kind` and "version" 1, and calls add(), which tells the
 * host what is in it. Refuses a target with a method. Returns 0, or -1 after host->refuse(). */
int facts_measure(const struct facts *f, const char *kind, const char *const *keys,
                  int (*add)(const struct facts *f, struct json_object *root));
/* Parses an object in canonical JSON: keys sorted, each once, no white space. NULL if it is none;
 * the caller puts it. */
struct json_object *facts_parse(const char *text, size_t len);

/* Whether an object has exactly these keys, in that order. */
int facts_has(struct json_object *object, const char *const *keys);
/* A member that is a text of at most FACTS_TEXT_MOST bytes without a 0, or NULL. */
const char *facts_text(struct json_object *object, const char *key);
/* A member as an array, or NULL. */
struct json_object *facts_array(struct json_object *object, const char *key);

/* Tells the host a value: a text, whole number or boolean. Anything else is refused. */
int facts_value(const struct facts *f, const char *name, struct json_object *value);
/* Begins the node "TARGET#PART". */
int facts_node(const struct facts *f, const char *part, const char *type);

#endif
