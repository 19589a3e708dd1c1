/* SPDX-License-Identifier: Apache-2.0 */
/* The slot key in svdm's state folder. svdm comes here once, when it starts. */
#include "svdm/slot_key.h"
#include "lib/report.h"
#include "lib/state_kinds.h"

#include <string.h>
#include <sys/random.h>

enum { KEY_LEN = 32 };
#define NAME "slot-key"

static uint8_t key[KEY_LEN];

static enum status make(int dir)
{
        if (getrandom(key, KEY_LEN, 0) != KEY_LEN)
                fatal("the kernel gives no random bytes");
        return state_write(dir, NAME, &state_kind_slot_key, (struct bytes){key, KEY_LEN});
}

enum status slot_key_load(int dir, struct bytes *key_out)
{
        struct arena *a = arena_new();
        struct state_content content;
        enum status s = state_load(dir, NAME, &state_kind_slot_key, a, &content);

        if (!s && content.bytes.len == KEY_LEN)
                memcpy(key, content.bytes.data, KEY_LEN);
        else if (!s)
                s = state_damaged(NAME, "a key of 32 bytes", "another length");
        else if (s == ST_NOT_FOUND)
                s = make(dir);
        arena_free(a);
        *key_out = (struct bytes){key, KEY_LEN};
        return s;
}
