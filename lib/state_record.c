/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings records of state files up to today's version. All owners of state come here; it touches
 * the files that they name, through state_file.h alone.
 */
#include "lib/state_record.h"
#include "lib/report.h"

#include <inttypes.h>
#include <string.h>

/* The shape of the n-th version that is read, oldest first; the last is today's. */
static const struct shape *shape_at(const struct state_kind *kind, size_t n)
{
        return n < kind->older_count ? kind->older[n].shape : kind->shape;
}

static size_t size_at(const struct state_kind *kind, size_t n)
{
        const struct shape *shape = shape_at(kind, n);

        return shape ? shape_size(shape) : sizeof(struct bytes);
}

static bool find_version(const struct state_kind *kind, uint32_t version, size_t *n_out)
{
        for (*n_out = 0; *n_out < kind->older_count; (*n_out)++)
                if (kind->older[*n_out].version == version)
                        return true;
        return version == kind->version;
}

static enum status refuse_version(const struct state_kind *kind, const struct state_content *c)
{
        const uint32_t first = kind->older_count ? kind->older[0].version : kind->version;

        return state_damaged(c->name, FMT("version %" PRIu32 " to %" PRIu32, first, kind->version),
                             FMT("version %" PRIu32, c->version));
}

static enum status decode(const struct state_content *c, const struct shape *shape, struct arena *a,
                          void *record_out)
{
        if (!shape)
                *(struct bytes *)record_out = c->bytes;
        else if (message_decode(shape, c->bytes, NULL, 0, a, record_out))
                return state_damaged(c->name, FMT("content of version %" PRIu32, c->version),
                                     "content of another shape");
        return ST_DONE;
}

static enum status lift(const struct state_kind *kind, size_t n, const void *old, struct arena *a,
                        void *next_out)
{
        if (kind->older[n].lift)
                return kind->older[n].lift(old, a, next_out);
        memcpy(next_out, old, size_at(kind, n));
        return ST_DONE;
}

enum status state_decode_record(const struct state_kind *kind, const struct state_content *content,
                                struct arena *a, void *record_out)
{
        void *record, *next;
        enum status s;
        size_t n;

        if (!find_version(kind, content->version, &n))
                return refuse_version(kind, content);
        record = arena_get(a, size_at(kind, n));
        s = decode(content, shape_at(kind, n), a, record);
        for (; !s && n < kind->older_count; n++) {
                next = arena_get(a, size_at(kind, n + 1));
                s = lift(kind, n, record, a, next);
                record = next;
        }
        if (!s)
                memcpy(record_out, record, size_at(kind, n));
        return s;
}

static enum status read_record(int dir, const char *name, const struct state_kind *kind,
                               struct arena *a, void *record_out, uint32_t *version_out)
{
        struct state_content content = {0};
        enum status s = state_load(dir, name, kind, a, &content);

        *version_out = content.version;
        return s ? s : state_decode_record(kind, &content, a, record_out);
}

enum status state_read_record(int dir, const char *name, const struct state_kind *kind,
                              struct arena *a, void *record_out)
{
        uint32_t version;

        return read_record(dir, name, kind, a, record_out, &version);
}

enum status state_renew_record(int dir, const char *name, const struct state_kind *kind,
                               struct arena *a, void *record_out)
{
        uint32_t version;
        enum status s = read_record(dir, name, kind, a, record_out, &version);

        if (!s && version != kind->version && state_write_record(dir, name, kind, record_out)) {
                report_error("rewriting state of an older version (tried again at the next start)");
                error_clear();
        }
        return s;
}

enum status state_write_record(int dir, const char *name, const struct state_kind *kind,
                               const void *record)
{
        struct buffer content = BUFFER_INIT(STATE_MOST);
        enum status s = ST_DONE;

        if (kind->shape)
                s = message_encode(kind->shape, record, &content, NULL, NULL);
        if (!s)
                s = state_write(dir, name, kind,
                                kind->shape ? buffer_bytes(&content)
                                            : *(const struct bytes *)record);
        buffer_clear(&content);
        return s;
}
