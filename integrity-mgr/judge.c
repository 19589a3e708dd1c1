/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks policy workers. seal.c comes here, before the TPM is asked to unseal or a device is opened.
 * Reads stylesheets from the folder of installed predicates, and parses nothing.
 */
#include "integrity-mgr/judge.h"
#include "lib/config.h"
#include "lib/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JUDGE_MS = 5000, STYLESHEETS_MOST = 8 << 20 /* bytes, all of a seal's together */ };

static struct worker *worker;

void judge_start(struct worker *policy_worker)
{
        worker = policy_worker;
}

static enum status unusable(const char *name, enum status s, const char *found)
{
        return FAIL(s, .subject = FMT("predicate %s", name),
                    .expected = "a stylesheet of that name, at most 1 MiB", .found = found,
                    .remedy = "install it as NAME.xsl in the folder xslt-policies");
}

static enum status read_stylesheet(struct arena *a, const char *name, int fd,
                                   struct bytes *text_out)
{
        struct stat st;
        uint8_t *text;
        size_t have = 0;

        if (fstat(fd, &st) || !S_ISREG(st.st_mode))
                return unusable(name, ST_INVALID, "no regular file");
        if (st.st_size > DOCUMENT_MOST)
                return unusable(name, ST_TOO_LARGE, "a larger file");
        text = arena_get(a, (size_t)st.st_size + 1);
        while (have < (size_t)st.st_size) {
                ssize_t r = read(fd, text + have, (size_t)st.st_size - have);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        return unusable(name, ST_IO, r ? strerror(errno) : "a file that shrank");
                have += (size_t)r;
        }
        *text_out = (struct bytes){text, have};
        return ST_DONE;
}

static enum status load_stylesheet(struct arena *a, const char *name, struct bytes *text_out)
{
        const char *path = arena_print(a, "%s/xslt-policies/%s.xsl", config.share, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        enum status s;

        if (fd < 0)
                return errno == ELOOP ? unusable(name, ST_INVALID, "a symbolic link")
                                      : unusable(name, status_of_errno(errno), strerror(errno));
        s = read_stylesheet(a, name, fd, text_out);
        close(fd);
        return s;
}

/* A seal record that is too large for a message could never be opened. */
static enum status resolve(struct arena *a, struct predicate *p, size_t *total)
{
        bool load = *p->name && !p->stylesheet.len; /* a seal that is made anew has it already */
        enum status s = load ? load_stylesheet(a, p->name, &p->stylesheet) : ST_DONE;

        *total += p->stylesheet.len;
        if (!s && *total > STYLESHEETS_MOST)
                s = FAIL(ST_TOO_LARGE, .subject = "the predicates of the descriptor",
                         .expected = "at most 8 MiB together", .found = "more",
                         .remedy = "name fewer or smaller ones");
        return s;
}

enum status judge_resolve(struct arena *a, struct descriptor *d)
{
        struct predicate *predicates =
                arena_get_many(a, d->predicates.count + 1, sizeof *predicates);
        struct device_check *checks = arena_get_many(a, d->checks.count + 1, sizeof *checks);
        size_t total = 0;
        enum status s = ST_DONE;

        for (size_t i = 0; i < d->predicates.count && !s; i++) {
                predicates[i] = d->predicates.items[i];
                s = resolve(a, &predicates[i], &total);
        }
        for (size_t i = 0; i < d->checks.count && !s; i++) {
                checks[i] = d->checks.items[i];
                s = resolve(a, &checks[i].predicate, &total);
        }
        d->predicates.items = predicates;
        d->checks.items = checks;
        return s;
}

static enum status write_found(const struct measurement_form *found, size_t count,
                               struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "projection");
        for (size_t i = 0; i < count; i++)
                document_raw(&d, found[i].canonical);
        document_close(&d);
        return document_end(&d);
}

static enum status write_state(const struct measurement *state, size_t count, struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "projection");
        for (size_t i = 0; i < count; i++)
                measurement_write(&d, &state[i]);
        document_close(&d);
        return document_end(&d);
}

static enum status refused(const char *who, const struct judge_rep *p, const char *remedy)
{
        struct buffer why = BUFFER_INIT(DOCUMENT_MOST);
        enum status s;

