/* SPDX-License-Identifier: Apache-2.0 */
/* Lines about requests. Any thread comes here; it writes to the log and touches nothing else. */
#include "lib/request_log.h"
#include "lib/io.h"
#include "lib/journal.h"
#include "lib/report.h"
#include "lib/server_parts.h"

#include <stdio.h>
#include <string.h>

enum { LINES_MOST = 60, WINDOW = 60000 /* ms */, WINDOWS = 64, SUBJECT_SIZE = 64 };

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
        if (reply && begins(answered, "WORD(vm)"))
                return *(const char *const *)reply;
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

/* The last of them is shared by all that have none of their own. */
static struct window {
        char who[PRINCIPAL_TEXT_SIZE]; /* "": nobody's */
        int64_t began;
        size_t said, unsaid;
} windows[WINDOWS + 1];

/* Its own, or else one whose time is over. *before_out: what that one did not say, and to whom. */
static struct window *window_of(const char *who, int64_t now, struct window *before_out)
{
        struct window *w = windows, *over = NULL;

        for (; w < windows + WINDOWS && strcmp(w->who, who) != 0; w++)
                if (!over && (!*w->who || now - w->began > WINDOW))
                        over = w;
        if (w == windows + WINDOWS && over)
                w = over;
        if (!w->began || now - w->began > WINDOW) {
                *before_out = *w;
                *w = (struct window){.began = now};
                snprintf(w->who, sizeof w->who, "%s",
                         w == windows + WINDOWS ? "other principals" : who);
        }
        return w;
}

/* True if that principal may have one more line. A line of how many the window did not get before
 * comes first. */
static bool may_say(const struct caller *caller)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        struct window before = {0}, *w;
        char who[PRINCIPAL_TEXT_SIZE];
        bool may;

        if (server_rank_of(caller->roles) == RANK_MASTER)
                return true;
        principal_write(&caller->principal, who);
        pthread_mutex_lock(&lock);
        w = window_of(who, deadline_in(0), &before);
        may = w->said < LINES_MOST;
        ++*(may ? &w->said : &w->unsaid);
        pthread_mutex_unlock(&lock);
        if (before.unsaid)
                report_warning("%zu more requests of %s were not told one by one", before.unsaid,
                               before.who);
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

        if (caller->roles & PARENT || !is_news(info->number, s) || !may_say(caller))
                return;
        principal_write(principal_of(info, caller, request), who);
        snprintf(reason, sizeof reason, "%s: %s%s%s", status_sentence(s), told ? e->subject : "",
                 told && *e->found ? "; found " : "", told ? e->found : "");
        say(info, who, subject(info->number, request, reply, text), s ? reason : NULL);
}
