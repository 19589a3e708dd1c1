/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learns the key of the state files from integrity-mgr and has the definitions read under it. Only
 * the key's use in lib/state_file.c keeps it.
 */
#include "compartment-mgr/state_key.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/peers.h"
#include "lib/report.h"
#include "lib/state_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAUSE = 1 /* s */ };

static struct {
        pthread_mutex_t lock;
        int dir;
        enum { DOUBT, NO_KEY, KEYED } state;
        bool recovered;
        void (*recover)(void);
} own = {.lock = PTHREAD_MUTEX_INITIALIZER, .dir = -1};

/* Files of before the first key get their MACs. The daemon that ends before does it at its next
 * start. */
static enum status sign_all(void)
{
        struct arena *a = arena_new();
        struct im_state_kept_req q = {};
        struct im_state_kept_rep p;
        enum status s = compartments_sign();

        if (!s)
                s = peer_call(PEER_IM, CALL(im_state_kept, &q, &p), a, PEER_SHORT);
        arena_free(a);
        return s;
}

/* A VM that is being worked on is signed when it is not. */
static void *sign_again(void *key)
{
        enum status told = ST_DONE, s;

        while ((s = sign_all())) {
                if (s != told && s != ST_BUSY)
                        report_error("giving state files their MACs; tried again until it is done");
                told = s;
                sleep(PAUSE);
        }
        state_use_key(own.dir, key, false);
        report_info("all state files have their MACs");
        explicit_bzero(key, STATE_KEY_SIZE);
        free(key);
        return NULL;
}

static void sign_later(const uint8_t key[static STATE_KEY_SIZE])
{
        uint8_t *kept = memory_new(1, STATE_KEY_SIZE);
        pthread_t thread;

        memcpy(kept, key, STATE_KEY_SIZE);
        if (pthread_create(&thread, NULL, sign_again, kept))
                fatal("no thread to sign state files in");
        pthread_detach(thread);
}

static enum status use_key(const struct im_state_key_rep *p)
{
        enum status s;

        if (p->key.len != STATE_KEY_SIZE)
                return FAIL(ST_PROTOCOL, .subject = "the key of the state files",
                            .expected = FMT("%d bytes", STATE_KEY_SIZE),
                            .found = FMT("%zu", p->key.len));
        state_use_key(own.dir, p->key.data, p->first);
        s = compartments_read();
        own.state = s ? DOUBT : KEYED;
        if (s || !p->first)
                return s;
        report_warning("state files get their MACs: until now anybody with the disk could change "
                       "them unnoticed");
        if (!sign_all()) {
                state_use_key(own.dir, p->key.data, false);
                return ST_DONE;
        }
        report_error("giving state files their MACs; tried again until it is done");
        sign_later(p->key.data);
        error_clear();
        return ST_DONE;
}

/* Called with the lock. */
static enum status learn(struct arena *a)
{
        struct im_state_key_req q = {};
        struct im_state_key_rep p;
        enum status s = peer_call(PEER_IM, CALL(im_state_key, &q, &p), a, PEER_SHORT);

        if (s)
                return s;
        if (p.key.len)
                return use_key(&p);
        if (own.state == DOUBT)
                s = compartments_read();
        own.state = s ? DOUBT : NO_KEY;
        return s;
}

static void try_to_learn(void)
{
        struct arena *a = arena_new();
        bool recover = false;

        pthread_mutex_lock(&own.lock);
        if (own.state != KEYED) {
                enum status s = learn(a);

                if (s && own.state == DOUBT)
                        compartments_doubt(error_last());
                else if (s)
                        report_error("asking for the key of the state files");
                recover = own.state != DOUBT && !own.recovered;
                own.recovered |= recover;
        }
        pthread_mutex_unlock(&own.lock);
        arena_free(a);
        if (recover)
                own.recover();
}

static bool in_doubt(void)
{
        bool doubt;

        pthread_mutex_lock(&own.lock);
        doubt = own.state == DOUBT;
        pthread_mutex_unlock(&own.lock);
        return doubt;
}

static void *ask_again(void *unused)
{
        (void)unused;
        while (in_doubt()) {
                sleep(PAUSE);
                try_to_learn();
        }
        report_info("the definitions of VMs are believed again");
        return NULL;
}

void state_key_open(int dir, void (*recover)(void))
{
        pthread_t thread;

        own.dir = dir;
        own.recover = recover;
        try_to_learn();
        if (!in_doubt())
                return;
        report_error("asking for the key of the state files; no VM can be used until it is there");
        if (pthread_create(&thread, NULL, ask_again, NULL))
                fatal("no thread to ask for the key of the state files");
        pthread_detach(thread);
}

void state_key_retry(void)
{
        struct error kept = *error_last();

        try_to_learn();
        error_keep(&kept);
}
