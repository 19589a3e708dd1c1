/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of components: what is one falls apart into names that make the very same again, and
 * any bytes without NUL are a name that comes back.
 */
#include "lib/component.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* From its names, from the top down. */
static const char *make_again(struct arena *a, const char *id)
{
        const char *parent = component_parent(a, id), *again;

        assert(component_compare(parent, id) < 0 && (!*parent || component_is_in(id, parent)));
        assert(!*parent || !component_parse(parent));
        assert(!component_child(a, *parent ? make_again(a, parent) : "", component_name(a, id),
                                &again));
        return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct arena *a = arena_new();
        char *text = memory_new(len + 1, 1);
        const char *id;

        memcpy(text, data, len);
        text[len] = 0;
        if (!component_parse(text))
                assert(!strcmp(make_again(a, text), text));
        if (!component_child(a, "host", text, &id)) {
                assert(!component_parse(id));
                assert(!strcmp(component_name(a, id), text));
                assert(!strcmp(component_parent(a, id), "host"));
        }
        free(text);
        arena_free(a);
        return 0;
}
