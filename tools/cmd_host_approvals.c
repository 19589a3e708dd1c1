/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead host approvals, bulkhead host retire: which states of this host are approved, and how to
 * end that. To retire an epoch ends every approval up to it, that of the present state included. So
 * the present state is approved for the next epoch first, if that is wanted, and only then the
 * epoch ends: at no time is the way back missing.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"

#include "lib/principal.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- what an approval is ------------------------------------------------------------------- */

static bool is_present(const struct approval *a, const struct host_approvals_rep *all)
{
        if (a->pcrs.count != all->pcrs.count)
                return false;
        for (size_t i = 0; i < a->pcrs.count; i++)
                if (a->pcrs.items[i].pcr != all->pcrs.items[i].pcr ||
                    !digest_equal(&a->pcrs.items[i].value, &all->pcrs.items[i].value))
                        return false;
        return true;
}

/* "unknown" only where the TPM does not tell: nothing is then taken to be good or retired. */
static const char *standing(const struct approval *a, const struct host_approvals_rep *all)
{
        if (all->unknown[0])
                return "unknown";
        if (a->epoch < all->epoch)
                return "retired";
        return is_present(a, all) ? "present" : "good";
}

static const char *when(const struct approval *a, char text[static 32])
{
        time_t t = (time_t)a->time;
        struct tm tm;

        if (!a->time || !gmtime_r(&t, &tm) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
                return "";
        return text;
}

/* --- approvals ----------------------------------------------------------------------------- */

static void print_pcrs(const struct approval *a)
{
        char hex[DIGEST_HEX];

        for (size_t i = 0; i < a->pcrs.count; i++) {
                digest_hex(&a->pcrs.items[i].value, hex);
                printf("  PCR %-2u  %s:%s\n", a->pcrs.items[i].pcr,
                       hash_name(a->pcrs.items[i].value.alg), hex);
        }
}

static void print_approval(const struct approval *a, const struct host_approvals_rep *all, size_t n)
{
        const char *is = standing(a, all);
        char by[PRINCIPAL_TEXT_SIZE], at[32];

        printf("\n%zu  up to epoch %" PRIu64 ": %s\n", n, a->epoch,
               !strcmp(is, "present")   ? "the present state of this host"
               : !strcmp(is, "retired") ? "retired: opens nothing"
               : !strcmp(is, "unknown") ? "unknown whether it is the present state"
                                        : "another state");
        if (a->time)
                printf("  approved %s by %s\n", when(a, at), principal_write(&a->approver, by));
        else
                puts("  approved before this was kept: when and by whom is unknown");
        print_pcrs(a);
}

static void print_text(const struct host_approvals_rep *all)
{
        char hex[DIGEST_HEX];
        bool present = false;

        digest_hex(&all->site_key, hex);
        printf("site key  sha256:%s, %s\n", hex,
               all->site_key_here ? "in this TPM" : "kept elsewhere");
        if (all->unknown[0])
                printf("epoch     unknown: %s\n", output_clean(all->unknown));
        else
                printf("epoch     %" PRIu64 "\n", all->epoch);
        for (size_t i = 0; i < all->approvals.count; i++) {
                print_approval(&all->approvals.items[i], all, i + 1);
                present |= !strcmp(standing(&all->approvals.items[i], all), "present");
        }
        if (!present && !all->unknown[0])
                puts("\nThe present state is not approved: what is sealed does not open. If it is "
                     "the one\nyou want: bulkhead host approve");
}

static struct json_object *json_approval(const struct approval *a,
                                         const struct host_approvals_rep *all)
{
        struct json_object *o = json_object_new_object(), *pcrs = json_object_new_array();
        char hex[DIGEST_HEX], by[PRINCIPAL_TEXT_SIZE], at[32];

        output_json_text(o, "standing", standing(a, all));
        json_object_object_add(o, "epoch", json_object_new_uint64(a->epoch));
        json_object_object_add(o, "time", a->time ? json_object_new_string(when(a, at)) : NULL);
        json_object_object_add(o, "by",
                               a->time ? json_object_new_string(principal_write(&a->approver, by))
                                       : NULL);
        for (size_t i = 0; i < a->pcrs.count; i++) {
                struct json_object *value = json_object_new_object();

                digest_hex(&a->pcrs.items[i].value, hex);
                json_object_object_add(value, "pcr", json_object_new_int64(a->pcrs.items[i].pcr));
                output_json_text(value, hash_name(a->pcrs.items[i].value.alg), hex);
                json_object_array_add(pcrs, value);
        }
        json_object_object_add(o, "pcrs", pcrs);
        return o;
}

static void print_json(const struct host_approvals_rep *all)
{
        struct json_object *o = json_object_new_object(), *list = json_object_new_array();
        char hex[DIGEST_HEX];

        digest_hex(&all->site_key, hex);
        output_json_text(o, "site_key", hex);
        output_json_text(o, "site_key_lies", all->site_key_here ? "tpm" : "elsewhere");
        json_object_object_add(o, "epoch",
                               all->unknown[0] ? NULL : json_object_new_uint64(all->epoch));
        if (all->unknown[0])
                output_json_text(o, "unknown", all->unknown);
        for (size_t i = 0; i < all->approvals.count; i++)
                json_object_array_add(list, json_approval(&all->approvals.items[i], all));
        json_object_object_add(o, "approvals", list);
        output_json(o);
}

int cmd_host_approvals(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                NULL,
                NULL,
                NULL,
                "Lists the approved states of this host: what was approved, when, by whom, up to "
                "which epoch, and whether it is the present one.",
                children,
                NULL,
                NULL};
        struct host_approvals_req request = {};
        struct host_approvals_rep all;
        struct options options = {0};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &options, &options))
                return EXIT_USAGE;
        a = arena_new();
        s = door_call(CALL(host_approvals, &request, &all), a);
        if (!s)
                options.json ? print_json(&all) : print_text(&all);
        arena_free(a);
        return s ? output_error(s, "host approvals") : output_end();
}

