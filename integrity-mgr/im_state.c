/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the state folder for all that keep something in it. main.c and the requests come here. */
#include "integrity-mgr/im_state.h"
#include "integrity-mgr/generations.h"
#include "integrity-mgr/host.h"
#include "integrity-mgr/host_log.h"
#include "integrity-mgr/seal.h"
#include "lib/report.h"
#include "lib/state_file.h"

static int folder = -1;
static bool own_user;

enum status im_state_open(int opened, bool is_own_user)
{
        struct arena *a = arena_new();
        const char **names;
        size_t count;
        enum status s;

        folder = opened;
        own_user = is_own_user;
        generations_open(folder);
        seal_open(folder);
        s = state_list(folder, a, &names, &count); /* what a power cut left half-written goes */
        arena_free(a);
        if (!s)
                s = host_open(folder);
        if (!s && host_get() && host_log_open(folder, host_get()->keys.alg))
                report_error("opening the log"); /* each request that needs it will say so */
        return s;
}

int im_state_folder(void)
{
        return folder;
}

bool im_state_own_user(void)
{
        return own_user;
}

enum status im_state_asked_by(const struct principal *asker)
{
        enum status s = generations_need_host();

        return s ? s : principal_needed(asker, "the principal for whom is asked");
}
