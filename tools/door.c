/* SPDX-License-Identifier: Apache-2.0 */
/* The client of compartment-mgr; lib/client.c does the asking. */
#include "tools/door.h"
#include "lib/client.h"
#include "lib/config.h"
#include "lib/io.h"
#include "tools/output.h"
#include "tools/progress.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct client cm =
        CLIENT("compartment-mgr", SOCKET_CM,
               "start it: systemctl start bulkhead-compartment-mgr; from a checkout: make "
               "up, then . build/run/env");

static bool reads_only(enum message_number number)
{
        return number == MESSAGE_status || number == MESSAGE_trust || number == MESSAGE_vm_list ||
               number == MESSAGE_vm_show || number == MESSAGE_vm_slots ||
               number == MESSAGE_host_approval || number == MESSAGE_host_approvals;
}

/* Measures, and so may take long. */
static bool measures(enum message_number number)
{
        return number == MESSAGE_vm_seal || number == MESSAGE_vm_start ||
               number == MESSAGE_vm_stop || number == MESSAGE_vm_hibernate ||
               number == MESSAGE_vm_attach || number == MESSAGE_vm_replace ||
               number == MESSAGE_vm_passphrase || number == MESSAGE_attest;
}

/* --- how far it is ------------------------------------------------------------------------- */

enum { FIRST_LOOK = 400, LOOK = 200 /* ms */ };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static bool is_over;

/* True once the request was answered, false after that many ms. */
static bool wait_for_end(int ms)
{
        const struct timespec until = deadline_point(deadline_in(ms));
        bool end;

        pthread_mutex_lock(&lock);
        while (!is_over && !pthread_cond_clockwait(&over, &lock, CLOCK_MONOTONIC, &until))
                ;
        end = is_over;
        pthread_mutex_unlock(&lock);
        return end;
}

/* On a connection of its own. A daemon that does not tell makes no bar. */
static void *watch(void *arg)
{
        struct arena *a = arena_new();
        int fd = -1;

        (void)arg;
        for (int ms = FIRST_LOOK; !wait_for_end(ms); ms = LOOK) {
                struct progress_rep p = {};

                arena_empty(a);
                if ((fd < 0 && client_connect(&cm, 0, &fd)) ||
                    client_ask(fd, CALL(progress, &(struct progress_req){}, &p), a, LOOK * 50))
                        break;
                if (!p.total)
                        continue;
                progress_name(output_clean(p.what));
                progress_show(p.done, p.total);
        }
        if (fd >= 0)
                close(fd);
        arena_free(a);
        return NULL;
}

static bool watch_begin(enum message_number number, pthread_t *thread_out)
{
        sigset_t all, before;
        bool begun;

        if (!measures(number))
                return false;
        progress_begin("");
        is_over = false;
        if (!progress_wanted())
                return false;
        sigfillset(&all); /* signals are for the thread that asks */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        begun = !pthread_create(thread_out, NULL, watch, NULL);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return begun;
}

static void watch_end(pthread_t thread)
{
        pthread_mutex_lock(&lock);
        is_over = true;
        pthread_cond_signal(&over);
        pthread_mutex_unlock(&lock);
        pthread_join(thread, NULL);
        progress_end();
}

/* --- Ctrl-C -------------------------------------------------------------------------------- */

static volatile sig_atomic_t was_interrupted;
static volatile sig_atomic_t asking = -1; /* the connection */

/* At once. The first Ctrl-C has ended the connection, so the daemons know that nobody waits. */
static void leave(int signal_number)
{
        static const char text[] =
                "\nbulkhead: leaves at once; what was asked for ends by itself, or "
                "goes on if it has committed: bulkhead jobs shows it\n";

        if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
                was_interrupted = 1; /* for the compiler: a text that cannot be written is lost */
        signal(signal_number, SIG_DFL);
        raise(signal_number);
}

