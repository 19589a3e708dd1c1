/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the log: its file, its tree, and the thread that puts on disk what was written.
 * integrity-mgr's stories come here with nodes; this file touches "log" in the state folder and,
 * beside it, a file without a name for the tree's hashes, which are computed anew from the log at
 * each start.
 */
#include "integrity-mgr/log.h"
#include "lib/arena.h"
#include "lib/thread.h"
#include "proof/commitment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct log {
        struct log_file file;
        int hashes;
        struct merkle *tree;
        uint64_t synced_length; /* entries */
        uint64_t era;           /* how often appends that were not on disk were lost */
        bool broken, closing, has_thread;
        pthread_mutex_t lock;
        pthread_cond_t work, progress;
        pthread_t syncer;
};

static enum status new_tree(struct log *l)
{
        merkle_free(l->tree);
        l->tree = NULL;
        if (l->hashes >= 0)
                close(l->hashes);
        l->hashes = openat(l->file.dir, "log-hashes",
                           O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (l->hashes < 0 || unlinkat(l->file.dir, "log-hashes", 0))
                return log_file_failed("its tree", errno);
        l->tree = merkle_new_in(l->file.alg, l->hashes);
        return ST_DONE;
}

static void add_leaf(struct log *l, const uint8_t *random, struct bytes node)
{
        struct digest c = commitment_of(l->file.alg, random, node), leaf = commitment_leaf(&c);

        merkle_append(l->tree, &leaf);
}

static void add_loaded(void *l, const uint8_t *random, struct bytes node)
{
        add_leaf(l, random, node);
}

static enum status load(struct log *l)
{
        enum status s = new_tree(l);

        if (!s)
                s = log_file_load(&l->file, add_loaded, l);
        if (s)
                return s;
        l->synced_length = merkle_count(l->tree);
        return merkle_failed(l->tree) ? log_file_failed("its tree", EIO) : ST_DONE;
}

/* Puts on disk whatever was written, again and again, until the log is closed. */
static void *sync_loop(void *arg)
{
        struct log *l = arg;

        pthread_mutex_lock(&l->lock);
        while (!l->closing) {
                uint64_t written = l->file.written, length, era = l->era;
                int r;

                if (l->broken || l->file.synced == written) {
                        pthread_cond_wait(&l->work, &l->lock);
                        continue;
                }
                length = merkle_count(l->tree);
                pthread_mutex_unlock(&l->lock);
                r = fdatasync(l->file.fd);
                pthread_mutex_lock(&l->lock);
                if (r) {
                        l->broken = true;
                } else if (era == l->era) {
                        l->file.synced = written;
                        l->synced_length = length;
                }
                pthread_cond_broadcast(&l->progress);
        }
        pthread_mutex_unlock(&l->lock);
        return NULL;
}

/* Goes back to what is surely on disk, after a write or a sync has failed. */
static enum status recover(struct log *l)
{
        enum status s;

        l->era++;
        pthread_cond_broadcast(&l->progress);
        s = log_file_cut_back(&l->file);
        if (!s)
                s = load(l);
        l->broken = s != ST_DONE;
        return s;
}

static enum status head_now(struct log *l, struct log_place *out)
{
        out->length = merkle_count(l->tree);
        out->era = l->era;
        out->root = merkle_root(l->tree, out->length);
        if (merkle_failed(l->tree)) {
                l->broken = true;
                return log_file_failed("its tree", EIO);
        }
        return ST_DONE;
}

static enum status append(struct log *l, struct log_entry *entries, size_t count, bool spare,
                          struct log_place *place_out)
{
        enum status s = l->broken ? recover(l) : ST_DONE;

        if (s)
                return s;
        place_out->first = merkle_count(l->tree);
        if (count)
                s = log_file_append(&l->file, entries, count, spare, &l->broken);
        if (s)
                return s;
        for (size_t i = 0; i < count; i++)
                add_leaf(l, entries[i].random, entries[i].node);
        pthread_cond_signal(&l->work);
        return head_now(l, place_out);
}

/* --- the log -------------------------------------------------------------------------------- */

enum status log_open(int dir, enum hash_alg alg, struct log **log_out)
{
        struct log *l = memory_new(1, sizeof *l);
        enum status s;

