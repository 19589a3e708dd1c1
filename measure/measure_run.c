/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host that a measurement plug-in sees: collects the plug-in's nodes and checks their form. A
 * measure worker and `bulkhead measure` come here. Reads the plug-in's file; hands the target's
 * descriptors to the plug-in without reading them.
 */
#include "measure/measure_run.h"
#include "bulkhead/measure_plugin.h"
#include "lib/document.h"
#include "lib/io.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAME_MOST = 31 };

/* --- the plug-in's file ---------------------------------------------------------------------- */

static bool name_is_good(const char *name)
{
        size_t len = strlen(name);

        return len && len <= NAME_MOST &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static enum status no_such_plugin(const char *name, const char *dir, int error)
{
        return FAIL(error == ENOENT ? ST_NOT_FOUND : ST_DENIED, .subject = FMT("plug-in %s", name),
                    .expected = FMT("%s/%s.so, no symlink", dir, name), .found = strerror(error),
                    .remedy = FMT("ls -l %s", dir));
}

static enum status check_owner(int fd, const char *name)
{
        struct stat st;

        if (fstat(fd, &st))
                return FAIL(status_of_errno(errno), .subject = FMT("plug-in %s", name),
                            .found = strerror(errno));
        if (S_ISREG(st.st_mode) && !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
            (!st.st_uid || st.st_uid == geteuid()))
                return ST_DONE;
        return FAIL(ST_DENIED, .subject = FMT("plug-in %s", name),
                    .expected = "a regular file that only its owner, root or this user, can write",
                    .found = FMT("mode %o, owner %u", st.st_mode, st.st_uid),
                    .remedy = "install it again");
}

enum status measure_open_plugin(const char *dir, const char *name, int *fd_out)
{
        struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                               .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
        int fd = -1, folder;
        char file[NAME_MOST + 4];
        enum status s;

        *fd_out = -1;
        if (!name_is_good(name))
                return FAIL(ST_INVALID, .subject = "plug-in name",
                            .expected = "1 to 31 of a-z, 0-9 and -", .found = QUOTED(name));
        snprintf(file, sizeof file, "%s.so", name);
        folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0)
                fd = (int)syscall(SYS_openat2, folder, file, &how, sizeof how);
        s = fd < 0 ? no_such_plugin(name, dir, errno) : check_owner(fd, name);
        if (folder >= 0)
                close(folder);
        if (s && fd >= 0)
                close(fd);
        if (!s)
                *fd_out = fd;
        return s;
}

enum status measure_plugin_digest(int plugin, struct digest *digest_out)
{
        enum status s = digest_of_file(HASH_SHA256, plugin, digest_out, NULL);

        return s ? FAIL(s, .subject = "plug-in file", .found = "it cannot be read") : ST_DONE;
}

static enum status check_loaded(const struct bulkhead_measure_plugin *p, const char *name)
{
        const bool named = p->name && !strcmp(p->name, name);

        if (p->abi != BULKHEAD_MEASURE_ABI || p->size < sizeof *p)
                return FAIL(ST_PLUGIN, .subject = FMT("plug-in %s", name),
                            .expected = FMT("ABI %d, size %zu", BULKHEAD_MEASURE_ABI, sizeof *p),
                            .found = FMT("ABI %u, size %u", p->abi, p->size),
                            .remedy = "install the plug-in that belongs to this version");
        if (!named || !p->measure)
                return FAIL(ST_PLUGIN, .subject = FMT("plug-in %s", name),
                            .expected = "a plug-in of that name",
                            .found = named ? "no function" : QUOTED(p->name),
                            .remedy = "install it again");
        return ST_DONE;
}

