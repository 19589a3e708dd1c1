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

bool config_finding_is_bad(const struct config_finding *f)
{
        return f->outcome == CONFIG_REFUSED || f->outcome == CONFIG_WRONG;
}

void config_findings_add(struct config_check_rep *p, struct arena *a, struct config_finding f)
{
        struct config_finding *all = arena_get_many(a, p->findings.count + 1, sizeof *all);
        size_t at = p->findings.count;

        place(p, &f);
        if (at)
                memcpy(all, p->findings.items, at * sizeof *all);
        for (; at && f.line && (!all[at - 1].line || all[at - 1].line > f.line); at--)
                all[at] = all[at - 1];
        all[at] = f;
        p->findings.items = all;
        p->findings.count++;
        p->good = p->good && !config_finding_is_bad(&f);
}
