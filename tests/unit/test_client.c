/* SPDX-License-Identifier: Apache-2.0 */
/* What a client says of a daemon that is not there, starts late, is restarted, hangs, or tells. */
#include "lib/client.h"
#include "lib/config.h"
#include "lib/local_socket.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "bulkheadd"

static char folder[] = "/tmp/bulkhead-client-XXXXXX", path[64];
static pid_t daemon_pid;
static struct server *server;
static struct arena *a;

static struct client fresh(void)
{
        return (struct client)CLIENT(NAME, "door.sock", "start " NAME);
}

/* --- the daemon, in a process of its own --- */

/* "slow" takes a second. The generation tells how many connections there were. */
static size_t connections;

static enum status answer_vm_start(struct request *r, const void *q, void *p)
{
        const struct vm_start_req *request = q;
        struct vm_start_rep *reply = p;

        (void)r;
        if (!strcmp(request->vm, "slow"))
                sleep(1);
        reply->vm = (struct vm_summary){.name = request->vm, .generation = connections};
        return strcmp(request->vm, "none") ? ST_DONE : ST_NOT_FOUND;
}

static enum status answer_watch(struct request *r, const void *q, void *p)
{
        (void)q, (void)p;
        server_watch(r);
        return ST_DONE;
}

static enum status answer_vm_stop(struct request *r, const void *q, void *p)
{
        const struct vm_stop_req *request = q;
        struct vm_changed_event e = {.vm = request->vm, .state = VM_STOPPED, .why = "why not"};

        (void)r, (void)p;
        server_tell(server, TELL(vm_changed, &e));
        return ST_DONE;
}

static const struct handler handlers[] = {{MESSAGE_vm_start, answer_vm_start},
                                          {MESSAGE_watch, answer_watch},
                                          {MESSAGE_vm_stop, answer_vm_stop}};

static bool admit(int fd, struct caller *caller_out)
{
        (void)fd;
        connections++;
        caller_out->principal = principal_self;
        caller_out->roles = ADMIN;
        return true;
}

static void start_daemon(unsigned after_ms)
{
        struct server_listener l = {.handlers = handlers,
                                    .handlers_count = sizeof handlers / sizeof *handlers,
                                    .frame_most = 1000,
                                    .admit = admit};

        daemon_pid = fork();
        if (daemon_pid)
                return;
        usleep(after_ms * 1000);
        if (local_socket_listen(path, 0600, &l.fd))
                _exit(3);
        server = server_new(&(struct server_options){.requests_most = 4, .connections_most = 20});
        server_add_listener(server, &l);
        _exit(server_run(server, NULL, 0));
}

static void end_daemon(void)
{
        if (!daemon_pid)
                return;
        kill(daemon_pid, SIGKILL);
        waitpid(daemon_pid, NULL, 0);
        daemon_pid = 0;
        unlink(path);
}

static void set_up(void)
{
        a = arena_new();
        ck_assert_ptr_nonnull(mkdtemp(folder));
        config.run = folder;
        snprintf(path, sizeof path, "%s/door.sock", folder);
}

static void tear_down(void)
{
        end_daemon();
        rmdir(folder);
        arena_free(a);
}

static enum status start_vm(struct client *c, const char *vm, int deadline_ms, uint64_t *n_out)
{
        struct vm_start_req q = {vm};
        struct vm_start_rep p = {};
        enum status s = client_call(c, 5000, CALL(vm_start, &q, &p), a, deadline_ms);

        *n_out = p.vm.generation;
        return s;
}

static void is_said_to_be_away(const char *found)
{
        ck_assert_str_eq(error_last()->subject, NAME);
        ck_assert_ptr_nonnull(strstr(error_last()->found, path));
        ck_assert_ptr_nonnull(strstr(error_last()->found, found));
        ck_assert_str_eq(error_last()->remedy, "start " NAME);
}

/* --- there or not --- */

START_TEST(one_that_is_away_is_named_at_once)
{
        struct client c = fresh();
        int64_t begun = deadline_in(0);
        int fd;

        ck_assert_int_eq(client_connect(&c, 0, &fd), ST_UNREACHABLE);
        ck_assert_int_lt(fd, 0);
        is_said_to_be_away("No such file");
        ck_assert_int_lt(deadline_in(0) - begun, 2000);
}
END_TEST

START_TEST(one_that_is_late_is_waited_for)
{
        struct client c = fresh();
        uint64_t n;

        start_daemon(300);
        ck_assert_int_eq(start_vm(&c, "x", 5000, &n), ST_DONE);
}
END_TEST

START_TEST(patience_ends)
{
        struct client c = fresh();
        int64_t begun = deadline_in(0);
        int fd;

        ck_assert_int_eq(client_connect(&c, 300, &fd), ST_UNREACHABLE);
        is_said_to_be_away("No such file");
        ck_assert_int_ge(deadline_in(0) - begun, 200);
}
END_TEST

/* It listens, and takes nobody in. */
START_TEST(one_that_hangs_is_away)
{
        struct client c = fresh();
        int fd, listener;

        ck_assert_int_eq(local_socket_listen(path, 0600, &listener), ST_DONE);
        ck_assert_int_eq(client_connect(&c, 200, &fd), ST_UNREACHABLE);
        is_said_to_be_away("");
        close(listener);
        unlink(path);
}
END_TEST