enum status measure_load(int plugin, const char *name,
                         const struct bulkhead_measure_plugin **loaded_out)
{
        static const struct bulkhead_measure_plugin *loaded;
        char path[IO_PATH];
        void *object;

        *loaded_out = NULL;
        if (!loaded) {
                object = dlopen(io_path(path, plugin), RTLD_NOW | RTLD_LOCAL);
                loaded = object ? dlsym(object, "bulkhead_measure_plugin") : NULL;
                if (!loaded)
                        return FAIL(ST_PLUGIN, .subject = FMT("plug-in %s", name),
                                    .expected = "a shared object with bulkhead_measure_plugin",
                                    .found = dlerror(), .remedy = "install it again");
                /* One heap for all threads: before glibc shrinks a second heap it reads a file
                 * of /proc, and the sandbox will not let it. */
                mallopt(M_ARENA_MAX, 1);
                /* Fetches OpenSSL's algorithms while files can still be opened. */
                digest_of(HASH_SHA256, "", 0);
                digest_of(HASH_SHA384, "", 0);
        }
        *loaded_out = loaded;
        return check_loaded(loaded, name);
}

/* --- what the plug-in says ------------------------------------------------------------------- */

/* The calls of the ABI carry no context, so a process makes one measurement at a time. */
static struct {
        struct arena *arena;
        const char *target;
        struct node *nodes;
        size_t count, nodes_room, values_room, characters;
        uint32_t open[MEASURE_DEPTH]; /* indices of open nodes; values_room is of the last */
        unsigned depth;
        const char *broken; /* the first rule that was broken, or NULL */
        bool refused;
        measure_progress progress;
} run;

static int broke(const char *rule)
{
        if (!run.broken)
                run.broken = rule;
        return -1;
}

