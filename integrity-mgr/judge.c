/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks policy workers. seal.c comes here, before the TPM is asked to unseal. Reads stylesheets from
 * the folder of installed predicates, and parses nothing.
 */
#include "integrity-mgr/judge.h"
#include "lib/config.h"
#include "lib/document.h"
#include "lib/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JUDGE_MS = 5000 };

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

enum status judge_resolve(struct arena *a, struct descriptor *d)
{
        size_t count = d->predicates.count;
        struct predicate *resolved = arena_get_many(a, count + 1, sizeof *resolved);

        for (size_t i = 0; i < count; i++) {
                enum status s = ST_DONE;

                resolved[i] = d->predicates.items[i];
                if (*resolved[i].name)
                        s = load_stylesheet(a, resolved[i].name, &resolved[i].stylesheet);
                if (s)
                        return s;
        }
        d->predicates.items = resolved;
        return ST_DONE;
}

static enum status write_projection(const struct measurement *measurements, size_t count,
                                    struct buffer *out)
{
        struct document d = document_begin(out);

        document_open(&d, "projection");
        for (size_t i = 0; i < count; i++)
                document_measurement(&d, &measurements[i]);
        document_close(&d);
        return document_end(&d);
}

static enum status refused(const char *who, const struct judge_rep *p)
{
        struct buffer why = BUFFER_INIT(DOCUMENT_MOST);
        enum status s;

        for (size_t i = 0; i < p->reasons.count && !why.full; i++) {
                const struct reason *r = &p->reasons.items[i];

                buffer_print(&why, "%s%s%s%s", i ? "; " : "", r->path, *r->path ? ": " : "",
                             r->text);
        }
        s = FAIL(ST_PREDICATE, .subject = who, .expected = "<true/>",
                 .found = why.len ? (const char *)why.data : "<false> without a reason",
                 .remedy = "mend what it names; bulkhead measure TARGET shows what it is given");
        buffer_clear(&why);
        return s;
}

static enum status judge_one(struct arena *a, const struct predicate *predicate, size_t number,
                             struct bytes projection)
{
        const char *who = *predicate->name ? arena_print(a, "predicate %s", predicate->name)
                                           : arena_print(a, "predicate number %zu", number);
        struct judge_req q = {.stylesheet = predicate->stylesheet, .projection = projection};
        struct judge_rep p = {};
        enum status s = worker_call(worker, JUDGE_MS, MESSAGE_judge, &q, &p, a);

        if (s == ST_TIMEOUT || s == ST_WORKER) {
                struct error e = *error_last();

                return FAIL(s, .subject = who, .expected = "an answer within 5 s and 256 MiB",
                            .found = *e.found ? e.found : "none",
                            .remedy = "simplify the stylesheet");
        }
        if (s)
                return s;
        return p.answer ? ST_DONE : refused(who, &p);
}

enum status judge_all(struct arena *a, const struct descriptor *d,
                      const struct measurement *measurements, size_t count)
{
        struct buffer projection = BUFFER_INIT(EVIDENCE_MOST);
        enum status s = ST_DONE;

        if (!d->predicates.count)
                return ST_DONE;
        s = write_projection(measurements, count, &projection);
        for (size_t i = 0; i < d->predicates.count && !s; i++)
                s = judge_one(a, &d->predicates.items[i], i + 1, buffer_bytes(&projection));
        buffer_clear(&projection);
        return s;
}
