/* SPDX-License-Identifier: Apache-2.0 */
/* Lines about requests. Any thread comes here; it writes to the log and touches nothing else. */
#include "lib/request_log.h"
#include "lib/io.h"
#include "lib/journal.h"
#include "lib/report.h"
#include "lib/server_parts.h"

#include <stdio.h>
#include <string.h>

enum { LINES_MOST = 60, WINDOW = 60000 /* ms */, SUBJECT_SIZE = 64 };

/* What begins a request, as the message table writes it. */
static const struct {
        uint16_t number;
        const char *asked, *answered;
} beginnings[] = {
#define MSG(number, name, who, request, reply) {number, #request, #reply},
#include "bulkhead/messages.def"
};

/* These change nothing: their success is no news. */
static const uint16_t only_read[] = {
        MESSAGE_status,         MESSAGE_host_approval, MESSAGE_vm_list,   MESSAGE_vm_show,
        MESSAGE_trust,          MESSAGE_watch,         MESSAGE_im_status, MESSAGE_im_approval,
        MESSAGE_im_sealed,      MESSAGE_im_trust,      MESSAGE_im_device, MESSAGE_svdm_status,
        MESSAGE_host_approvals, MESSAGE_im_approvals,
};

static bool is_news(uint16_t number, enum status s)
{
        for (size_t i = 0; !s && i < sizeof only_read / sizeof *only_read; i++)
                if (only_read[i] == number)
                        return false;
        return true;
}

/* --- whose, and about what --- */

static bool begins(const char *fields, const char *with)
{
        return !strncmp(fields, with, strlen(with));
}

static const struct uuid *uuid_asked(const char *fields, const void *request)
{
        const struct {
                struct principal asker;
                struct uuid vm;
        } *asked_for = request;

        if (begins(fields, "UUID(vm)"))
                return request;
        return begins(fields, "STRUCT(principal, asker) UUID(vm)") ? &asked_for->vm : NULL;
}

static const char *subject(uint16_t number, const void *request, const void *reply,
                           char text[static SUBJECT_SIZE])
{
        const char *asked = "", *answered = "";
        const struct uuid *uuid;

        for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
                if (beginnings[i].number == number) {
                        asked = beginnings[i].asked;
                        answered = beginnings[i].answered;
                }
        if (request && begins(asked, "WORD(vm)"))
                return *(const char *const *)request;
        if (request && (uuid = uuid_asked(asked, request))) {
                uuid_write(uuid, text);
                return text;
        }
        if (reply && begins(answered, "STRUCT(vm_summary, vm)"))
                return ((const struct vm_summary *)reply)->name;
        return "-";
}

static const struct principal *principal_of(const struct message_info *info,
                                            const struct caller *caller, const void *request)
{
        for (size_t i = 0; request && i < sizeof beginnings / sizeof *beginnings; i++)
                if (beginnings[i].number == info->number &&
                    begins(beginnings[i].asked, "STRUCT(principal, asker)"))
                        return request;
        return &caller->principal;
}

/* --- how often --- */

/* True if that rank may have one more line. A line of how many it did not get comes first. */
static bool may_say(enum rank rank)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static struct {
                int64_t began;
                size_t said, unsaid;
        } windows[RANKS];
        size_t unsaid = 0;
        bool may;

        if (rank == RANK_MASTER)
                return true;
        pthread_mutex_lock(&lock);
        if (deadline_in(0) - windows[rank].began > WINDOW) {
                unsaid = windows[rank].unsaid;
                windows[rank].began = deadline_in(0);
                windows[rank].said = windows[rank].unsaid = 0;
        }
        may = windows[rank].said < LINES_MOST;
        ++*(may ? &windows[rank].said : &windows[rank].unsaid);
        pthread_mutex_unlock(&lock);
        if (unsaid)
                report_warning("%zu more requests of %s were not told one by one", unsaid,
                               rank == RANK_VERIFIER ? "verifiers" : "peers without a role");
        return may;
}

/* To the journal with a field for each part, or as one line of text. */
static void say(const struct message_info *info, const char *who, const char *vm,
                const char *reason)
{
        const char *verdict = reason ? "refused" : "done";
        char message[1600];
        const struct journal_field fields[] = {
                {"MESSAGE", message},
                {"PRIORITY", reason ? "4" : "6"},
                {"SYSLOG_IDENTIFIER", report_program()},
                {"REQUEST", info->name},
                {"PRINCIPAL", who},
                {"VM", vm},
                {"VERDICT", verdict},
                {"REASON", reason},
        };
        size_t count = sizeof fields / sizeof *fields;

        snprintf(message, sizeof message, "request %s: PRINCIPAL=%s VM=%s VERDICT=%s%s%s",
                 info->name, who, vm, verdict, reason ? " REASON=" : "", reason ? reason : "");
        if (journal_send(fields, reason ? count : count - 1))
                return;
        if (reason)
                report_warning("%s", message);
        else
                report_info("%s", message);
}

void request_log(const struct message_info *info, const struct caller *caller, const void *request,
                 const void *reply, enum status s)
{
        char who[PRINCIPAL_TEXT_SIZE], text[SUBJECT_SIZE], reason[1024];
        const struct error *e = error_last();
        bool told = e->status == s;

        if (caller->roles & PARENT || !is_news(info->number, s) ||
            !may_say(server_rank_of(caller->roles)))
                return;
        principal_write(principal_of(info, caller, request), who);
        snprintf(reason, sizeof reason, "%s: %s%s%s", status_sentence(s), told ? e->subject : "",
                 told && *e->found ? "; found " : "", told ? e->found : "");
        say(info, who, subject(info->number, request, reply, text), s ? reason : NULL);
}
