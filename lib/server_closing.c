/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closes connections. A peer may have sent descriptors that nobody has read. If one is the last of
 * a socket that lingers, whoever lets go of it waits for as long as that peer chose (SO_LINGER in
 * socket(7)): in close(), and in a recvmsg() that has no room for it, too. A process or thread that
 * ends does not wait: the kernel leaves lingering out once a task is exiting.
 *
 * So one thread, the closer, takes what waits and starts a thread that has a table of descriptors
 * of its own, with these and no others. The closer closes them where all threads share them, which
 * closes nothing yet, and the other thread ends.
 */
#include "lib/server_parts.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2 /* Linux 5.9 */
#endif

enum {
        STACK_SIZE = 256 << 10,
        BATCH = 64,          /* descriptors that one thread takes with it */
        ENDING_MOST = 4,     /* such threads at once: one may hang in what is no socket */
        WAITING_MANY = 256,  /* then no peer is let in until there are fewer */
        LOOK_AGAIN = 1000000 /* ns */
};

bool server_start_thread(void *(*run)(void *), void *with, pthread_t *joinable_out)
{
        pthread_attr_t attributes;
        pthread_t thread;
        int r;

        pthread_attr_init(&attributes);
        if (!joinable_out)
                pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, STACK_SIZE);
        r = pthread_create(joinable_out ? joinable_out : &thread, &attributes, run, with);
        pthread_attr_destroy(&attributes);
        return !r;
}

static struct {
        pthread_mutex_t lock;
        pthread_cond_t some;
        int *fds; /* at most WAITING_MANY and all connections */
        size_t count, room;
        bool has_closer;
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

struct last_thread {
        const int *fds; /* ascending */
        size_t count;
        pid_t id;
        bool has_copies;
        sem_t begun, may_end;
};

static void wait_for(sem_t *s)
{
        while (sem_wait(s) && errno == EINTR)
                ;
}

/* Makes this thread's table of descriptors its own, with 0 to 2 and those alone. */
static bool keep_only(const int *fds, size_t count)
{
        if (close_range((unsigned)fds[count - 1] + 1, ~0U, CLOSE_RANGE_UNSHARE))
                return false;
        for (size_t i = 0; i < count; i++) {
                int from = i ? fds[i - 1] + 1 : 3;

                if (from < fds[i])
                        close_range((unsigned)from, (unsigned)fds[i] - 1, 0);
        }
        return true;
}

static void *end_with_copies(void *last_thread)
{
        struct last_thread *t = last_thread;

        t->id = gettid();
        t->has_copies = keep_only(t->fds, t->count);
        sem_post(&t->begun);
        wait_for(&t->may_end);
        return NULL;
}

static void look_again(void)
{
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN}, NULL);
}

/* A place for one more such thread: where none was, or one that is gone to its last step. */
static pid_t *free_place(pid_t ending[ENDING_MOST])
{
        for (;; look_again())
                for (size_t i = 0; i < ENDING_MOST; i++)
                        if (!ending[i] || (tgkill(getpid(), ending[i], 0) && errno == ESRCH))
                                return &ending[i];
}

static int by_number(const void *a, const void *b)
{
        return *(const int *)a - *(const int *)b;
}

static void close_apart(int *fds, size_t count, pid_t ending[ENDING_MOST])
{
        struct last_thread t = {.fds = fds, .count = count};
        pid_t *place = free_place(ending);
        pthread_t thread;

        qsort(fds, count, sizeof *fds, by_number);
        sem_init(&t.begun, 0, 0);
        sem_init(&t.may_end, 0, 0);
        while (!server_start_thread(end_with_copies, &t, &thread))
                look_again();
        wait_for(&t.begun);
        *place = t.id;
        for (size_t i = 0; i < count; i++)
                close(fds[i]); /* may wait if there are no copies: only here */
        sem_post(&t.may_end);
        pthread_join(thread, NULL);
}

static void *closer(void *nothing)
{
        pid_t ending[ENDING_MOST] = {0};
        int batch[BATCH];

        (void)nothing;
        while (true) {
                size_t n;

                pthread_mutex_lock(&waiting.lock);
                while (!waiting.count)
                        pthread_cond_wait(&waiting.some, &waiting.lock);
                for (n = 0; n < BATCH && waiting.count; n++)
                        batch[n] = waiting.fds[--waiting.count];
                pthread_mutex_unlock(&waiting.lock);
                close_apart(batch, n, ending);
        }
        return NULL;
}

void server_hurry_closings(void)
{
        pthread_mutex_lock(&waiting.lock);
        if (waiting.count && !waiting.has_closer)
                waiting.has_closer = server_start_thread(closer, NULL, NULL);
        pthread_mutex_unlock(&waiting.lock);
}

bool server_closes_many(void)
{
        bool many;

        pthread_mutex_lock(&waiting.lock);
        many = waiting.count >= WAITING_MANY;
        pthread_mutex_unlock(&waiting.lock);
        return many;
}

static void hand_over(int fd)
{
        pthread_mutex_lock(&waiting.lock);
        if (waiting.count == waiting.room) {
                waiting.room = waiting.room ? 2 * waiting.room : BATCH;
                waiting.fds = memory_grow(waiting.fds, waiting.room, sizeof *waiting.fds);
        }
        waiting.fds[waiting.count++] = fd;
        pthread_cond_signal(&waiting.some);
        pthread_mutex_unlock(&waiting.lock);
        server_hurry_closings();
}

void server_close(int fd, bool may_hold_fds)
{
        int unread = 1;

        if (!may_hold_fds) {
                close(fd);
                return;
        }
        shutdown(fd, SHUT_RD); /* from now on nothing can come */
        if (!ioctl(fd, FIONREAD, &unread) && !unread)
                close(fd);
        else
                hand_over(fd);
}
