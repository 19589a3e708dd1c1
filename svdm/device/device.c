/* SPDX-License-Identifier: Apache-2.0 */
/* Which kinds of devices and which back-ends there are. */
#include "svdm/device/device.h"
#include "svdm/device/file_device.h"

#include <string.h>

static const struct device_kind *const kinds[] = {
        &crypt_kind, &verity_kind, &boot_kind, &memory_kind, &memory_new_kind,
};
static const struct device_backend *const backends[] = {&dm_backend, &sim_backend};

enum status device_backend_of_name(const char *name, const struct device_backend **backend_out)
{
        for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
                if (!strcmp(name, backends[i]->name)) {
                        *backend_out = backends[i];
                        return ST_DONE;
                }
        return FAIL(ST_UNSUPPORTED, .subject = "the device back-end", .expected = "dm or sim",
                    .found = FMT("unknown: '%.200s'", name), .remedy = "--devices sim");
}

static enum status refuse_kind(const struct wanted_device *w, struct arena *a)
{
        const char *known = "";

        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                known = arena_print(a, "%s%s%s", known, i ? ", " : "", kinds[i]->name);
        return FAIL(ST_UNSUPPORTED, .subject = FMT("the kind of device %s", w->name),
                    .expected = known, .found = FMT("unknown: '%.200s'", w->kind));
}

enum status device_open(struct device *d, const struct wanted_device *w,
                        const struct device_use *use)
{
        *d = (struct device){.name = w->name, .look = use->look};
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
                if (!strcmp(w->kind, kinds[i]->name))
                        d->kind = kinds[i];
        return d->kind ? d->kind->open(d, w, use) : refuse_kind(w, use->arena);
}