START_TEST(a_path_that_is_too_long_keeps_its_own_remedy)
{
        struct client c = fresh();
        char name[200];
        int fd;

        memset(name, 'x', sizeof name - 1);
        name[sizeof name - 1] = 0;
        c.socket = name;
        ck_assert_int_eq(client_connect(&c, 0, &fd), ST_UNREACHABLE);
        ck_assert_str_eq(error_last()->remedy, "choose a shorter --run");
}
END_TEST

/* --- connections that wait --- */

START_TEST(connections_are_used_again)
{
        struct client c = fresh();
        uint64_t n;

        start_daemon(0);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(start_vm(&c, "x", 5000, &n), ST_DONE);
                ck_assert_uint_eq(n, 1);
        }
        ck_assert_int_eq(start_vm(&c, "none", 5000, &n), ST_NOT_FOUND); /* an answer as well */
        ck_assert_int_eq(start_vm(&c, "x", 5000, &n), ST_DONE);
        ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(a_restart_is_not_noticed)
{
        struct client c = fresh();
        uint64_t n;

        start_daemon(0);
        ck_assert_int_eq(start_vm(&c, "x", 5000, &n), ST_DONE);
        end_daemon();
        start_daemon(100);
        ck_assert_int_eq(start_vm(&c, "x", 5000, &n), ST_DONE);
}
END_TEST

/* What is still to come on it would be taken for another request's answer. */
START_TEST(a_connection_without_its_answer_is_not_used_again)
{
        struct client c = fresh();
        uint64_t n;

        start_daemon(0);
        ck_assert_int_eq(start_vm(&c, "slow", 100, &n), ST_TIMEOUT);
        ck_assert_uint_eq(c.parked_count, 0);
        ck_assert_int_eq(start_vm(&c, "x", 5000, &n), ST_DONE);
        ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(no_more_wait_than_there_is_room_for)
{
        struct client c = fresh();
        int fds[CLIENT_PARKED_MOST + 1];

        start_daemon(0);
        for (int i = 0; i <= CLIENT_PARKED_MOST; i++)
                ck_assert_int_eq(client_connect(&c, 5000, &fds[i]), ST_DONE);
        for (int i = 0; i <= CLIENT_PARKED_MOST; i++)
                client_park(&c, fds[i]);
        ck_assert_uint_eq(c.parked_count, CLIENT_PARKED_MOST);
        ck_assert_int_lt(fcntl(fds[CLIENT_PARKED_MOST], F_GETFD), 0);
}
END_TEST

/* --- events --- */

START_TEST(events_are_told)
{
        struct client c = fresh();
        struct watch_req watch = {};
        struct watch_rep watching;
        struct vm_stop_req stop = {.vm = "web01"};
        struct vm_stop_rep stopped;
        const struct vm_changed_event *e;
        struct telling told;
        int fd;

        start_daemon(0);
        ck_assert_int_eq(client_connect(&c, 5000, &fd), ST_DONE);
        ck_assert_int_eq(client_ask(fd, CALL(watch, &watch, &watching), a, 5000), ST_DONE);
        ck_assert_int_eq(client_event(fd, a, 100, &told), ST_TIMEOUT);
        ck_assert_int_eq(client_call(&c, 0, CALL(vm_stop, &stop, &stopped), a, 5000), ST_DONE);
        ck_assert_int_eq(client_event(fd, a, 5000, &told), ST_DONE);
        ck_assert_uint_eq(told.number, MESSAGE_vm_changed);
        e = told.event;
        ck_assert_str_eq(e->vm, "web01");
        ck_assert_str_eq(e->why, "why not");
        end_daemon();
        ck_assert_int_eq(client_event(fd, a, 5000, &told), ST_UNREACHABLE);
        close(fd);
}
END_TEST

START_TEST(a_reply_is_no_event)
{
        struct telling told;
        int fds[2];

        ck_assert_int_eq(channel_pair(fds), ST_DONE);
        ck_assert_int_eq(channel_send_frame(fds[0], MESSAGE_watch, (struct bytes){NULL, 0}, NULL, 0,
                                            deadline_in(1000)),
                         ST_DONE);
        ck_assert_int_eq(client_event(fds[1], a, 1000, &told), ST_PROTOCOL);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("client");
        TCase *t = tcase_create("client");
        SRunner *runner;
        int failed;

        signal(SIGPIPE, SIG_IGN);
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, set_up, tear_down);
        tcase_add_test(t, one_that_is_away_is_named_at_once);
        tcase_add_test(t, one_that_is_late_is_waited_for);
        tcase_add_test(t, patience_ends);
        tcase_add_test(t, one_that_hangs_is_away);
        tcase_add_test(t, a_path_that_is_too_long_keeps_its_own_remedy);
        tcase_add_test(t, connections_are_used_again);
        tcase_add_test(t, a_restart_is_not_noticed);
        tcase_add_test(t, a_connection_without_its_answer_is_not_used_again);
        tcase_add_test(t, no_more_wait_than_there_is_room_for);
        tcase_add_test(t, events_are_told);
        tcase_add_test(t, a_reply_is_no_event);
        suite_add_tcase(suite, t);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
