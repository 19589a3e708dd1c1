/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of kind "host", second half: the checks from "leaf" to "measurements", in the order of
 * HOST_CHECKS. Are request, measurements and log those that the quote signs?
 */
#include "verifier/kinds/host.h"
#include "proof/merkle.h"

#include <string.h>

void host_leaf(struct work *w, struct check *c)
{
        struct host *h = w->own;
        const struct evidence *e = &h->evidence;
        struct digest request, result, leaf, root;

        if (!h->quote_read) {
                check_failed(c, "there is no quote to compare with", "", "");
                return;
        }
        request = digest_of(e->alg, e->descriptor.data, e->descriptor.len);
        result = digest_of(e->alg, e->result.data, e->result.len);
        leaf = commitment_request(e->leaf.random, e->leaf.challenge, &request, &result);
        if (!merkle_root_of_path(&leaf, e->leaf.index, e->leaf.count, e->leaf.path.nodes,
                                 e->leaf.path.count, &root))
                check_failed(c, "the path does not fit the leaf's place",
                             arena_print(w->arena, "a path for leaf %llu of %llu",
                                         (unsigned long long)e->leaf.index,
                                         (unsigned long long)e->leaf.count),
                             arena_print(w->arena, "%zu nodes", e->leaf.path.count));
        else if (!check_same_bytes(root.bytes, hash_size(root.alg), h->quote.qualifying,
                                   h->quote.qualifying_len))
                check_failed(c, "request or result is not what was quoted",
                             check_hex_of(w, h->quote.qualifying, h->quote.qualifying_len),
                             check_hex_of_digest(w, &root));
        else
                check_passed(c, "");
}

/* The value of a destination PCR after the measurements that go into it. */
static struct digest destination(const struct work *w, uint32_t pcr)
{
        struct host *h = w->own;
        const struct evidence *e = &h->evidence;
        struct digest value = {.alg = e->alg}, d;

        for (size_t i = 0; i < h->wanted.targets.count && i < e->found_count; i++) {
                if (h->wanted.targets.items[i].pcr != pcr)
                        continue;
                d = digest_of(e->alg, e->found[i].canonical.data, e->found[i].canonical.len);
                value = digest_extend(&value, &d);
        }
        return value;
}

void host_destinations(struct work *w, struct check *c)
{
        struct host *h = w->own;
        uint32_t pcrs = host_pcrs_wanted(&(struct descriptor){.targets = h->wanted.targets});

        if (!pcrs) {
                check_not_applicable(c, "every target is bound by the log alone");
                return;
        }
        for (uint32_t i = 0; i < PCR_COUNT; i++) {
                struct digest value = destination(w, i);

                if (!(pcrs >> i & 1) || digest_equal(&value, &h->evidence.pcr[i]))
                        continue;
                check_failed(c, arena_print(w->arena, "PCR %u does not hold these measurements", i),
                             check_hex_of_digest(w, &value),
                             check_hex_of_digest(w, &h->evidence.pcr[i]));
                return;
        }
        check_passed(c, check_pcr_list(w, pcrs));
}

/* The target whose log entry does not open, or NULL. */
static const char *closed_entry(const struct evidence *e)
{
        for (size_t i = 0; i < e->found_count; i++) {
                const struct evidence_measurement *f = &e->found[i];
                struct digest d = commitment_of(e->alg, f->opening.random, f->canonical);

                d = commitment_leaf(&d);
                if ((i && f->opening.index <= f[-1].opening.index) ||
                    !merkle_is_included(&d, f->opening.index, e->log_length, f->opening.path.nodes,
                                        f->opening.path.count, &e->log_root))
                        return f->target;
        }
        return NULL;
}

void host_log(struct work *w, struct check *c)
{
        struct host *h = w->own;
        const struct evidence *e = &h->evidence;
        const struct trust *t = w->in->trust;
        const char *closed = closed_entry(e);
        uint64_t from = t ? t->log_length : 0;

        if (closed)
                check_failed(c, "a measurement is not in the log where it is said to be", "",
                             closed);
        else if (!from)
                check_passed(c, "no earlier log is remembered to compare with");
        else if (e->log_length < from)
                check_failed(c, "the log is shorter than it was",
                             arena_print(w->arena, "at least %llu", (unsigned long long)from),
                             arena_print(w->arena, "%llu", (unsigned long long)e->log_length));
        else if (e->log_length > from && e->consistency_from != from)
                check_failed(c,
                             "the evidence has no proof that the log still begins as remembered "
                             "(that comes of attest --trust)",
                             arena_print(w->arena, "from %llu", (unsigned long long)from),
                             e->consistency_from
                                     ? arena_print(w->arena, "from %llu",
                                                   (unsigned long long)e->consistency_from)
                                     : "none");
        else if (!merkle_is_consistent(from, &t->log_root, e->log_length, &e->log_root,
                                       e->log_length > from ? e->consistency.nodes : NULL,
                                       e->log_length > from ? e->consistency.count : 0))
                check_failed(c, "the log does not begin with what was seen before",
                             check_hex_of_digest(w, &t->log_root), "another history");
        else
                check_passed(c,
                             arena_print(w->arena, "the first %llu entries are those seen before",
                                         (unsigned long long)from));
}

static bool named_before(const struct evidence *e, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (!strcmp(e->found[k].target, e->found[i].target))
                        return true;
        return false;
}

void host_measurements(struct work *w, struct check *c)
{
        struct host *h = w->own;
        const struct evidence *e = &h->evidence;
        size_t wanted = h->wanted.targets.count;

        if (e->found_count != wanted || !wanted) {
                check_failed(c, "not one measurement for each target",
                             arena_print(w->arena, "%zu", wanted),
                             arena_print(w->arena, "%zu", e->found_count));
                return;
        }
        for (size_t i = 0; i < wanted; i++) {
                const struct target *t = &h->wanted.targets.items[i];
                const struct evidence_measurement *f = &e->found[i];

                if (strcmp(t->name, f->target) || strcmp(t->plugin, f->plugin)) {
                        check_failed(
                                c, arena_print(w->arena, "measurement %zu is of another target", i),
                                arena_print(w->arena, "%s by %s", t->name, t->plugin),
                                arena_print(w->arena, "%s by %s", f->target, f->plugin));
                        return;
                }
                if (named_before(e, i)) {
                        check_failed(c, "one target was measured twice", "", f->target);
                        return;
                }
        }
        w->shape_held = true;
        check_passed(c, "");
}