        *log_out = NULL;
        l->hashes = -1;
        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->work, NULL);
        pthread_cond_init(&l->progress, NULL);
        s = log_file_open(dir, alg, &l->file);
        if (!s)
                s = load(l);
        if (!s && !thread_begin(sync_loop, l, &l->syncer))
                s = FAIL(ST_INTERNAL, .subject = "a thread for the log");
        if (s) {
                log_close(l);
                return s;
        }
        l->has_thread = true;
        *log_out = l;
        return ST_DONE;
}

void log_close(struct log *l)
{
        if (!l)
                return;
        pthread_mutex_lock(&l->lock);
        l->closing = true;
        pthread_cond_signal(&l->work);
        pthread_mutex_unlock(&l->lock);
        if (l->has_thread)
                pthread_join(l->syncer, NULL);
        if (l->file.fd >= 0)
                close(l->file.fd);
        if (l->hashes >= 0)
                close(l->hashes);
        merkle_free(l->tree);
        pthread_cond_destroy(&l->work);
        pthread_cond_destroy(&l->progress);
        pthread_mutex_destroy(&l->lock);
        free(l);
}

static enum status append_locked(struct log *l, struct log_entry *entries, size_t count, bool spare,
                                 struct log_place *place_out)
{
        enum status s;

        *place_out = (struct log_place){0};
        pthread_mutex_lock(&l->lock);
        s = append(l, entries, count, spare, place_out);
        pthread_mutex_unlock(&l->lock);
        return s;
}

enum status log_append(struct log *l, struct log_entry *entries, size_t count,
                       struct log_place *place_out)
{
        return append_locked(l, entries, count, false, place_out);
}

enum status log_append_spare(struct log *l, struct log_entry *entries, size_t count,
                             struct log_place *place_out)
{
        return append_locked(l, entries, count, true, place_out);
}

enum status log_sync(struct log *l, const struct log_place *place)
{
        bool on_disk;

        pthread_mutex_lock(&l->lock);
        while (l->era == place->era && l->synced_length < place->length && !l->broken)
                pthread_cond_wait(&l->progress, &l->lock);
        on_disk = l->era == place->era && l->synced_length >= place->length;
        pthread_mutex_unlock(&l->lock);
        return on_disk ? ST_DONE : log_file_failed("putting it on disk", EIO);
}

uint64_t log_length(struct log *l)
{
        uint64_t length;

        pthread_mutex_lock(&l->lock);
        length = l->tree ? merkle_count(l->tree) : 0;
        pthread_mutex_unlock(&l->lock);
        return length;
}

enum status log_head(struct log *l, struct log_place *place_out)
{
        enum status s;

        *place_out = (struct log_place){0};
        pthread_mutex_lock(&l->lock);
        s = l->broken ? recover(l) : ST_DONE;
        if (!s)
                s = head_now(l, place_out);
        pthread_mutex_unlock(&l->lock);
        return s;
}

enum status log_inclusion(struct log *l, uint64_t index, uint64_t length,
                          struct merkle_path *path_out)
{
        enum status s = ST_DONE;

        path_out->count = 0;
        pthread_mutex_lock(&l->lock);
        if (!l->tree || index >= length || length > merkle_count(l->tree))
                s = FAIL(ST_INVALID, .subject = "a place in the log");
        else
                merkle_inclusion(l->tree, index, length, path_out);
        if (!s && merkle_failed(l->tree))
                s = log_file_failed("its tree", EIO);
        pthread_mutex_unlock(&l->lock);
        return s;
}

enum status log_consistency(struct log *l, uint64_t from, uint64_t length,
                            struct merkle_path *path_out)
{
        enum status s = ST_DONE;

        path_out->count = 0;
        pthread_mutex_lock(&l->lock);
        if (!l->tree || !from || from > length || length > merkle_count(l->tree))
                s = FAIL(ST_INVALID, .subject = "a place in the log");
        else
                merkle_consistency(l->tree, from, length, path_out);
        if (!s && merkle_failed(l->tree))
                s = log_file_failed("its tree", EIO);
        pthread_mutex_unlock(&l->lock);
        return s;
}
