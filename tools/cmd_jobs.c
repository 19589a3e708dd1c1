/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead jobs: what is being done. bulkhead cancel: ends one of these. */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/facts.h"
#include "tools/options.h"
#include "tools/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of the facts, those of one area. */
static void keep_area(struct status_rep *reply, const char *area, struct arena *a)
{
        struct fact *kept = arena_get_many(a, reply->facts.count + 1, sizeof *kept);
        size_t n = 0;

        for (size_t i = 0; i < reply->facts.count; i++)
                if (!strcmp(reply->facts.items[i].area, area))
                        kept[n++] = reply->facts.items[i];
        reply->facts.items = kept;
        reply->facts.count = n;
}

int cmd_jobs(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {NULL,
                                         NULL,
                                         NULL,
                                         "Shows what is being done to the VMs that you may see, "
                                         "and your own attestations (an admin sees all): of each "
                                         "job its number, operation, principal and age, the "
                                         "longest first. `bulkhead cancel` ends one.",
                                         children,
                                         NULL,
                                         NULL};
        struct status_rep reply;
        struct options given = {0};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &given, &given))
                return EXIT_USAGE;
        a = arena_new();
        s = door_call(CALL(status, &(struct status_req){}, &reply), a);
        if (!s) {
                keep_area(&reply, "jobs", a);
                if (!reply.facts.count && !given.json)
                        puts("no jobs");
                else
                        facts_print(&reply, given.json);
        }
        arena_free(a);
        return s ? output_error(s, "jobs") : output_end();
}

/* --- cancel -------------------------------------------------------------------------------- */

struct cancel {
        struct options shared;
        uint64_t job; /* 0: none was named */
};

static error_t cancel_parse(int key, char *value, struct argp_state *state)
{
        struct cancel *cancel = state->input;
        char *end;

        switch (key) {
        case ARGP_KEY_ARG:
                errno = 0;
                if (cancel->job)
                        argp_usage(state);
                cancel->job = strtoull(value, &end, 10);
                if (*value < '1' || *value > '9' || *end || errno)
                        argp_error(state, "'%s' is no number that bulkhead jobs lists", value);
                return 0;
        case ARGP_KEY_NO_ARGS:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void print_cancelled(const struct cancel *cancel, const struct job_cancel_rep *reply)
{
        const bool has_vm = strcmp(reply->vm, "-") != 0;
        struct json_object *o;

        if (!cancel->shared.json) {
                if (output_quiet())
                        return;
                printf("job %" PRIu64 ", %s%s%s, is cancelled; ", cancel->job,
                       output_clean(reply->operation), has_vm ? " of VM " : "",
                       has_vm ? output_clean(reply->vm) : "");
                if (*reply->overwritten)
                        printf("nothing is sealed; --format has overwritten %s: what was on it is "
                               "lost\n",
                               output_clean(reply->overwritten));
                else
                        puts("what it began is undone");
                return;
        }
        o = json_object_new_object();
        json_object_object_add(o, "job", json_object_new_uint64(cancel->job));
        output_json_text(o, "operation", reply->operation);
        output_json_text(o, "vm", has_vm ? reply->vm : "");
        output_json_text(o, "overwritten", reply->overwritten);
        output_json(o);
}

int cmd_cancel(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {NULL,
                                         cancel_parse,
                                         "N",
                                         "Ends job N of `bulkhead jobs`, unless it has committed, "
                                         "and returns once what it began is undone. Whoever asked "
                                         "for the job may, and an admin.",
                                         children,
                                         NULL,
                                         NULL};
        struct cancel cancel = {0};
        struct job_cancel_rep reply;
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &cancel, &cancel.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = door_call(CALL(job_cancel, &(struct job_cancel_req){.job = cancel.job}, &reply), a);
        if (!s)
                print_cancelled(&cancel, &reply);
        arena_free(a);
        return s ? output_error(s, "cancel %" PRIu64, cancel.job) : output_end();
}
