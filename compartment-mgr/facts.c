/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers facts. The opening of targets comes here (target_kinds.c), at each seal, start and
 * attestation that asks for facts. This file asks the domain worker, the configuration worker and
 * svdm. It writes JSON and never reads any: a stored configuration goes into it as one text.
 */
#include "compartment-mgr/facts.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/live.h"
#include "compartment-mgr/open_disks.h"
#include "compartment-mgr/peers.h"
#include "compartment-mgr/workers.h"
#include "lib/component.h"
#include "lib/io.h"
#include "lib/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *hypervisor_kind = "";

void facts_setup(const char *kind)
{
        hypervisor_kind = kind;
}

const char *facts_kind(void)
{
        return hypervisor_kind;
}

/* --- JSON into a sealed file; keys are given in their order ---------------------------------- */

static void put_text(struct json_object *to, const char *key, const char *text)
{
        json_object_object_add(to, key, json_object_new_string(text));
}

static void put_number(struct json_object *to, const char *key, uint64_t number)
{
        json_object_object_add(to, key, json_object_new_uint64(number));
}

/* Frees json. */
static enum status seal_file(struct json_object *json, int *fd_out)
{
        size_t len = 0;
        const char *text = json_object_to_json_string_length(
                json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
        int fd;
        enum status s = memory_file_new("facts", &fd);

        if (!s && !text)
                s = FAIL(ST_INTERNAL, .subject = "facts");
        if (!s && io_write(fd, text, len))
                s = FAIL(status_of_errno(errno), .subject = "facts", .found = strerror(errno));
        if (!s)
                s = memory_file_seal(fd);
        json_object_put(json);
        if (s && fd >= 0)
                close(fd);
        else if (!s)
                *fd_out = fd;
        return s;
}

/* --- vm -------------------------------------------------------------------------------------- */

/* The digest is worth something only if nobody can change the file any more. */
static enum status digest_boot(const struct open_disk *file, char hex[DIGEST_HEX],
                               uint64_t *size_out)
{
        int seals = file->boot ? fcntl(file->file, F_GET_SEALS) : -1;
        struct digest d;
        enum status s;

        if (seals < 0 || !(seals & F_SEAL_WRITE))
                return FAIL(ST_PROTOCOL, .subject = file->path, .expected = "a sealed copy",
                            .found = "a file that can be written", .remedy = "see svdm's log");
        s = digest_of_file(HASH_SHA256, file->file, &d, size_out);
        digest_hex(&d, hex);
        return s ? FAIL(s, .subject = file->path, .found = "it cannot be read") : ST_DONE;
}

static enum status put_boot(struct json_object *list, const struct facts_vm *vm, struct arena *a)
{
        for (size_t i = 0; i < vm->named->count; i++) {
                struct json_object *o = json_object_new_object();
                char hex[DIGEST_HEX];
                uint64_t size;
                enum status s = digest_boot(&vm->boot[i], hex, &size);

                json_object_array_add(list, o);
                if (s)
                        return s;
                put_text(o, "device", vm->named->items[i].name);
                put_text(o, "digest", arena_print(a, "sha256:%s", hex));
                put_number(o, "size", size);
        }
        return ST_DONE;
}

static enum status write_vm(const struct facts_vm *vm, struct arena *a, int *fd_out)
{
        struct json_object *json = json_object_new_object(), *boot = json_object_new_array();
        enum status s = put_boot(boot, vm, a);

        json_object_object_add(json, "boot", boot);
        json_object_object_add(json, "config",
                               json_object_new_string_len((const char *)vm->vm->config.data,
                                                          (int)vm->vm->config.len));
        put_text(json, "facts", "vm");
        put_text(json, "hypervisor", hypervisor_kind);
        put_number(json, "version", 1);
        if (!s)
                return seal_file(json, fd_out);
        json_object_put(json);
        return s;
}

static enum status not_this_one(const struct target *t, const struct vm_definition *vm)
{
        return FAIL(ST_DENIED, .subject = t->name, .expected = FMT("vm:%s", vm->name),
                    .found = "another VM",
                    .remedy = FMT("a seal of %s can name no other VM: change the descriptor",
                                  vm->name));
}

static bool is_named(const struct vm_definition *vm, const char *argument)
{
        char uuid[37];

        uuid_write(&vm->uuid, uuid);
        return !strcmp(vm->name, argument) || !strcmp(uuid, argument);
}

/* On a connection of its own: svdm's session holds the VM until the connection closes. */
static enum status ask_svdm(struct call call, struct arena *a)
{
        int svdm;
        enum status s = peer_connect(PEER_SVDM, PEER_PATIENCE, &svdm);