/* --- retire -------------------------------------------------------------------------------- */

enum { OPTION_APPROVE_PRESENT = 0x100, OPTION_YES };

struct retire {
        struct options shared;
        bool approve_present, yes;
};

static const struct argp_option retire_options[] = {
        {"approve-present", OPTION_APPROVE_PRESENT, NULL, 0,
         "First approve the present state up to the next epoch, so that sealed VMs still start", 1},
        {"yes", OPTION_YES, NULL, 0, "Do not ask", 1},
        {0},
};

static error_t retire_parse(int key, char *value, struct argp_state *state)
{
        struct retire *retire = state->input;

        (void)value;
        switch (key) {
        case OPTION_APPROVE_PRESENT:
                retire->approve_present = true;
                return 0;
        case OPTION_YES:
                retire->yes = true;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        case ARGP_KEY_END:
                if (options_site_given(&retire->shared) && !retire->approve_present)
                        argp_error(state, "without --approve-present nothing is to be signed");
                if (retire->shared.print && retire->yes)
                        argp_error(state, "--print retires nothing: leave --yes out");
                if (retire->shared.print && retire->shared.json)
                        argp_error(state, "--print writes what has to be signed: leave --json out");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void warn(const struct host_approvals_rep *all, const struct retire *retire)
{
        size_t ends = 0, stay = 0;

        for (size_t i = 0; i < all->approvals.count; i++) {
                ends += all->approvals.items[i].epoch == all->epoch;
                stay += all->approvals.items[i].epoch > all->epoch;
        }
        fprintf(stderr,
                "Epoch %" PRIu64 " ends for ever, and with it %zu approved state%s. No sealed VM "
                "of this host starts\nin any of them until that state is approved anew.\n",
                all->epoch, ends, ends == 1 ? "" : "s");
        if (stay)
                fprintf(stderr, "%zu approval%s for a later epoch stay%s good.\n", stay,
                        stay == 1 ? "" : "s", stay == 1 ? "s" : "");
        fputs(retire->approve_present
                      ? "The present state is approved anew first.\n"
                      : "The present state ends with it: no sealed VM starts, and nothing is "
                        "attested, until\nbulkhead host approve. With --approve-present that is "
                        "done in the same step.\n",
              stderr);
}

static enum status confirm(const struct retire *retire)
{
        char line[16] = "";

        if (retire->yes)
                return ST_DONE;
        if (!isatty(STDIN_FILENO))
                return FAIL(ST_USAGE, .subject = "what is said above",
                            .expected = "--yes, or a terminal to ask on", .found = "neither",
                            .remedy = "repeat it with --yes");
        fputs("Retire it? Type yes: ", stderr);
        if (!fgets(line, sizeof line, stdin) || strcmp(line, "yes\n"))
                return FAIL(ST_REFUSED, .subject = "the epoch of this host", .expected = "yes",
                            .found = "another answer; nothing was changed");
        return ST_DONE;
}

/* *done_out: nothing more is to be done, since only what has to be signed was wanted. */
static enum status approve_ahead(const struct retire *retire, uint64_t epoch, struct arena *a,
                                 bool *done_out)
{
        struct host_approval_req wanted = {.next_epoch = true};
        struct host_approval_rep state;
        struct host_approve_req request;
        struct host_approve_rep reply;
        enum status s = door_call(CALL(host_approval, &wanted, &state), a);

        if (!s && state.epoch != epoch + 1)
                s = FAIL(ST_WRONG_STATE, .subject = "the epoch of this host",
                         .found = "it ended meanwhile", .remedy = "bulkhead host approvals");
        if (s)
                return s;
        *done_out = retire->shared.print;
        if (retire->shared.print)
                return file_replace(retire->shared.print, state.to_sign);
        s = site_pem_authority(&retire->shared.by, &state, a, &request);
        if (!s)
                s = door_call(CALL(host_approve, &request, &reply), a);
        if (request.passphrase >= 0)
                close(request.passphrase);
        return s;
}

static void tell_retired(const struct retire *retire, uint64_t retired, uint64_t epoch)
{
        struct json_object *o;

        if (retire->shared.json) {
                o = json_object_new_object();
                json_object_object_add(o, "retired", json_object_new_uint64(retired));
                json_object_object_add(o, "epoch", json_object_new_uint64(epoch));
                json_object_object_add(o, "approved",
                                       json_object_new_boolean(retire->approve_present));
                output_json(o);
        } else if (!output_quiet()) {
                printf("Epoch %" PRIu64 " is retired; the present one is %" PRIu64 ".\n%s\n",
                       retired, epoch,
                       retire->approve_present
                               ? "The present state of this host is approved."
                               : "Next, before any sealed VM starts: bulkhead host approve");
        }
}

static enum status retire_epoch(const struct retire *retire, struct arena *a)
{
        struct host_approvals_req ask = {};
        struct host_approvals_rep all;
        struct host_retire_req request;
        struct host_retire_rep reply;
        bool done = false;
        enum status s = door_call(CALL(host_approvals, &ask, &all), a);

        if (!s && all.unknown[0])
                s = FAIL(ST_TPM, .subject = "the epoch of this host",
                         .expected = "a TPM that tells it",
                         .found = FMT("unknown: %s", all.unknown), .remedy = "bulkhead status");
        if (!s && retire->approve_present)
                s = site_pem_check(&retire->shared.by, retire->shared.print, all.site_key_here);
        if (s)
                return s;
        request.epoch = all.epoch;
        if (!retire->shared.print) {
                if (!retire->yes || !output_quiet())
                        warn(&all, retire);
                s = confirm(retire);
        }
        if (!s && retire->approve_present)
                s = approve_ahead(retire, all.epoch, a, &done);
        if (s || done)
                return s;
        s = door_call(CALL(host_retire, &request, &reply), a);
        if (!s)
                tell_retired(retire, request.epoch, reply.epoch);
        return s;
}

int cmd_host_retire(int argc, char **argv)
{
        static const struct argp_child children[] = {
                {&options_output, 0, NULL, 0}, {&options_site, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                retire_options,
                retire_parse,
                NULL,
                "Ends every approval of this host up to the present epoch, for ever. What is "
                "sealed stays, and opens again in states that are approved anew.",
                children,
                NULL,
                NULL};
        struct retire retire = {0};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &retire, &retire.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = retire_epoch(&retire, a);
        arena_free(a);
        return s ? output_error(s, "host retire") : output_end();
}