/* Ends the connection, and with it what was asked for, unless that has committed. */
static void interrupted(int signal_number)
{
        const bool again = was_interrupted;

        was_interrupted = 1;
        if (asking >= 0 && !again) {
                shutdown(asking, SHUT_RDWR);
        } else if (again) {
                leave(signal_number);
        } else {
                signal(signal_number, SIG_DFL);
                raise(signal_number);
        }
}

/* Returns how it was before, which stays if the command's starter ignores the signal. */
static struct sigaction tell_if_interrupted(void)
{
        const struct sigaction tell = {.sa_handler = interrupted};
        struct sigaction before = {.sa_handler = SIG_DFL};

        if (!sigaction(SIGINT, NULL, &before) && before.sa_handler == SIG_DFL)
                sigaction(SIGINT, &tell, NULL);
        return before;
}

void door_end_interrupted(void)
{
        fflush(stdout);
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
}

/* --- asking -------------------------------------------------------------------------------- */

bool door_is_admins(void)
{
        char path[CONFIG_PATH];

        return !access(config_path(path, config.run, SOCKET_ADMIN), R_OK | W_OK);
}

enum status door_must_be_admins(const char *what)
{
        errno = 0;
        if (door_is_admins() || errno != EACCES)
                return ST_DONE;
        return FAIL(ST_DENIED, .subject = what, .expected = "an administrator",
                    .remedy = ASK_AS_ADMIN);
}

/* Whoever may use the administrators' socket does not wait behind a flood at the other one. */
static const char *socket_of_mine(void)
{
        return door_is_admins() ? SOCKET_ADMIN : SOCKET_CM;
}

enum status door_call_or_interrupt(struct call call, struct arena *a, bool *interrupted_out)
{
        struct sigaction before;
        pthread_t watcher;
        enum status s;
        bool watched, answered;
        int fd;

        cm.socket = socket_of_mine();
        signal(SIGPIPE, SIG_IGN);
        *interrupted_out = false;
        s = client_borrow(&cm, 0, &fd);
        if (s)
                return s;
        was_interrupted = 0;
        asking = fd;
        before = tell_if_interrupted();
        watched = watch_begin(call.number, &watcher);
        s = channel_ask(fd, call, a, deadline_in(NO_DEADLINE), &answered);
        if (watched)
                watch_end(watcher);
        asking = -1;
        *interrupted_out = was_interrupted && !answered;
        if (!*interrupted_out) /* else the next one ends the command, and says so */
                sigaction(SIGINT, &before, NULL);
        if (answered && !was_interrupted)
                client_park(&cm, fd);
        else
                close(fd);
        return s;
}

enum status door_call(struct call call, struct arena *a)
{
        bool interrupted;
        enum status s;

        if (reads_only(call.number)) {
                cm.socket = socket_of_mine();
                signal(SIGPIPE, SIG_IGN);
                return client_call(&cm, 0, call, a, NO_DEADLINE);
        }
        s = door_call_or_interrupt(call, a, &interrupted);
        if (interrupted) {
                fputs("\nbulkhead: interrupted; what has not committed is undone, the rest goes "
                      "on: "
                      "bulkhead jobs shows it\n",
                      stderr);
                door_end_interrupted();
        }
        return s;
}

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:+-";

enum status door_name(const char *what, const char *name)
{
        size_t len = strlen(name);

        if (!name[strspn(name, allowed)] && len <= WORD_MOST)
                return ST_DONE;
        return FAIL(ST_USAGE, .subject = FMT("%s '%.200s'", what, name),
                    .expected = "1 to 63 letters, digits and ._:+-",
                    .found = len > WORD_MOST ? FMT("%zu characters", len)
                                             : FMT("'%.4s'", name + strspn(name, allowed)),
                    .remedy = "bulkhead vm list shows the names");
}

enum status door_vm(const char *name)
{
        return door_name("VM", name);
}

enum status door_show(const char *name, struct vm_show_rep *reply, struct arena *a)
{
        const struct vm_show_req request = {.vm = name};
        enum status s = door_vm(name);

        return s ? s : door_call(CALL(vm_show, &request, reply), a);
}
