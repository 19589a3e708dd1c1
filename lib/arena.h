/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: memory for one request, given back all at once after the reply.
 *
 * Out of memory is fatal (the process says so and exits with status 3): a request's size is
 * bounded by its message's caps, so running out means that the machine has none left.
 */
#ifndef BULKHEAD_LIB_ARENA_H
#define BULKHEAD_LIB_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);  /* NULL is fine */
void arena_empty(struct arena *a); /* frees what was given out; the arena can be used again */

void *arena_get(struct arena *a, size_t size);                /* zeroed, aligned for anything */
void *arena_get_many(struct arena *a, size_t n, size_t size); /* n * size, overflow is fatal */
char *arena_text(struct arena *a, const char *text);
void *arena_copy(struct arena *a, const void *bytes, size_t len); /* with a 0 byte after it */
char *arena_print(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what lives outside an arena: calloc(3) and reallocarray(3) that never return NULL; free(3)
 * gives it back. */
void *memory_new(size_t n, size_t size);
void *memory_grow(void *p, size_t n, size_t size);
/* A copy of the text. */
char *memory_text(const char *text);

#endif
