/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds what a LUKS2 header asks for. cryptsetup.c comes here in a device worker. */
#include "svdm/device/luks_cost.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* What has been asked for so far. */
struct cost {
        const char *path;
        double passes, iterations;
};

static int64_t number(struct json_object *o, const char *name)
{
        struct json_object *value = NULL;

        return json_object_object_get_ex(o, name, &value) ? json_object_get_int64(value) : 0;
}

static enum status too_dear(const struct cost *c, const char *slot, const char *expected,
                            const char *found, const char *cheaper)
{
        return FAIL(ST_TOO_LARGE, .subject = FMT("%s, key slot %s", c->path, slot),
                    .expected = expected, .found = found,
                    .remedy = FMT("cryptsetup luksConvertKey --key-slot %s %s %s", slot, cheaper,
                                  c->path));
}

static enum status check_argon2(struct cost *c, const char *slot, struct json_object *kdf)
{
        int64_t memory = number(kdf, "memory"), threads = number(kdf, "cpus");
        double passes = (double)number(kdf, "time") * (double)memory / (1 << 20);

        c->passes += passes;
        if (memory < 0 || memory > LUKS_COST_MEMORY)
                return too_dear(c, slot, FMT("Argon2 with at most %d MiB", LUKS_COST_MEMORY / 1024),
                                FMT("%lld MiB", (long long)memory / 1024),
                                "--pbkdf-memory 1048576");
        if (threads < 0 || threads > LUKS_COST_THREADS)
                return too_dear(c, slot, FMT("Argon2 with at most %d threads", LUKS_COST_THREADS),
                                FMT("%lld", (long long)threads), "--pbkdf-parallel 4");
        if (passes < 0 || passes > LUKS_COST_PASSES)
                return too_dear(c, slot,
                                FMT("Argon2 over at most %d GiB (iterations times memory)",
                                    LUKS_COST_PASSES),
                                FMT("%.0f GiB", passes), "--iter-time 2000");
        return ST_DONE;
}

static bool is_argon2(const char *type)
{
        return !strcmp(type, "argon2i") || !strcmp(type, "argon2id");
}

static enum status check_slot(struct cost *c, const char *slot, struct json_object *keyslot)
{
        struct json_object *kdf = NULL, *o = NULL;
        const char *type;
        int64_t iterations;

        if (!json_object_object_get_ex(keyslot, "kdf", &kdf))
                return ST_DONE;
        json_object_object_get_ex(kdf, "type", &o);
        type = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "none";
        if (is_argon2(type))
                return check_argon2(c, slot, kdf);
        if (strcmp(type, "pbkdf2"))
                return FAIL(ST_UNSUPPORTED, .subject = FMT("%s, key slot %s", c->path, slot),
                            .expected = "argon2id, argon2i or pbkdf2",
                            .found = FMT("unknown: key derivation '%.100s'", type),
                            .remedy = FMT("cryptsetup luksDump %s shows the slots", c->path));
        iterations = number(kdf, "iterations");
        c->iterations += (double)iterations;
        if (iterations >= 0 && iterations <= LUKS_COST_ITERATIONS)
                return ST_DONE;
        return too_dear(c, slot, FMT("PBKDF2 with at most %d iterations", LUKS_COST_ITERATIONS),
                        FMT("%lld", (long long)iterations), "--iter-time 2000");
}

static enum status check_digest(struct cost *c, const char *name, struct json_object *digest)
{
        int64_t iterations = number(digest, "iterations");

        c->iterations += (double)iterations;
        if (iterations >= 0 && iterations <= LUKS_COST_ITERATIONS)
                return ST_DONE;
        return FAIL(ST_TOO_LARGE, .subject = FMT("%s, digest %s of the volume key", c->path, name),
                    .expected = FMT("PBKDF2 with at most %d iterations", LUKS_COST_ITERATIONS),
                    .found = FMT("%lld", (long long)iterations),
                    .remedy = "restore the header from its backup: cryptsetup luksHeaderRestore");
}

static enum status check_all(const struct cost *c)
{
        if (c->passes > LUKS_COST_ALL_PASSES)
                return FAIL(ST_TOO_LARGE, .subject = FMT("%s, all key slots together", c->path),
                            .expected = FMT("Argon2 over at most %d GiB", LUKS_COST_ALL_PASSES),
                            .found = FMT("%.0f GiB", c->passes),
                            .remedy = FMT("cryptsetup luksDump %s shows the slots; remove some, or "
                                          "make them cheaper: cryptsetup luksConvertKey",
                                          c->path));
        if (c->iterations > LUKS_COST_ALL_ITERATIONS)
                return FAIL(ST_TOO_LARGE, .subject = FMT("%s, all key slots together", c->path),
                            .expected = FMT("PBKDF2 with at most %d iterations",
                                            LUKS_COST_ALL_ITERATIONS),
                            .found = FMT("%.0f", c->iterations),
                            .remedy = FMT("cryptsetup luksDump %s shows the slots; remove some, or "
                                          "make them cheaper: cryptsetup luksConvertKey",
                                          c->path));
        return ST_DONE;
}

typedef enum status (*check_part)(struct cost *c, const char *name, struct json_object *part);

static enum status check_each(struct cost *c, struct json_object *root, const char *which,
                              check_part check)
{
        struct json_object *parts = NULL;
        struct json_object_iterator at, end;
        enum status s = ST_DONE;

        if (!json_object_object_get_ex(root, which, &parts) ||
            !json_object_is_type(parts, json_type_object))
                return FAIL(ST_INVALID, .subject = c->path, .expected = "a LUKS2 header",
                            .found = FMT("no %s", which));
        at = json_object_iter_begin(parts);
        end = json_object_iter_end(parts);
        for (; !s && !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
                s = check(c, json_object_iter_peek_name(&at), json_object_iter_peek_value(&at));
        return s;
}

enum status luks_cost_check(const char *path, const char *json)
{
        struct json_object *root = json_tokener_parse(json);
        struct cost cost = {.path = path};
        enum status s = check_each(&cost, root, "keyslots", check_slot);

        if (!s)
                s = check_each(&cost, root, "digests", check_digest);
        json_object_put(root);
        return s ? s : check_all(&cost);
}
