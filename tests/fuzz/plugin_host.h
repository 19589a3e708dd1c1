/* SPDX-License-Identifier: Apache-2.0 */
/* The host of a measure plug-in, as fuzz targets play it: aborts if a plug-in breaks its rules. */
#ifndef BULKHEAD_TESTS_FUZZ_PLUGIN_HOST_H
#define BULKHEAD_TESTS_FUZZ_PLUGIN_HOST_H

#include "bulkhead/measure_plugin.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int depth, refused, nodes;
static size_t name_most;   /* of values; 0: any, as the host itself refuses long ones */
static int text_printable; /* texts of values are printable ASCII of at most 4095 bytes */

static int node_begin(const char *id, const char *type)
{
        assert(*id && *type && strlen(id) <= 4095);
        depth++;
        nodes++;
        return 0;
}

static int value(const char *name, const char *text)
{
        assert(depth > 0 && *name && text && (!name_most || strlen(name) <= name_most));
        if (!text_printable)
                return 0;
        assert(strlen(text) <= 4095);
        for (const char *p = text; *p; p++)
                assert(*p >= 0x20 && *p <= 0x7e);
        return 0;
}

static int node_end(void)
{
        assert(depth-- > 0);
        return 0;
}

static void progress(uint64_t done, uint64_t total)
{
        (void)done;
        (void)total;
}

static int refuse(const char *subject, const char *expected, const char *found, const char *remedy)
{
        assert(subject && expected && found && remedy);
        refused++;
        return -1;
}

/* Aborts unless it measured something, or refused with a reason. */
static void plugin_host_measure(struct bulkhead_target *target, int file)
{
        static const struct bulkhead_host host = {
                sizeof host, BULKHEAD_MEASURE_ABI, node_begin, value, node_end, progress, refuse};
        int r;

        target->file = file;
        depth = refused = nodes = 0;
        r = bulkhead_measure_plugin.measure(target, &host);
        if (r ? !refused : refused || depth || !nodes)
                abort();
}

#endif
