/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a measurement plug-in is: one shared object <name>.so in the plug-in folder, which exports
 * one object, bulkhead_measure_plugin, and links to nothing of Bulkhead's.
 *
 * It runs alone in a short-lived process without network, without rights to open files and with
 * limits on time and memory. It is called once. What it measures comes as an open descriptor;
 * what it finds goes out through the host's calls, as nodes (id, type, vector) of the log tree
 * (OpenTC D05.4, section 3.2). Any return but 0, any call that failed, and any exit of the
 * process but the host's own make the whole request fail: there is no empty measurement.
 *
 * Structs only grow at their end. A plug-in checks host->size before it uses a later member.
 */
#ifndef BULKHEAD_MEASURE_PLUGIN_H
#define BULKHEAD_MEASURE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define BULKHEAD_MEASURE_ABI 1

struct bulkhead_target {
        uint32_t size;        /* of this struct */
        const char *name;     /* the whole target, "disk:/dev/vg/db01" */
        const char *argument; /* what follows the first colon */
        const char *method;   /* "" is the plug-in's default */
        const char *hash;     /* "sha256" or "sha384": for digests that the plug-in makes */
        int salted;           /* 1: salt was given, perhaps of length 0 */
        const uint8_t *salt;
        size_t salt_len;
        int file;       /* read-only, the host's; -1 if the target is no file. With
                         * takes_file 2: a sealed memory file with the facts */
        int header;     /* read-only; lies over the first bytes of file; -1 if none */
        uint32_t cores; /* threads worth starting */
};

struct bulkhead_host {
        uint32_t size; /* of this struct */
        uint32_t abi;  /* BULKHEAD_MEASURE_ABI */
        /* Begins a node under the one that is open, or under the measurement. id and type: what
         * the log tree knows it by. 0, or -1 when the host wants no more (stop and return). */
        int (*node_begin)(const char *id, const char *type);
        /* One element of the open node's vector. text: UTF-8 without control characters, at most
         * 4,095 bytes. */
        int (*value)(const char *name, const char *text);
        int (*node_end)(void);
        /* May be called from any thread, often. */
        void (*progress)(uint64_t done, uint64_t total);
        /* Why the measurement is refused: any may be NULL. Returns -1, to be returned. */
        int (*refuse)(const char *subject, const char *expected, const char *found,
                      const char *remedy);
};

struct bulkhead_measure_plugin {
        uint32_t size; /* of this struct */
        uint32_t abi;
        const char *name; /* its file's name without ".so": [a-z0-9-], at most 31 */
        uint32_t version; /* of what it finds: changes when the same target reads differently */
        /* 1: the host opens the argument and hands over a descriptor. 2: the argument is no path;
         * file holds facts that compartment-mgr gathered about it, as canonical JSON (which
         * plug-ins it has facts for is its own list; docs/plugins.md). Without that daemon there
         * are none. */
        int takes_file;
        int (*measure)(const struct bulkhead_target *target, const struct bulkhead_host *host);
};

extern const struct bulkhead_measure_plugin bulkhead_measure_plugin;

#endif
