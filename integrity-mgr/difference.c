/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares measurements node by node, so that a person is told what changed. What decides is the
 * TPM, over their digests. seal.c comes here.
 */
#include "integrity-mgr/difference.h"

#include <string.h>

static const struct node *parent_of(const struct measurement *m, const struct node *n)
{
        return n->parent && n->parent <= m->nodes.count ? &m->nodes.items[n->parent - 1] : NULL;
}

/* Do both nodes have the same id and type, and so all nodes above them? */
static bool same_place(const struct measurement *a, const struct node *in_a,
                       const struct measurement *b, const struct node *in_b)
{
        while (in_a && in_b) {
                if (strcmp(in_a->id, in_b->id) || strcmp(in_a->type, in_b->type))
                        return false;
                in_a = parent_of(a, in_a);
                in_b = parent_of(b, in_b);
        }
        return in_a == in_b;
}

static const struct node *find(const struct measurement *m, const struct measurement *of,
                               const struct node *n)
{
        for (size_t i = 0; i < m->nodes.count; i++)
                if (same_place(m, &m->nodes.items[i], of, n))
                        return &m->nodes.items[i];
        return NULL;
}

static const char *text_of(const struct node *n, const char *name)
{
        for (size_t i = 0; i < n->values.count; i++)
                if (!strcmp(n->values.items[i].name, name))
                        return n->values.items[i].text;
        return NULL;
}

static enum status changed(const struct measurement *m, const char *where, const char *expected,
                           const char *found, const char *remedy)
{
        return FAIL(ST_CHANGED,
                    .subject = *where ? FMT("%.120s (%.120s)", m->target, where) : m->target,
                    .expected = expected, .found = found, .remedy = remedy);
}

/* "" for the target's own node, which needs no name; PART for "TARGET#PART". */
static const char *name_of(char text[256], const struct measurement *m, const struct node *n)
{
        size_t len = strlen(m->target);

        if (strncmp(n->id, m->target, len) || (n->id[len] && n->id[len] != '#'))
                return status_format(text, "%s %s", n->type, n->id);
        return n->id[len] ? n->id + len + 1 : "";
}

static enum status node_changed(const struct measurement *m, const struct node *n,
                                const char *value, const char *expected, const char *found,
                                const char *remedy)
{
        char text[256];
        const char *name = name_of(text, m, n);

        return changed(m, FMT("%s%s%s", name, *name && *value ? ": " : "", value), expected, found,
                       remedy);
}

static enum status compare_values(const struct measurement *m, const struct node *sealed,
                                  const struct node *found, const char *remedy)
{
        for (size_t i = 0; i < sealed->values.count; i++) {
                const struct value *v = &sealed->values.items[i];
                const char *now = text_of(found, v->name);

                if (now && !strcmp(v->text, now))
                        continue;
                return node_changed(m, sealed, v->name, v->text, now ? now : "no such value",
                                    remedy);
        }
        for (size_t i = 0; i < found->values.count; i++) {
                const struct value *v = &found->values.items[i];

                if (!text_of(sealed, v->name))
                        return node_changed(m, found, v->name, "no such value", v->text, remedy);
        }
        return ST_DONE;
}

/* Comes first: that a disk or a kernel has another digest tells a person most. */
static enum status compare_digests(const struct measurement *sealed,
                                   const struct measurement *found, const char *remedy)
{
        for (size_t i = 0; i < sealed->nodes.count; i++) {
                const struct node *there = find(found, sealed, &sealed->nodes.items[i]);
                const char *was = text_of(&sealed->nodes.items[i], "digest");
                const char *is = there ? text_of(there, "digest") : NULL;

                if (was && is && strcmp(was, is))
                        return node_changed(sealed, &sealed->nodes.items[i], "", was, is, remedy);
        }
        return ST_DONE;
}

static enum status compare_nodes(const struct measurement *sealed, const struct measurement *found,
                                 const char *remedy)
{
        enum status s = ST_DONE;

        for (size_t i = 0; i < sealed->nodes.count && !s; i++) {
                const struct node *n = &sealed->nodes.items[i], *there = find(found, sealed, n);

                s = there ? compare_values(sealed, n, there, remedy)
                          : node_changed(sealed, n, "", "as it was sealed", "removed", remedy);
        }
        for (size_t i = 0; i < found->nodes.count && !s; i++) {
                const struct node *n = &found->nodes.items[i];

                if (!find(sealed, found, n))
                        s = node_changed(sealed, n, "", "not there", "added", remedy);
        }
        return s;
}

/* is: the digest of found. */
static enum status compare(const struct measurement *sealed, const struct measurement *found,
                           const struct digest *is, const char *remedy)
{
        char was_hex[DIGEST_HEX], is_hex[DIGEST_HEX];
        struct digest was;
        enum status s = measurement_digest(sealed, is->alg, &was);

        if (s || digest_equal(&was, is))
                return s;
        s = compare_digests(sealed, found, remedy);
        if (!s)
                s = compare_nodes(sealed, found, remedy);
        if (s)
                return s;
        digest_hex(&was, was_hex); /* the order of the nodes or the plug-in's version is another */
        digest_hex(is, is_hex);
        return changed(sealed, "", FMT("%s:%s", hash_name(is->alg), was_hex),
                       FMT("%s:%s", hash_name(is->alg), is_hex), remedy);
}

enum status difference_check(const struct measurement *sealed, const struct found *found, size_t i,
                             const char *remedy)
{
        return compare(sealed, &found->measurements[i], &found->forms[i].digest, remedy);
}

/* --- but for key slots --------------------------------------------------------------------- */

static struct node without_slots_of(struct arena *a, const struct node *n)
{
        struct node kept = *n;

        kept.values.count = 0;
        kept.values.items = arena_get_many(a, n->values.count + 1, sizeof *kept.values.items);
        for (size_t i = 0; i < n->values.count; i++)
                if (strncmp(n->values.items[i].name, "keyslots", strlen("keyslots")))
                        kept.values.items[kept.values.count++] = n->values.items[i];
        return kept;
}

/* A LUKS2 header as plugins/luks.c measures it, without its key slots and without the lists that
 * say which of them a digest is for. */
static struct measurement without_slots(struct arena *a, const struct measurement *m)
{
        struct measurement kept = *m;
        uint32_t *place = arena_get_many(a, m->nodes.count + 1, sizeof *place);

        kept.nodes.count = 0;
        kept.nodes.items = arena_get_many(a, m->nodes.count + 1, sizeof *kept.nodes.items);
        for (size_t i = 0; i < m->nodes.count; i++) {
                const struct node *n = &m->nodes.items[i];
                const bool digest = !strcmp(n->type, "luks-digest");

                if (!strcmp(n->type, "luks-keyslot"))
                        continue;
                kept.nodes.items[kept.nodes.count] = digest ? without_slots_of(a, n) : *n;
                kept.nodes.items[kept.nodes.count].parent =
                        n->parent <= m->nodes.count ? place[n->parent] : 0;
                place[i + 1] = (uint32_t)++kept.nodes.count;
        }
        return kept;
}

enum status difference_check_but_slots(struct arena *a, const struct measurement *sealed,
                                       const struct found *found, size_t i, const char *remedy)
{
        const struct measurement was = without_slots(a, sealed),
                                 is = without_slots(a, &found->measurements[i]);
        struct digest digest;
        enum status s = measurement_digest(&is, found->forms[i].digest.alg, &digest);

        return s ? s : compare(&was, &is, &digest, remedy);
}
