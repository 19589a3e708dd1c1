/* SPDX-License-Identifier: Apache-2.0 */
/* Prints key slots. */
#include "tools/slots.h"
#include "tools/output.h"

#include <stdio.h>
#include <string.h>

static bool has(const struct disk_slots *d, enum key_slot_kind kind)
{
        for (size_t i = 0; i < d->slots.count; i++)
                if (d->slots.items[i].kind == kind)
                        return true;
        return false;
}

/* After the seal. A recovery key is told apart: somebody must have written it down. */
static const char *opened_by(const struct disk_slots *d)
{
        bool recovery = false;

        for (size_t i = 0; i < d->slots.count; i++) {
                if (d->slots.items[i].kind != KEY_SLOT_PASSPHRASE)
                        continue;
                if (!d->slots.items[i].recovery)
                        return "a passphrase opens it";
                recovery = true;
        }
        return recovery     ? "a recovery key opens it, and no passphrase"
               : d->foreign ? "not the disk that was sealed; what opens it is not known"
                            : "nothing opens it any more";
}

static const char *meaning(const struct key_slot *slot)
{
        switch (slot->kind) {
        case KEY_SLOT_SEAL:
                return "seal";
        case KEY_SLOT_CLAIMED:
                return "seal, as a token says; not proved";
        case KEY_SLOT_PASSPHRASE:
                return slot->recovery ? "recovery key, as a token says" : "passphrase";
        default:
                return "no passphrase";
        }
}

void slots_print(const struct disk_slots_list *disks)
{
        for (size_t i = 0; i < disks->count; i++) {
                const struct disk_slots *d = &disks->items[i];

                printf("  %s %s%s\n", d->device, output_clean(d->path),
                       d->foreign ? ": not the disk that was sealed; the VM's seal has no key of it"
                                  : "");
                for (size_t j = 0; j < d->slots.count; j++)
                        printf("    slot %-3u %-8s %s\n", d->slots.items[j].slot,
                               d->slots.items[j].kdf, meaning(&d->slots.items[j]));
        }
}

struct json_object *slots_json(const struct disk_slots_list *disks)
{
        struct json_object *all = json_object_new_array();

        for (size_t i = 0; i < disks->count; i++) {
                const struct disk_slots *d = &disks->items[i];
                struct json_object *o = json_object_new_object(), *slots = json_object_new_array();

                output_json_text(o, "device", d->device);
                output_json_text(o, "path", d->path);
                for (size_t j = 0; j < d->slots.count; j++) {
                        struct json_object *slot = json_object_new_object();

                        json_object_object_add(slot, "slot",
                                               json_object_new_int((int)d->slots.items[j].slot));
                        output_json_text(slot, "kind", key_slot_kind_word(d->slots.items[j].kind));
                        json_object_object_add(slot, "recovery",
                                               json_object_new_boolean(d->slots.items[j].recovery));
                        output_json_text(slot, "kdf", d->slots.items[j].kdf);
                        if (d->slots.items[j].still)
                                json_object_object_add(slot, "still_opens",
                                                       json_object_new_boolean(true));
                        json_object_array_add(slots, slot);
                }
                json_object_object_add(o, "foreign", json_object_new_boolean(d->foreign));
                json_object_object_add(o, "slots", slots);
                json_object_array_add(all, o);
        }
        return all;
}

/* By its number a slot is removed from all disks: of another disk it may be somebody else's. */
static bool is_only_there(const struct disk_slots_list *disks, size_t disk, uint32_t slot)
{
        for (size_t i = 0; i < disks->count; i++)
                for (size_t j = 0; i != disk && j < disks->items[i].slots.count; j++)
                        if (disks->items[i].slots.items[j].slot == slot)
                                return false;
        return true;
}

static void print_still(const struct disk_slots_list *disks, size_t disk, uint32_t slot,
                        const char *vm)
{
        const char *path = output_clean(disks->items[disk].path);

        if (is_only_there(disks, disk, slot))
                printf("  %s: the old passphrase still opens key slot %u; to remove that, too:\n"
                       "    bulkhead vm passphrase remove %s --slot %u\n",
                       path, slot, vm, slot);
        else
                printf("  %s: the old passphrase still opens key slot %u; other disks have a slot "
                       "of that number, too: bulkhead vm passphrase list %s\n",
                       path, slot, vm);
}

void slots_print_still(const struct disk_slots_list *disks, const char *vm)
{
        for (size_t i = 0; i < disks->count; i++) {
                const struct disk_slots *d = &disks->items[i];

                for (size_t j = 0; j < d->slots.count; j++)
                        if (d->slots.items[j].still)
                                print_still(disks, i, d->slots.items[j].slot, vm);
        }
}

const char *slots_sealed_alone(const struct disk_slots_list *disks)
{
        for (size_t i = 0; i < disks->count; i++)
                if (disks->items[i].foreign)
                        return NULL;
        for (size_t i = 0; i < disks->count; i++)
                if (!has(&disks->items[i], KEY_SLOT_PASSPHRASE))
                        return disks->items[i].path;
        return NULL;
}

static void print_tokens(const struct disk_slots *d)
{
        for (const char *t = d->tokens; *t;) {
                const size_t len = strcspn(t, ",");

                printf("    cryptsetup token remove --token-id %.*s %s\n", (int)len, t,
                       output_clean(d->path));
                t += len + (t[len] == ',');
        }
}

void slots_print_left(const struct disk_slots_list *disks, const char *kept)
{
        for (size_t i = 0; i < disks->count; i++) {
                const struct disk_slots *d = &disks->items[i];

                if (*d->unread) {
                        printf("  %s: not opened (%s): what the seal made of its header is still "
                               "there; cryptsetup luksDump shows its token and slot\n",
                               output_clean(d->path), output_clean(d->unread));
                        continue;
                }
                printf("  %s: %s\n", output_clean(d->path), opened_by(d));
                if (!has(d, KEY_SLOT_CLAIMED) && !has(d, KEY_SLOT_SEAL))
                        continue;
                printf("    what may be the seal's is still there%s%s; to remove it:\n",
                       *kept ? ": " : "", output_clean(kept));
                for (size_t j = 0; j < d->slots.count; j++)
                        if (d->slots.items[j].kind <= KEY_SLOT_CLAIMED)
                                printf("    cryptsetup luksKillSlot %s %u\n", output_clean(d->path),
                                       d->slots.items[j].slot);
                print_tokens(d);
        }
}

void slots_print_recovery(const struct recovery *r)
{
        if (r->wrapped.len)
                printf("%.*s", (int)r->wrapped.len, (const char *)r->wrapped.data);
        else if (*r->key)
                printf("  recovery    %s\n"
                       "              opens the disks without this TPM; it is shown this once: "
                       "keep it\n",
                       r->key);
}

void slots_json_recovery(struct json_object *o, const struct recovery *r)
{
        if (r->wrapped.len)
                output_json_text(o, "recovery_cms", (const char *)r->wrapped.data);
        else if (*r->key)
                output_json_text(o, "recovery_key", r->key);
}
