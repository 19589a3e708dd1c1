/* SPDX-License-Identifier: Apache-2.0 */
/* Goes through the kinds of devices. The stories and live.c come here; memory only. */
#include "compartment-mgr/vm_device.h"

#include <stdio.h>
#include <string.h>

static bool get(const struct vm_device_kind *kind, const struct vm_config *c, size_t n,
                struct vm_device *d_out)
{
        *d_out = (struct vm_device){.kind = kind};
        return kind->get(c, n, d_out);
}

static size_t count_all(const struct vm_config *c)
{
        struct vm_device d;
        size_t count = 0;

        for (size_t i = 0; vm_device_kinds[i]; i++)
                for (size_t n = 0; get(vm_device_kinds[i], c, n, &d); n++)
                        count++;
        return count;
}

struct vm_device *vm_device_list(const struct vm_config *c, struct arena *a, size_t *count_out)
{
        struct vm_device *items = arena_get_many(a, count_all(c) + 1, sizeof *items);

        *count_out = 0;
        for (size_t i = 0; vm_device_kinds[i]; i++)
                for (size_t n = 0; get(vm_device_kinds[i], c, n, &items[*count_out]); n++)
                        ++*count_out;
        return items;
}

bool vm_device_find(const struct vm_config *c, const char *name, struct vm_device *d_out)
{
        for (size_t i = 0; vm_device_kinds[i]; i++)
                for (size_t n = 0; get(vm_device_kinds[i], c, n, d_out); n++)
                        if (!strcmp(d_out->name, name))
                                return true;
        return false;
}

enum status vm_device_permit_all(const struct vm_config *c, const struct principal *owner,
                                 struct arena *a)
{
        enum status s = ST_DONE;

        for (size_t i = 0; vm_device_kinds[i] && !s; i++)
                if (vm_device_kinds[i]->permit)
                        s = vm_device_kinds[i]->permit(c, NULL, owner, a);
        return s;
}

/* --- for people ------------------------------------------------------------------------------ */

static void append(char text[static VM_DEVICE_NOUNS], const char *between, const char *part)
{
        const size_t len = strlen(text);

        snprintf(text + len, VM_DEVICE_NOUNS - len, "%s%s", len ? between : "", part);
}

const char *vm_device_nouns(char text[static VM_DEVICE_NOUNS])
{
        *text = 0;
        for (size_t i = 0; vm_device_kinds[i]; i++)
                append(text, vm_device_kinds[i + 1] ? ", " : " or ", vm_device_kinds[i]->noun);
        return text;
}

const char *vm_device_naming(char text[static VM_DEVICE_NOUNS])
{
        *text = 0;
        for (size_t i = 0; vm_device_kinds[i]; i++)
                append(text, ", ", vm_device_kinds[i]->naming);
        return text;
}
