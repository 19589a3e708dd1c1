/* SPDX-License-Identifier: Apache-2.0 */
/* Knows which image a hibernating VM may wake from. requests.c and seal.c come here. */
#include "integrity-mgr/memory_image.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"

#include <sys/stat.h>

enum { HEADER_MOST = 64 << 20 };

static const struct digest none = {HASH_NONE, {0}};

static enum status digest_of_header(int header, struct digest *digest_out)
{
        struct stat st;

        if (fstat(header, &st) || !S_ISREG(st.st_mode) || st.st_size > HEADER_MOST)
                return FAIL(ST_INVALID, .subject = "the header of a memory image",
                            .expected = "a file of at most 64 MiB", .found = "something else");
        return digest_of_file(HASH_SHA256, header, digest_out, NULL);
}

enum status memory_image_set(const struct principal *by, const struct uuid *vm, int header)
{
        struct digest memory = none;
        bool changed = false;
        enum status s = header < 0 ? ST_DONE : digest_of_header(header, &memory);

        if (header < 0 && !host_get())
                return ST_DONE; /* before set-up no VM has a seal */
        if (!s)
                s = generations_set_memory(vm, &memory, &changed);
        if (s || changed) /* a guest that suspends itself over and over does not fill the log */
                host_log_vm_event(by, header < 0 ? "awake" : "hibernate", vm, 0, s);
        return s;
}

enum status memory_image_check(const struct uuid *vm, int header)
{
        struct seal_entry entry;
        struct digest found;
        enum status s;

        if (header < 0)
                return ST_DONE;
        s = generations_get(vm, &entry);
        if (!s)
                s = digest_of_header(header, &found);
        if (s || digest_equal(&found, &entry.memory))
                return s;
        return FAIL(ST_CHANGED, .subject = "the image of the VM's memory",
                    .expected = entry.memory.alg ? "the one that it left when it hibernated"
                                                 : "none: what it left was woken already",
                    .found = "another one",
                    .remedy =
                            FMT_LONG("put that one back; bulkhead vm destroy %s gives up for good "
                                     "what the VM had in memory, and it then starts as after a "
                                     "power cut",
                                     UUID_TEXT(vm)));
}

enum status memory_image_settle(const struct uuid *vm, int header)
{
        struct seal_entry entry;
        bool changed;
        enum status s = header < 0 ? generations_get(vm, &entry) : ST_DONE;

        if (s || header >= 0 || entry.memory.alg == HASH_NONE)
                return s;
        return generations_set_memory(vm, &none, &changed);
}
