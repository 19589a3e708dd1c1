/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of state file, written once: KIND(identifier, name in the file's head, version,
 * shape). Its owner reads and writes it by &state_kind_IDENTIFIER; older versions stand in
 * state_kinds.c, and for each version of each kind there is a file in tests/data/state. What to do
 * when a record changes stands in CONTRIBUTING.md.
 *
 * The log and the trust record have formats and versions of their own.
 */
#ifndef BULKHEAD_LIB_STATE_KINDS_H
#define BULKHEAD_LIB_STATE_KINDS_H

#include "lib/state_file.h"

#define STATE_KINDS(KIND)                                                                          \
        /* compartment-mgr: a VM; the definition that it is to have with its next seal; the domain \
         * and boot in which it runs; where its memory image is; the boot for which autostart was  \
         * done; the simulated hypervisor's domains */                                             \
        KIND(vm, "vm", 3, &shape_vm_definition)                                                    \
        KIND(vm_next, "vm-next", 1, &shape_vm_definition)                                          \
        KIND(vm_domain, "vm-domain", 1, NULL)                                                      \
        KIND(vm_memory, "vm-memory", 1, &shape_memory_image)                                       \
        KIND(autostart, "autostart", 1, NULL)                                                      \
        KIND(sim_domain, "sim-domain", 3, &shape_sim_domain)                                       \
        KIND(sim_counter, "sim-domain", 3, &shape_sim_counter)                                     \
        /* integrity-mgr: keys and approvals; the table of seals; a seal */                        \
        KIND(host, "host", 2, &shape_host_state)                                                   \
        KIND(generations, "generations", 3, &shape_seal_table_file)                                \
        KIND(seal, "seal", 3, &shape_seal_record)                                                  \
        /* svdm: the redo journal, and one header in it; what a VM holds; the key that proves key  \
         * slots; and, of device_worker, the file that a hash tree was made of */                  \
        KIND(journal, "svdm-journal", 2, &shape_journal)                                           \
        KIND(header, "svdm-header", 1, NULL)                                                       \
        KIND(held, "svdm-held", 4, &shape_attachment)                                              \
        KIND(slot_key, "svdm-slot-key", 1, NULL)                                                   \
        KIND(tree, "svdm-tree", 1, &shape_hash_tree)

extern const struct state_kind
#define KIND(id, name, version, shape) state_kind_##id,
        STATE_KINDS(KIND)
#undef KIND
        /* What the MAC in a file of kind generations is over; its version is that file's. */
        state_kind_seal_table;

extern const struct state_kind *const state_kinds[];
extern const size_t state_kinds_count;

/* Looks through a state folder, before the daemon uses any of it: ST_UNSUPPORTED if a newer
 * Bulkhead wrote a file of any of these kinds. So nothing is taken for missing, or overwritten,
 * only because this version cannot read it. */
enum status state_kinds_check(int dir);

#endif
