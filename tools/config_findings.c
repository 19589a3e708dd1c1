/* SPDX-License-Identifier: Apache-2.0 */
/* Adds to the findings of a configuration worker (tools/config_findings.h). */
#include "tools/config_findings.h"

#include <string.h>

/* It stands where the file has that key. */
static void place(const struct config_check_rep *p, struct config_finding *f)
{
        for (size_t i = 0; i < p->findings.count; i++)
                if (!strcmp(p->findings.items[i].key, f->key)) {
                        f->line = p->findings.items[i].line;
                        f->column = p->findings.items[i].column;
                        return;
                }
}

void config_findings_add(struct config_check_rep *p, struct arena *a, struct config_finding f)
{
        struct config_finding *all = arena_get_many(a, p->findings.count + 1, sizeof *all);

        place(p, &f);
        if (p->findings.count)
                memcpy(all, p->findings.items, p->findings.count * sizeof *all);
        all[p->findings.count++] = f;
        p->findings.items = all;
        p->good = false;
}
