/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for one request: a list of blocks, each at least BLOCK_SIZE. */
#include "lib/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 4000 };

struct block {
        struct block *next;
        size_t size, used;
        alignas(max_align_t) unsigned char bytes[];
};

struct arena {
        struct block *blocks;
};

static _Noreturn void out_of_memory(void)
{
        static const char text[] = "bulkhead: out of memory\n";

        fputs(text, stderr);
        _Exit(3);
}

void *memory_grow(void *p, size_t n, size_t size)
{
        p = reallocarray(p, n ? n : 1, size ? size : 1);
        if (!p)
                out_of_memory();
        return p;
}

void *memory_new(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size ? size : 1);

        if (!p)
                out_of_memory();
        return p;
}

char *memory_text(const char *text)
{
        return memcpy(memory_new(strlen(text) + 1, 1), text, strlen(text) + 1);
}

struct arena *arena_new(void)
{
        return memory_new(1, sizeof(struct arena));
}

void arena_empty(struct arena *a)
{
        for (struct block *b = a->blocks, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        a->blocks = NULL;
}

void arena_free(struct arena *a)
{
        if (!a)
                return;
        arena_empty(a);
        free(a);
}

void *arena_get(struct arena *a, size_t size)
{
        struct block *b = a->blocks;
        void *p;

        if (size > (size_t)1 << 40)
                out_of_memory();
        size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        if (!b || b->size - b->used < size) {
                size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

                b = memory_grow(NULL, 1, sizeof *b + room);
                b->next = a->blocks;
                b->size = room;
                b->used = 0;
                a->blocks = b;
        }
        p = b->bytes + b->used;
        b->used += size;
        return memset(p, 0, size);
}

void *arena_get_many(struct arena *a, size_t n, size_t size)
{
        size_t total;

        if (__builtin_mul_overflow(n, size, &total))
                out_of_memory();
        return arena_get(a, total);
}

void *arena_copy(struct arena *a, const void *bytes, size_t len)
{
        char *p = arena_get(a, len + 1);

        if (len)
                memcpy(p, bytes, len);
        return p;
}

char *arena_text(struct arena *a, const char *text)
{
        return arena_copy(a, text, strlen(text));
}

char *arena_print(struct arena *a, const char *format, ...)
{
        va_list args, again;
        char *text;
        int n;

        va_start(args, format);
        va_copy(again, args);
        n = vsnprintf(NULL, 0, format, args);
        text = arena_get(a, (size_t)n + 1);
        vsnprintf(text, (size_t)n + 1, format, again);
        va_end(again);
        va_end(args);
        return text;
}
