/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the XML worker what descriptors mean. The stories come here. */
#include "compartment-mgr/descriptors.h"
#include "compartment-mgr/workers.h"
#include "lib/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN = 4, KNOWN_MOST = 32 << 10 /* bytes of a text, of an answer */ };

/* --- what is remembered -------------------------------------------------------------------- */

static struct known {
        uint8_t *bytes; /* the text, then what it means, encoded; NULL: free */
        size_t text_len, answer_len;
        uint64_t used; /* larger means later */
} known[KNOWN];
static uint64_t uses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* over all of it */

static struct known *find(struct bytes text)
{
        for (size_t i = 0; i < KNOWN; i++)
                if (known[i].bytes && known[i].text_len == text.len &&
                    !memcmp(known[i].bytes, text.data, text.len))
                        return &known[i];
        return NULL;
}

static struct bytes recall(struct bytes text, struct arena *a)
{
        struct bytes answer = {0};
        struct known *k;

        pthread_mutex_lock(&lock);
        k = find(text);
        if (k) {
                k->used = ++uses;
                answer = (struct bytes){arena_copy(a, k->bytes + k->text_len, k->answer_len),
                                        k->answer_len};
        }
        pthread_mutex_unlock(&lock);
        return answer;
}

static void forget(struct known *k)
{
        free(k->bytes);
        *k = (struct known){0};
}

static void remember(struct bytes text, struct bytes answer)
{
        struct known *k = known;

        if (!text.len || text.len > KNOWN_MOST || answer.len > KNOWN_MOST)
                return;
        pthread_mutex_lock(&lock);
        for (size_t i = 1; i < KNOWN; i++)
                if (known[i].used < k->used)
                        k = &known[i];
        if (!find(text)) {
                forget(k);
                k->bytes = memory_new(1, text.len + answer.len);
                memcpy(k->bytes, text.data, text.len);
                memcpy(k->bytes + text.len, answer.data, answer.len);
                k->text_len = text.len;
                k->answer_len = answer.len;
                k->used = ++uses;
        }
        pthread_mutex_unlock(&lock);
}

void descriptors_forget(void)
{
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < KNOWN; i++)
                forget(&known[i]);
        pthread_mutex_unlock(&lock);
}

/* --- reading ------------------------------------------------------------------------------- */

enum status descriptors_ask(struct reading *r, struct bytes text, enum descriptor_kind kind,
                            struct arena *a)
{
        const struct xml_descriptor_req q = {.text = text, .alg = HASH_SHA256};
        struct xml_descriptor_rep unused;

        *r = (struct reading){.text = text, .kind = kind, .answer = recall(text, a)};
        r->known = r->answer.len != 0;
        return r->known ? ST_DONE
                        : worker_ask(workers.xml, XML_DEADLINE, CALL(xml_descriptor, &q, &unused),
                                     &r->job);
}

static enum status encode(const struct descriptor *d, struct arena *a, struct bytes *out)
{
        struct buffer b = BUFFER_INIT(MESSAGE_MOST);
        int fds[MESSAGE_FDS_MOST];
        size_t fds_count = 0;
        enum status s = message_encode(&shape_descriptor, d, &b, fds, &fds_count);

        if (!s)
                *out = (struct bytes){arena_copy(a, b.data, b.len), b.len};
        buffer_clear(&b);
        return s;
}

static enum status ask_worker(struct reading *r, struct arena *a, struct descriptor *out)
{
        const struct xml_descriptor_req asked = {0};
        struct xml_descriptor_rep p;
        enum status s = job_answer(r->job, CALL(xml_descriptor, &asked, &p), a);

        if (s)
                return s;
        *out = p.descriptor;
        return encode(out, a, &r->answer);
}

enum status descriptors_answer(struct reading *r, struct arena *a,
                               struct descriptor *descriptor_out)
{
        struct descriptor d;
        enum status s = r->known ? message_decode(&shape_descriptor, r->answer, NULL, 0, a, &d)
                                 : ask_worker(r, a, &d);

        if (s)
                return s;
        if (d.kind != r->kind)
                return FAIL(ST_INVALID, .subject = "descriptor",
                            .expected = descriptor_kind_word(r->kind),
                            .found = descriptor_kind_word(d.kind),
                            .remedy = "bulkhead-descriptor(5) shows both kinds");
        *descriptor_out = d;
        return ST_DONE;
}

enum status descriptors_end(struct reading *r)
{
        struct job *j = r->job;
        enum status s;

        if (r->known)
                return ST_DONE;
        r->job = NULL;
        s = job_end(j);
        if (!s)
                remember(r->text, r->answer);
        return s;
}

void descriptors_drop(struct reading *r)
{
        job_kill(r->job);
        r->job = NULL;
}

enum status descriptors_read(struct bytes text, enum descriptor_kind kind, struct arena *a,
                             struct descriptor *descriptor_out)
{
        struct reading r;
        enum status s = descriptors_ask(&r, text, kind, a);

        if (!s)
                s = descriptors_answer(&r, a, descriptor_out);
        if (!s)
                return descriptors_end(&r);
        descriptors_drop(&r);
        return s;
}
