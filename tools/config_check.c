/* SPDX-License-Identifier: Apache-2.0 */
/* Checks xl.cfg files and prints the findings (tools/config_check.h). */
#include "tools/config_check.h"
#include "lib/config.h"
#include "lib/worker.h"
#include "tools/commands.h"
#include "tools/config_findings.h"
#include "tools/disk_check.h"
#include "tools/file.h"
#include "tools/mac_check.h"
#include "tools/name_check.h"
#include "tools/output.h"

#include <signal.h>
#include <string.h>

enum { CHECK_TIME = 20 * 1000 /* ms */ };

static enum status start(struct worker **worker_out)
{
        char path[CONFIG_PATH];

        signal(SIGPIPE, SIG_IGN);
        return worker_start(config_path(path, config.libexec, "config_worker"), NULL, NULL, NULL,
                            worker_out);
}

static enum status check(struct worker *w, const char *file, struct arena *a,
                         struct config_check_rep *p)
{
        struct config_check_req q = {};
        enum status s = file_read(file, DOCUMENT_MOST, a, &q.xl_cfg);

        if (!s)
                s = worker_call(w, CHECK_TIME, CALL(config_check, &q, p), a);
        if (!s)
                file_check(p, a);
        return s;
}

/* With the VMs that there are. */
static void compare(struct known_vms *known, const char *file, struct config_check_rep *p,
                    struct arena *a)
{
        name_check_file(known, file, p, a);
        mac_check_file(known, p, a);
        disk_check_file(known, p, a);
        if (known->unknown)
                config_findings_add(
                        p, a,
                        (struct config_finding){.outcome = CONFIG_UNSEEN,
                                                .key = "",
                                                .subject = "what other VMs have",
                                                .expected = "names, UUIDs, MAC addresses and disks",
                                                .found = known->unknown,
                                                .remedy = known->remedy});
        known_vms_add(known, file, p);
}

/* --- printing -------------------------------------------------------------------------------- */

static size_t count_bad(const struct config_check_rep *p)
{
        size_t n = 0;

        for (size_t i = 0; i < p->findings.count; i++)
                n += config_finding_is_bad(&p->findings.items[i]);
        return n;
}

static size_t count(const struct config_check_rep *p, enum config_outcome outcome)
{
        size_t n = 0;

        for (size_t i = 0; i < p->findings.count; i++)
                n += p->findings.items[i].outcome == outcome;
        return n;
}

/* What becomes of a key is told in a line. */
static bool is_of_key(const struct config_finding *f)
{
        return f->outcome == CONFIG_HONOURED || f->outcome == CONFIG_IGNORED;
}

/* What may stay as it is. */
static bool is_good(const struct config_finding *f)
{
        return is_of_key(f) || f->outcome == CONFIG_DEFINED;
}

static void print_line(const char *name, const char *text)
{
        if (*text)
                printf("    %-9s %s\n", name, output_clean(text));
}

static void print_finding(const char *file, const struct config_finding *f)
{
        const char *about = strncmp(f->subject, "xl.cfg: ", 8) ? f->subject : f->subject + 8;

        printf("%s:", output_clean(file));
        if (f->line)
                printf("%u:%u:", f->line, f->column);
        printf(" %s: %s", config_outcome_word(f->outcome), output_clean(about));
        if (is_of_key(f)) {
                printf(" %s%s%s\n", output_clean(f->found), *f->expected ? ": " : "",
                       output_clean(f->expected));
                return;
        }
        putchar('\n');
        print_line("expected", f->expected);
        print_line("found", f->found);
        print_line("remedy", f->remedy);
}

static void print_last_line(const char *file, const struct config_check_rep *p)
{
        size_t bad = count_bad(p), missing = count(p, CONFIG_MISSING);

        printf("%s: ", output_clean(file));
        if (bad)
                printf("%zu thing%s to change", bad, bad == 1 ? "" : "s");
        else if (count(p, CONFIG_DEFINED))
                printf("good: can be defined with --replace");
        else
                printf("good: can be defined");
        if (missing)
                printf("; %zu file%s to be made before vm seal", missing, missing == 1 ? "" : "s");
        puts(count(p, CONFIG_UNSEEN) ? "; not all was looked at" : "");
}

static void print_text(const char *file, const struct config_check_rep *p)
{
        for (size_t i = 0; i < p->findings.count; i++)
                if (!output_quiet() || !is_good(&p->findings.items[i]))
                        print_finding(file, &p->findings.items[i]);
        if (!p->good || !output_quiet())
                print_last_line(file, p);
}

static struct json_object *json_finding(const struct config_finding *f)
{
        struct json_object *o = json_object_new_object();

        json_object_object_add(o, "line", f->line ? json_object_new_int64(f->line) : NULL);
        json_object_object_add(o, "column", f->line ? json_object_new_int64(f->column) : NULL);
        output_json_text(o, "outcome", config_outcome_word(f->outcome));
        output_json_text(o, "key", f->key);
        output_json_text(o, "subject", f->subject);
        output_json_text(o, "expected", f->expected);
        output_json_text(o, "found", f->found);
        output_json_text(o, "remedy", f->remedy);
        return o;
}

static struct json_object *json_file(const char *file, const struct config_check_rep *p)
{
        struct json_object *o = json_object_new_object(), *all = json_object_new_array();

        for (size_t i = 0; i < p->findings.count; i++)
                json_object_array_add(all, json_finding(&p->findings.items[i]));
        output_json_text(o, "file", file);
        json_object_object_add(o, "good", json_object_new_boolean(p->good));
        json_object_object_add(o, "findings", all);
        json_object_object_add(o, "config",
                               p->json.len ? json_tokener_parse((const char *)p->json.data) : NULL);
        return o;
}

/* Text is printed at once; JSON goes to `all`, unless that is NULL. */
static int check_file(struct worker *w, struct known_vms *known, const char *file,
                      struct json_object *all)
{
        struct arena *a = arena_new();
        struct config_check_rep p = {};
        enum status s = check(w, file, a, &p);
        int result;

        if (!s)
                compare(known, file, &p, a);
        result = p.good ? EXIT_DONE : EXIT_REFUSED;
        if (s) {
                output_error(s, "vm define --check %s", output_clean(file));
                result = EXIT_UNDECIDED;
        } else if (all) {
                json_object_array_add(all, json_file(file, &p));
        } else {
                print_text(file, &p);
        }
        arena_free(a);
        return result;
}

int config_check_files(const char *const *files, size_t count, bool json)
{
        struct json_object *all = json ? json_object_new_array() : NULL;
        int result = EXIT_DONE, one;
        struct known_vms *known;
        struct worker *w;
        enum status s = start(&w);

        if (s) {
                json_object_put(all);
                return output_error(s, "vm define --check");
        }
        known = known_vms_new();
        for (size_t i = 0; i < count; i++) {
                one = check_file(w, known, files[i], all);
                result = one > result ? one : result;
        }
        known_vms_free(known);
        worker_stop(w);
        if (json)
                output_json(all);
        one = output_end();
        return one ? one : result;
}

size_t config_check_count(const char *file)
{
        struct error kept = *error_last();
        struct config_check_rep p = {};
        struct arena *a = arena_new();
        struct worker *w;
        size_t bad = 0;

        if (!start(&w)) {
                if (!check(w, file, a, &p))
                        bad = count_bad(&p);
                worker_stop(w);
        }
        arena_free(a);
        error_keep(&kept);
        return bad;
}
