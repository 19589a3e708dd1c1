/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface of measurement plug-ins. A plug-in is a shared object <name>.so in the plug-in
 * folder. It exports one object, bulkhead_measure_plugin, and links to nothing of Bulkhead's.
 *
 * It runs alone in a short-lived process without network, without rights to open files and with
 * limits on time and memory, and is called once. Its target comes as an open descriptor; it tells
 * what it finds through the host's calls, as nodes (id, type, vector) of the log tree (OpenTC
 * D05.4, section 3.2). The whole request fails if measure() returns anything but 0, if a call of
 * the host's failed, or if the process ends in any way but the host's own: there is no empty
 * measurement.
 *
 * Structs only grow at their end. A plug-in checks host->size before it uses a member that was
 * added later.
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
        const char *method;   /* "" for the plug-in's default */
        const char *hash;     /* "sha256" or "sha384": for digests that the plug-in makes */
        int salted;           /* 1: a salt was given, perhaps of length 0 */
        const uint8_t *salt;
        size_t salt_len;
        int file;       /* read-only, the host's; -1 if the target is no file. With
                         * takes_file 2: a sealed memory file with the facts */
        int header;     /* read-only, the host's: the first bytes of the target are read
                         * from here and not from file; -1 if there is none */
        uint32_t cores; /* how many threads are worth starting */
};

struct bulkhead_host {
        uint32_t size; /* of this struct */
        uint32_t abi;  /* BULKHEAD_MEASURE_ABI */
        /* Begins a node inside the node that is open, or else inside the measurement. id: text as
         * in value(), not empty. type: 1 to 63 of [A-Za-z0-9._:+-]. Returns 0, or -1 if the host
         * takes no more; then measure() returns. So do the next two. */
        int (*node_begin)(const char *id, const char *type);
        /* One element of the open node's vector; values come before nodes inside the node. name: as
         * type above. text: UTF-8 without control characters, at most 4,095 bytes. */
        int (*value)(const char *name, const char *text);
        int (*node_end)(void);
        /* How far the measurement is, in bytes. May be called often, and from any thread. */
        void (*progress)(uint64_t done, uint64_t total);
        /* Refuses the measurement and says why; each text may be NULL. Returns -1, which measure()
         * then returns. */
        int (*refuse)(const char *subject, const char *expected, const char *found,
                      const char *remedy);
};

struct bulkhead_measure_plugin {
        uint32_t size; /* of this struct */
        uint32_t abi;
        const char *name; /* its file's name without ".so": at most 31 of [a-z0-9-] */
        uint32_t version; /* to be changed when the same target gives other nodes or values */
        /* 1: the argument is a path, which the host opens. 2: the argument is no path, and `file`
         * holds facts about it as canonical JSON. compartment-mgr gathers them, for the plug-ins
         * in docs/plugins.md alone; without that daemon there are none. */
        int takes_file;
        int (*measure)(const struct bulkhead_target *target, const struct bulkhead_host *host);
};

extern const struct bulkhead_measure_plugin bulkhead_measure_plugin;

#endif