        for (size_t i = 0; i < p->reasons.count && !why.full; i++) {
                const struct reason *r = &p->reasons.items[i];

                buffer_print(&why, "%s%s%s'%s'", i ? "; " : "", r->path, *r->path ? ": " : "",
                             r->text);
        }
        s = FAIL(ST_PREDICATE, .subject = who, .expected = "<true/>",
                 .found = why.len ? (const char *)why.data : "<false> without a reason",
                 .remedy = remedy);
        buffer_clear(&why);
        return s;
}

static enum status ask(struct arena *a, const struct predicate *predicate, const char *who,
                       struct bytes projection, struct judge_rep *said_out)
{
        struct judge_req q = {.stylesheet = predicate->stylesheet, .projection = projection};
        enum status s = worker_call(worker, JUDGE_MS, CALL(judge, &q, said_out), a);
        struct error e;

        if (s != ST_TIMEOUT && s != ST_WORKER)
                return s;
        e = *error_last();
        return FAIL(s, .subject = who, .expected = "an answer within 5 s and 256 MiB",
                    .found = *e.found ? e.found : "none", .remedy = "simplify the stylesheet");
}

static enum status judge_one(struct arena *a, const struct predicate *predicate, const char *who,
                             struct bytes projection, const char *remedy)
{
        struct judge_rep said = {};
        enum status s = ask(a, predicate, who, projection, &said);

        if (s)
                return s;
        return said.answer ? ST_DONE : refused(who, &said, remedy);
}

enum status judge_all(struct arena *a, const struct descriptor *d,
                      const struct measurement_form *found, size_t count)
{
        struct buffer projection = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = ST_DONE;

        if (!d->predicates.count)
                return ST_DONE;
        s = write_found(found, count, &projection);
        for (size_t i = 0; i < d->predicates.count && !s; i++) {
                const struct predicate *p = &d->predicates.items[i];
                const char *who = *p->name ? arena_print(a, "predicate %s", p->name)
                                           : arena_print(a, "predicate number %zu", i + 1);

                s = judge_one(a, p, who, buffer_bytes(&projection),
                              "mend what it names; bulkhead measure TARGET shows what it is given");
        }
        buffer_clear(&projection);
        return s;
}

/* --- checks of devices ----------------------------------------------------------------------- */

static const char *name_check(struct arena *a, const struct descriptor *d, size_t i,
                              const char *device)
{
        const struct device_check *c = &d->checks.items[i];

        return *c->predicate.name ? arena_print(a, "device %s, check %s", device, c->predicate.name)
                                  : arena_print(a, "device %s, check number %zu", device, i + 1);
}

enum status judge_device(struct arena *a, const struct descriptor *d, const char *device,
                         const struct measurement *state, size_t count)
{
        struct buffer projection = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = write_state(state, count, &projection);

        for (size_t i = 0; i < d->checks.count && !s; i++) {
                const struct device_check *c = &d->checks.items[i];

                if (!*c->device || !strcmp(c->device, device))
                        s = judge_one(a, &c->predicate, name_check(a, d, i, device),
                                      buffer_bytes(&projection),
                                      "mend what it names; bulkhead vm list shows the present "
                                      "state");
        }
        buffer_clear(&projection);
        return s;
}

/* The seal, and not the first start, shows that a stylesheet cannot be judged. */
enum status judge_try_checks(struct arena *a, const struct descriptor *d)
{
        static const char empty[] = "<projection></projection>";

        for (size_t i = 0; i < d->checks.count; i++) {
                const struct device_check *c = &d->checks.items[i];
                const char *who = name_check(a, d, i, *c->device ? c->device : "*");
                struct judge_rep said = {};
                enum status s =
                        ask(a, &c->predicate, who,
                            (struct bytes){(const uint8_t *)empty, sizeof empty - 1}, &said);
                struct error e;

                if (s == ST_PREDICATE) {
                        e = *error_last();
                        s = FAIL(s, .subject = who,
                                 .expected = arena_print(a, "%s; <false> for an empty projection",
                                                         e.expected),
                                 .found = arena_print(a, "%s: %s", e.subject, e.found),
                                 .remedy = "mend the stylesheet: docs/policies.md");
                }
                if (s)
                        return s;
        }
        return ST_DONE;
}
