/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table itself, for the files that keep what compartment.h states: compartment.c (claims, life
 * cycle), definitions.c (what is defined), definitions_read.c (the files), compartment_list.c (who
 * asks). Nobody else includes it. Unless it is said: within the lock.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_VM_TABLE_H
#define BULKHEAD_COMPARTMENT_MGR_VM_TABLE_H

#include "compartment-mgr/compartment.h"
#include "lib/config.h"

#include <pthread.h>

struct compartment {
        struct arena *arena;         /* of the definition */
        struct arena *refusal_arena; /* of definition.last_refusal, once it was set here */
        struct vm_definition definition;
        enum vm_state state;
        struct work *work;         /* the operation that is under way, or NULL */
        char *memory;              /* the path of its image, or NULL */
        struct arena *next_arena;  /* of next; NULL: none is staged */
        struct vm_definition next; /* what compartment_stage() was given */
        bool has_macs;             /* compartments_sign() has signed its files */
        bool restarted;            /* this run began by a restart */
        int64_t began;             /* when this run began, in ms */
        char overwritten[4096];    /* compartment_set_overwritten() */
        char filled[4096];         /* compartment_add_filled() */
        bool undecided;            /* compartment_set_undecided() */
};

/* A definition that cannot be read. */
struct damaged {
        struct uuid uuid;
        struct error why;
};

struct vm_table {
        pthread_mutex_t lock;
        pthread_cond_t freed; /* a claim has ended */
        struct damaged *damaged;
        size_t damaged_count;
        struct compartment **vms;
        size_t count;
        uint64_t changes;
        int dir;
        bool simulated, in_doubt; /* in_doubt: compartments_doubt() */
        struct error doubt;       /* why */
        void (*released)(void);
        void (*changed)(const struct vm_definition *, enum vm_state, const char *);
};

extern struct vm_table vm_table;

/* Copies, in the arena. */
struct vm_definition vm_table_copy(struct arena *a, const struct vm_definition *d);
struct vm_summary vm_table_summary(const struct compartment *c, struct arena *a);
/* An error in one line, in the arena. */
const char *vm_table_describe(struct arena *a, const struct error *e);

/* A compartment of its own, not in the table yet; d is copied. */
struct compartment *compartment_new(const struct vm_definition *d);
void compartment_free(struct compartment *c);
void vm_table_add(struct compartment *c);
/* By name or UUID; NULL if there is none. */
struct compartment *vm_table_find(const char *vm);
/* The VM that has, or is to have, that name. */
struct compartment *vm_table_taken_by(const char *name);
struct damaged *vm_table_find_damaged(const struct uuid *uuid);
void vm_table_forget_damaged(const struct uuid *uuid);
/* Without the lock: the error for a VM that is not in the table. */
enum status vm_table_not_found(const char *vm);
/* The error of each claim and definition while all are in doubt. */
enum status vm_table_refuse(void);

/* Writes a definition to its file. With or without the lock. */
enum status vm_table_write(const struct vm_definition *d);
/* The name of what is kept beside a definition: "memory-UUID". Returns name. */
const char *vm_table_beside(const struct compartment *c, const char *what, char name[64]);
/* What is staged, copied; NULL: nothing. */
void vm_table_keep_next(struct compartment *c, const struct vm_definition *d);

#endif
