/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that misbehaves as its stylesheet says: what test_worker.c gives jobs to. It answers the
 * `judge` message, so that no message of its own is needed.
 */
#include "lib/report.h"
#include "lib/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POLICY_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

static bool asked(const struct judge_req *q, const char *what)
{
        return q->stylesheet.len == strlen(what) &&
               !memcmp(q->stylesheet.data, what, q->stylesheet.len);
}

enum status on_judge(struct request *r, const struct judge_req *q, struct judge_rep *p)
{
        (void)r;
        p->answer = true;
        if (asked(q, "crash"))
                __builtin_trap();
        if (asked(q, "exit"))
                _exit(7);
        if (asked(q, "hang"))
                for (;;)
                        ;
        if (asked(q, "socket"))
                socket(AF_UNIX, SOCK_STREAM, 0);
        if (asked(q, "open"))
                open("/etc/passwd", O_RDONLY);
        if (asked(q, "fork"))
                fork();
        if (asked(q,
                  "kill")) /* its parent, which has its user: not with that signal, but may it? */
                syscall(SYS_tgkill, getppid(), getppid(), SIGCONT);
        if (asked(q, "exec"))
                execl("/bin/true", "true", (char *)NULL);
        if (asked(q, "memory"))
                memset(memory_new(1, 512 << 20), 1, 512 << 20);
        if (asked(q, "refuse"))
                return FAIL(ST_PREDICATE, .subject = "the fixture", .found = "a wish");
        if (asked(q, "unreachable"))
                return FAIL(ST_UNREACHABLE, .subject = "what the fixture needs");
        return ST_DONE;
}

static void answer_then_die(void)
{
        if (getenv("BULKHEAD_DIE_AT_END"))
                abort();
}

static const struct handler handlers[] = {
#define POLICY_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

int main(int argc, char **argv)
{
        static const struct sandbox sandbox = {SANDBOX_COMPUTE, 256 << 20, 5, 16};
        static struct worker_duty duty = {.name = "worker_fixture",
                                          .handlers = handlers,
                                          .handlers_count = 1,
                                          .sandbox = &sandbox,
                                          .child_end = answer_then_die};

        report_open("worker_fixture");
        if (argc > 1 && !strcmp(argv[1], "--no-sandbox"))
                duty.sandbox = NULL;
        worker_serve(&duty);
}
