/* SPDX-License-Identifier: Apache-2.0 */
/* Text and JSON for people and scripts, to standard output and standard error. */
#include "tools/output.h"
#include "tools/commands.h"
#include "tools/owner.h"

#include "proof/measurement.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool quiet;

void output_be_quiet(void)
{
        quiet = true;
}

bool output_quiet(void)
{
        return quiet;
}

const char *output_clean(const char *text)
{
        static char ring[4][TEXT_MOST + 1];
        static unsigned turn;
        char *to = ring[turn++ % 4];

        utf8_printable(to, sizeof ring[0], text);
        return to;
}

void output_lines(struct bytes text)
{
        char *copy = memory_new(text.len + 1, 1), *clean = memory_new(text.len + 1, 1);
        char *rest = copy, *one;

        memcpy(copy, text.data, text.len);
        while ((one = strsep(&rest, "\n"))) {
                utf8_printable(clean, text.len + 1, one);
                puts(clean);
        }
        free(clean);
        free(copy);
}

static void line(const char *label, const char *text)
{
        if (*text)
                fprintf(stderr, "  %-9s %s\n", label, text);
}

static int print_error(int class, enum status s, const char *format, va_list args)
{
        static const char *const classes[] = {"done", "refused", "usage", "undecided"};
        const struct error *e = error_last();
        const struct error none = {.status = s};

        if (e->status != s)
                e = &none;
        fputs("bulkhead: ", stderr);
        vfprintf(stderr, format, args);
        fprintf(stderr, ": %s", classes[class & 3]);
        if (*e->subject)
                fprintf(stderr, ": %s", e->subject);
        if (s != ST_REFUSED)
                fprintf(stderr, "%s%s", *e->subject && s == ST_CHANGED ? " is " : ": ",
                        status_sentence(s));
        fputc('\n', stderr);
        line("expected", e->expected);
        line("found", e->found);
        line("remedy", e->remedy);
        return class;
}

int output_error(enum status s, const char *format, ...)
{
        va_list args;
        int class;

        va_start(args, format);
        class = print_error(status_exit(s), s, format, args);
        va_end(args);
        return class;
}

int output_error_as(int exit_status, enum status s, const char *format, ...)
{
        va_list args;
        int class;

        va_start(args, format);
        class = print_error(exit_status, s, format, args);
        va_end(args);
        return class;
}

void output_json_to(FILE *out, struct json_object *value)
{
        fprintf(out, "%s\n",
                json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(value);
}

void output_json(struct json_object *value)
{
        output_json_to(stdout, value);
}

void output_json_text(struct json_object *object, const char *name, const char *text)
{
        json_object_object_add(object, name, json_object_new_string(text));
}

/* A script can compare the principal; the account's name is for people. */
static void json_owner(struct json_object *object, const struct vm_summary *vm)
{
        char text[PRINCIPAL_TEXT_SIZE];
        struct arena *a = arena_new();

        output_json_text(object, "owner",
                         vm->foreign ? "foreign" : principal_write(&vm->owner, text));
        output_json_text(object, "account", owner_account(&vm->owner, a));
        arena_free(a);
}

struct json_object *output_json_vm(const struct vm_summary *vm)
{
        struct json_object *o = json_object_new_object();
        char uuid[37];

        uuid_write(&vm->uuid, uuid);
        output_json_text(o, "name", vm->name);
        output_json_text(o, "uuid", uuid);
        json_owner(o, vm);
        output_json_text(o, "state", vm_state_word(vm->state));
        json_object_object_add(o, "generation", json_object_new_uint64(vm->generation));
        json_object_object_add(o, "simulated", json_object_new_boolean(vm->simulated));
        json_object_object_add(o, "foreign", json_object_new_boolean(vm->foreign));
        json_object_object_add(o, "autostart", json_object_new_boolean(vm->autostart));
        json_object_object_add(o, "domid", vm->domid ? json_object_new_uint64(vm->domid) : NULL);
        json_object_object_add(o, "memory", json_object_new_uint64(vm->memory));
        output_json_text(o, "last_refusal", vm->last_refusal);
        return o;
}

static struct json_object *json_node(const struct node *n)
{
        struct json_object *o = json_object_new_object(), *values = json_object_new_array();

        json_object_object_add(o, "parent", json_object_new_int64(n->parent));
        output_json_text(o, "id", n->id);
        output_json_text(o, "type", n->type);
        for (size_t i = 0; i < n->values.count; i++) {
                struct json_object *v = json_object_new_object();

                output_json_text(v, "name", n->values.items[i].name);
                output_json_text(v, "text", n->values.items[i].text);
                json_object_array_add(values, v);
        }
        json_object_object_add(o, "values", values);
        return o;
}

struct json_object *output_json_measurement(const struct measurement *m, enum hash_alg alg)
{
        struct json_object *o = json_object_new_object(), *nodes = json_object_new_array();
        char hex[DIGEST_HEX];
        struct digest digest;

        output_json_text(o, "target", m->target);
        output_json_text(o, "plugin", m->plugin);
        json_object_object_add(o, "version", json_object_new_int64(m->version));
        if (!measurement_digest(m, alg, &digest)) {
                digest_hex(&digest, hex);
                json_object_object_add(o, hash_name(alg), json_object_new_string(hex));
        }
        for (size_t i = 0; i < m->nodes.count; i++)
                json_object_array_add(nodes, json_node(&m->nodes.items[i]));
        json_object_object_add(o, "nodes", nodes);
        return o;
}

void output_vm(const struct vm_summary *vm, bool json)
{
        if (json)
                output_json(output_json_vm(vm));
        else if (!quiet)
                output_vm_text(vm);
}

void output_vm_text(const struct vm_summary *vm)
{
        char owner[OWNER_TEXT_SIZE];

        printf("%s: %s", vm->name, vm_state_word(vm->state));
        if (vm->generation)
                printf(", sealed (generation %llu)", (unsigned long long)vm->generation);
        else
                printf(", not sealed");
        printf(", owner %s%s%s\n", owner_text(vm, owner),
               vm->autostart ? ", started with the host" : "",
               vm->simulated ? ", simulated hypervisor and devices" : "");
        if (*vm->last_refusal)
                printf("  last refusal: %s\n", output_clean(vm->last_refusal));
}

int output_end(void)
{
        if (!fflush(stdout) && !ferror(stdout))
                return EXIT_DONE;
        fprintf(stderr, "bulkhead: standard output: %s\n", strerror(errno));
        return EXIT_UNDECIDED;
}