static bool is_word(const char *text)
{
        size_t len = strnlen(text, WORD_MOST + 1);

        return len && len <= WORD_MOST &&
               strspn(text,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+-") == len;
}

/* A text that a message's TEXT and a document can both carry, without control characters, C1
 * included. */
static bool is_text(const char *text)
{
        if (strnlen(text, TEXT_MOST + 1) > TEXT_MOST)
                return false;
        for (size_t len; *text; text += len) {
                const unsigned char *p = (const unsigned char *)text;

                len = document_character(p, strnlen(text, 4));
                if (!len || *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
                        return false;
        }
        return true;
}

/* Copies the text, so that the plug-in cannot change it afterwards; NULL once the cap is hit. */
static const char *keep(const char *text)
{
        size_t len = strlen(text);

        if (len > MEASURE_CHARACTERS - run.characters)
                return NULL;
        run.characters += len;
        return arena_copy(run.arena, text, len);
}

/* Makes room for one more item. An arena cannot free the old array; doubling wastes at most as much
 * memory as is used. */
static void *grown(void *items, size_t count, size_t *room, size_t size)
{
        void *more;

        if (count < *room)
                return items;
        *room = *room ? 2 * *room : 16;
        more = arena_get_many(run.arena, *room, size);
        if (count)
                memcpy(more, items, count * size);
        return more;
}

static int node_begin(const char *id, const char *type)
{
        struct node *n;

        if (run.broken || !id || !type)
                return broke("a node needs an id and a type");
        if (run.depth == MEASURE_DEPTH || run.count == NODES_MOST)
                return broke("at most 4096 nodes, 32 deep");
        if (!*id || !is_text(id) || !is_word(type))
                return broke("an id is text without control characters, a type a word");
        run.nodes = grown(run.nodes, run.count, &run.nodes_room, sizeof *n);
        n = run.nodes + run.count;
        n->parent = run.depth ? run.open[run.depth - 1] + 1 : 0;
        n->id = keep(id);
        n->type = keep(type);
        if (!n->id || !n->type)
                return broke("at most 4 MiB of text");
        run.open[run.depth++] = (uint32_t)run.count++;
        run.values_room = 0;
        return 0;
}

static int value(const char *name, const char *text)
{
        struct node *n;
        struct value *v;

        if (run.broken || !run.depth || !name || !text)
                return broke("a value belongs to an open node");
        n = run.nodes + run.open[run.depth - 1];
        if (run.open[run.depth - 1] + 1 != run.count)
                return broke("a node's values come before the nodes in it");
        if (n->values.count == NODE_VALUES_MOST)
                return broke("at most 1024 values a node");
        if (!is_word(name) || !is_text(text))
                return broke("a name is a word, a value text without control characters");
        n->values.items = grown(n->values.items, n->values.count, &run.values_room, sizeof *v);
        v = n->values.items + n->values.count;
        v->name = keep(name);
        v->text = keep(text);
        if (!v->name || !v->text)
                return broke("at most 4 MiB of text");
        n->values.count++;
        return 0;
}

static int node_end(void)
{
        if (run.broken || !run.depth)
                return broke("a node that ends has begun");
        run.depth--;
        return 0;
}

static void progress(uint64_t done, uint64_t total)
{
        if (run.progress)
                run.progress(done, total);
}

static int refuse(const char *subject, const char *expected, const char *found, const char *remedy)
{
        if (!run.refused)
                FAIL(ST_REFUSED, .subject = subject ? subject : run.target, .expected = expected,
                     .found = found, .remedy = remedy);
        run.refused = true;
        return -1;
}

/* --- the call -------------------------------------------------------------------------------- */

static enum status judge_run(int r, const struct bulkhead_measure_plugin *loaded)
{
        const char *rule = run.broken;

        if (run.refused)
                return ST_REFUSED;
        if (!rule && r)
                rule = "it returns 0, or says why not";
        else if (!rule && run.depth)
                rule = "every node that begins ends";
        else if (!rule && !run.count)
                rule = "it finds at least one node";
        if (!rule)
                return ST_DONE;
        return FAIL(ST_PLUGIN, .subject = run.target, .expected = rule,
                    .found = FMT("plug-in %s breaks this rule", loaded->name),
                    .remedy = "report this to the plug-in's author");
}

/* A target's name stands in what its plug-in finds, and that is a document. Of paths only such can
 * be measured. */
static enum status check_name(const struct target *target)
{
        if (is_text(target->name))
                return ST_DONE;
        return FAIL(ST_INVALID, .subject = target->name,
                    .expected = "a name in UTF-8 without control characters, of at most 4095 bytes",
                    .found = "another, which evidence could not carry",
                    .remedy = "rename the file, or the folder that has such a name");
}

enum status measure_call(struct arena *a, const struct bulkhead_measure_plugin *loaded,
                         const struct target *target, int file, int header, uint32_t cores,
                         measure_progress told, struct measurement *measurement_out)
{
        static const struct bulkhead_host host = {
                sizeof host, BULKHEAD_MEASURE_ABI, node_begin, value, node_end, progress, refuse};
        const struct bulkhead_target t = {
                .size = sizeof t,
                .name = target->name,
                .argument = target->argument,
                .method = target->method,
                .hash = hash_name(target->alg ? (enum hash_alg)target->alg : HASH_SHA256),
                .salted = target->salted,
                .salt = target->salt.data,
                .salt_len = target->salt.len,
                .file = file,
                .header = header,
                .cores = cores ? cores : 1};
        enum status s;

        memset(measurement_out, 0, sizeof *measurement_out);
        s = check_loaded(loaded, target->plugin);
        if (!s)
                s = check_name(target);
        if (s)
                return s;
        memset(&run, 0, sizeof run);
        run.arena = a;
        run.target = target->name;
        run.progress = told;
        s = judge_run(loaded->measure(&t, &host), loaded);
        if (s)
                return s;
        measurement_out->target = arena_text(a, target->name);
        measurement_out->plugin = arena_text(a, target->plugin);
        measurement_out->version = loaded->version;
        measurement_out->nodes.items = run.nodes;
        measurement_out->nodes.count = run.count;
        return ST_DONE;
}

enum status measure_run(struct arena *a, int plugin, const struct target *target, int file,
                        int header, uint32_t cores, measure_progress told,
                        struct measurement *measurement_out)
{
        const struct bulkhead_measure_plugin *loaded;
        enum status s = measure_load(plugin, target->plugin, &loaded);

        memset(measurement_out, 0, sizeof *measurement_out);
        return s ? s : measure_call(a, loaded, target, file, header, cores, told, measurement_out);
}
