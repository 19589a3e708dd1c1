/* SPDX-License-Identifier: Apache-2.0 */
/* Writes nodes for the log. Every story comes here; log.c keeps what is written. */
#include "integrity-mgr/host_log.h"
#include "lib/told.h"
#include "lib/component.h"
#include "lib/document.h"
#include "lib/principal.h"
#include "lib/report.h"

#include <pthread.h>

enum {
        EVENT_MOST = COMPONENT_MOST + 1024,
        ATTESTED_MOST = EVENT_MOST + TARGETS_MOST * (COMPONENT_MOST + 64)
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct log *the_log; /* once open it stays */
static int folder = -1;
static enum hash_alg algorithm;

/* Called with the lock. */
static enum status open_log(void)
{
        return the_log ? ST_DONE : log_open(folder, algorithm, &the_log);
}

enum status host_log_open(int dir, enum hash_alg alg)
{
        enum status s;

        pthread_mutex_lock(&lock);
        folder = dir;
        algorithm = alg;
        s = open_log();
        pthread_mutex_unlock(&lock);
        return s;
}

enum status host_log_get(struct log **log_out)
{
        enum status s;

        pthread_mutex_lock(&lock);
        s = folder >= 0 ? open_log()
                        : FAIL(ST_NOT_SET_UP, .subject = "this host's log",
                               .remedy = "bulkhead host setup");
        *log_out = the_log;
        pthread_mutex_unlock(&lock);
        return s;
}

/* Begins an event node. generation 0 and outcome NULL leave their attribute out. */
static struct document begin_event(const struct principal *by, const char *kind,
                                   const char *component, uint64_t generation, const char *outcome,
                                   struct buffer *out)
{
        struct document d = document_begin(out);
        char who[PRINCIPAL_TEXT_SIZE];

        document_open(&d, "event");
        document_attribute(&d, "by", principal_write(by, who));
        document_attribute(&d, "component", component);
        if (generation)
                document_attribute_u64(&d, "generation", generation);
        document_attribute(&d, "kind", kind);
        if (outcome)
                document_attribute(&d, "outcome", outcome);
        return d;
}

static enum status end_event(struct document *d)
{
        document_close(d);
        return document_end(d);
}

static enum status write_attested(struct arena *a, const struct found *found,
                                  const struct principal *by, struct bytes *node_out)
{
        struct buffer text = BUFFER_INIT(ATTESTED_MOST);
        struct document d = begin_event(by, "attest", COMPONENT_HOST, 0, NULL, &text);
        enum status s;

        for (size_t i = 0; i < found->count; i++) {
                document_open(&d, "measured");
                document_attribute(&d, "component", found->targets[i].component);
                document_close(&d);
        }
        s = end_event(&d);
        if (!s)
                *node_out = (struct bytes){arena_copy(a, text.data, text.len), text.len};
        buffer_clear(&text);
        return s;
}

enum status host_log_found(struct arena *a, const struct found *found,
                           const struct principal *attested_for, struct log_entry **entries_out,
                           struct log_place *place_out)
{
        struct log_entry *entries = arena_get_many(a, found->count + 1, sizeof *entries);
        size_t count = found->count;
        struct log *log;
        enum status s = host_log_get(&log);

        *entries_out = entries;
        for (size_t i = 0; i < found->count; i++)
                entries[i].node = found->forms[i].canonical;
        if (!s && attested_for)
                s = write_attested(a, found, attested_for, &entries[count++].node);
        if (s)
                return s;
        return attested_for ? log_append_spare(log, entries, count, place_out)
                            : log_append(log, entries, count, place_out);
}

enum status host_log_event(const struct principal *by, const char *kind, const char *component,
                           uint64_t generation, enum status outcome)
{
        struct buffer text = BUFFER_INIT(EVENT_MOST);
        struct log_entry entry = {0};
        struct error kept = *error_last();
        struct document d;
        struct log_place place;
        struct log *log;
        enum status s = host_log_get(&log);

        d = begin_event(by, kind, component, generation, status_sentence(outcome), &text);
        if (!s)
                s = end_event(&d);
        entry.node = buffer_bytes(&text);
        if (!s)
                s = log_append(log, &entry, 1, &place);
        if (!s)
                s = log_sync(log, &place);
        buffer_clear(&text);
        told_forget();
        if (s)
                report_error("logging an event");
        if (outcome)
                error_keep(&kept);
        return s;
}

enum status host_log_vm_event(const struct principal *by, const char *kind, const struct uuid *vm,
                              uint64_t generation, enum status outcome)
{
        char component[COMPONENT_VM];

        return host_log_event(by, kind, component_vm(vm, component), generation, outcome);
}