        if (s)
                return s;
        s = peer_ask(svdm, call, a, PEER_SHORT);
        close(svdm);
        return s;
}

/* As svdm opens them for a start; or, if the VM runs, for a look at its devices. */
static enum status open_files(const struct uuid *vm, const struct wanted_device_list *files,
                              struct arena *a, struct open_disk_list *open_out)
{
        struct svdm_open_req open = {.vm = *vm, .devices = {files->items, files->count}};
        struct svdm_open_rep opened = {};
        struct svdm_look_req look = {
                .vm = *vm, .devices = {files->items, files->count}, .device = ""};
        struct svdm_look_rep looked = {};
        enum status s = ask_svdm(CALL(svdm_open, &open, &opened), a);

        *open_out = opened.disks;
        if (s != ST_WRONG_STATE)
                return s;
        s = ask_svdm(CALL(svdm_look, &look, &looked), a);
        *open_out = looked.disks;
        return s;
}

/* For an attestation: opens the boot files that the VM's configuration names. */
static enum status open_boot(const struct vm_definition *d, struct arena *a,
                             struct vm_config *config_out, struct open_disk_list *open_out)
{
        struct config_parse_req parse = {.json = d->config};
        struct config_parse_rep parsed;
        struct wanted_device_list files;
        enum status s = worker_call(workers.config, CONFIG_DEADLINE,
                                    CALL(config_parse, &parse, &parsed), a);

        if (s)
                return s;
        *config_out = parsed.config;
        if (!parsed.config.boot.count)
                return ST_DONE;
        files = open_disks_boot(a, &parsed.config);
        s = open_files(&d->uuid, &files, a, open_out);
        if (!s && open_out->count != files.count)
                s = FAIL(ST_PROTOCOL, .subject = "svdm", .found = "not the files asked for");
        return s;
}

static const char *name_vm(const struct uuid *vm, struct arena *a)
{
        char component[COMPONENT_VM];

        return arena_text(a, component_vm(vm, component));
}

static enum status asked_vm(const struct target *t, struct arena *a, struct open_target *out)
{
        struct open_disk_list open = {};
        struct vm_definition d;
        struct vm_summary summary;
        struct vm_config config;
        struct facts_vm vm = {.vm = &d};
        enum status s = compartment_find(t->argument, a, &d, &summary);

        if (!s)
                s = open_boot(&d, a, &config, &open);
        if (s)
                goto out;
        vm.boot = open.items;
        vm.named = &config.boot;
        out->component = name_vm(&d.uuid, a);
        s = write_vm(&vm, a, &out->file);
out:
        open_disks_close(open.items, open.count);
        return s;
}

enum status facts_of_vm(const struct facts_scope *scope, const struct target *t, struct arena *a,
                        struct open_target *out)
{
        if (!scope->own)
                return asked_vm(t, a, out);
        if (!is_named(scope->own->vm, t->argument))
                return not_this_one(t, scope->own->vm);
        out->component = name_vm(&scope->own->vm->uuid, a);
        return write_vm(scope->own, a, &out->file);
}

/* --- hypervisor ------------------------------------------------------------------------------ */

enum status facts_hypervisor(struct arena *a, struct domain_hypervisor_rep *p)
{
        struct domain_hypervisor_req q = {};

        return worker_call(workers.domain, DOMAIN_DEADLINE, CALL(domain_hypervisor, &q, p), a);
}

static bool changes_by_itself(const char *name)
{
        return !strcmp(name, "free-memory") || !strcmp(name, "total-memory");
}

struct json_object *facts_hypervisor_json(const struct domain_hypervisor_rep *h)
{
        struct json_object *json = json_object_new_object(), *values = json_object_new_array();

        put_text(json, "facts", "hypervisor");
        put_text(json, "kind", hypervisor_kind);
        json_object_object_add(json, "values", values);
        put_number(json, "version", 1);
        for (size_t i = 0; i < h->facts.count; i++) {
                struct json_object *o;

                if (changes_by_itself(h->facts.items[i].name))
                        continue;
                o = json_object_new_object();
                put_text(o, "name", h->facts.items[i].name);
                put_text(o, "text", h->facts.items[i].text);
                json_object_array_add(values, o);
        }
        return json;
}

enum status facts_of_hypervisor(const struct facts_scope *scope, const struct target *t,
                                struct arena *a, struct open_target *out)
{
        struct domain_hypervisor_rep p;
        enum status s = facts_hypervisor(a, &p);

        (void)scope, (void)t;
        return s ? s : seal_file(facts_hypervisor_json(&p), &out->file);
}

/* --- vms ------------------------------------------------------------------------------------- */

static int by_uuid(const void *a, const void *b)
{
        const struct vm_summary *x = a, *y = b;
        int r = memcmp(&x->uuid, &y->uuid, sizeof x->uuid);

        return r ? r : x->foreign - y->foreign;
}

static void put_vm(struct json_object *list, const struct vm_summary *vm)
{
        struct json_object *o = json_object_new_object();
        char uuid[37], owner[PRINCIPAL_TEXT_SIZE];

        uuid_write(&vm->uuid, uuid);
        json_object_object_add(o, "foreign", json_object_new_boolean(vm->foreign));
        put_number(o, "generation", vm->generation);
        put_number(o, "memory", vm->memory);
        put_text(o, "name", vm->name);
        put_text(o, "owner", live_owner(vm, owner));
        put_text(o, "state", vm_state_word(vm->state));
        put_text(o, "uuid", uuid);
        json_object_array_add(list, o);
}

/* h: for all VMs only; NULL for one owner's. */
static struct json_object *make_vms(const char *argument, const struct domain_hypervisor_rep *h,
                                    struct vm_summary *vms, size_t count)
{
        struct json_object *json = json_object_new_object(), *list = json_object_new_array();

        qsort(vms, count, sizeof *vms, by_uuid);
        put_text(json, "facts", "vms");
        if (h)
                put_text(json, "free-memory", live_fact(h, "free-memory"));
        put_text(json, "kind", hypervisor_kind);
        put_text(json, "scope", argument);
        put_number(json, "version", 1);
        json_object_object_add(json, "vms", list);
        for (size_t i = 0; i < count; i++)
                put_vm(list, &vms[i]);
        return json;
}

enum status facts_all_vms_json(struct arena *a, const struct domain_hypervisor_rep *h,
                               struct json_object **json_out)
{
        struct vm_summary *vms;
        size_t count;
        enum status s = live_list(a, NULL, &vms, &count);

        if (!s)
                *json_out = make_vms("all", h, vms, count);
        return s;
}

static enum status write_all_vms(struct arena *a, int *fd_out)
{
        struct domain_hypervisor_rep h;
        struct json_object *json;
        enum status s = facts_hypervisor(a, &h);

        if (!s)
                s = facts_all_vms_json(a, &h, &json);
        return s ? s : seal_file(json, fd_out);
}

static enum status write_own_vms(struct arena *a, const struct caller *asker, int *fd_out)
{
        struct vm_summary *vms;
        size_t count;
        enum status s = live_list(a, asker, &vms, &count);

        return s ? s : seal_file(make_vms("own", NULL, vms, count), fd_out);
}

/* target_kinds.c sees to it that only admins get vms:all. */
enum status facts_of_vms(const struct facts_scope *scope, const struct target *t, struct arena *a,
                         struct open_target *out)
{
        struct caller own = {};

        if (!strcmp(t->argument, "all"))
                return write_all_vms(a, &out->file);
        if (strcmp(t->argument, "own") || !scope->asker)
                return FAIL(ST_INVALID, .subject = t->name,
                            .expected = "vms:all, or in an attestation vms:own",
                            .found = QUOTED(t->argument));
        own.principal = scope->asker->principal;
        return write_own_vms(a, &own, &out->file);
}
