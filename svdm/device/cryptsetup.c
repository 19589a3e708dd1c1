/* SPDX-License-Identifier: Apache-2.0 */
/* How libcryptsetup is begun, and what its errors become. The device worker alone comes here. */
#include "svdm/device/cryptsetup.h"
#include "lib/io.h"
#include "svdm/device/luks_cost.h"

#include <stdio.h>
#include <string.h>

static char last_said[200]; /* libcryptsetup's last error; a worker has one thread */

static void hear(int level, const char *text, void *nothing)
{
        (void)nothing;
        if (level == CRYPT_LOG_ERROR)
                snprintf(last_said, sizeof last_said, "%.*s", (int)strcspn(text, "\n"), text);
}

void cryptsetup_init(void)
{
        crypt_set_log_callback(NULL, hear, NULL);
        crypt_metadata_locking(NULL, 0);
        crypt_token_external_disable();
}

const char *cryptsetup_said(int r)
{
        return *last_said ? last_said : strerror(-r);
}

enum status cryptsetup_failed(const char *path, int r, const char *remedy)
{
        return FAIL(status_of_errno(-r), .subject = path, .found = cryptsetup_said(r),
                    .remedy = remedy);
}

enum status cryptsetup_begin(const char *path, int metadata, int data, struct crypt_device **cd_out)
{
        char file[IO_PATH], device[IO_PATH];
        int r;

        *last_said = 0;
        io_path(file, metadata);
        r = crypt_init_data_device(cd_out, file, data < 0 ? NULL : io_path(device, data));
        return r ? cryptsetup_failed(path, r, NULL) : ST_DONE;
}

enum status cryptsetup_read(const char *path, int header, int data, struct crypt_device **cd_out)
{
        enum status s = cryptsetup_begin(path, header, data, cd_out);
        int r = s ? 0 : crypt_load(*cd_out, CRYPT_LUKS2, NULL);

        if (s || !r)
                return s;
        return FAIL(ST_INVALID, .subject = path, .expected = "a whole LUKS2 header",
                    .found = cryptsetup_said(r),
                    .remedy = FMT_LONG("keep a copy first: dd if=%s of=header.copy bs=1M count=16; "
                                       "then cryptsetup repair --type luks2 %s",
                                       path, path));
}

/* Whatever is tried on this header later costs no more than is allowed. */
static enum status check_cost(const char *path, struct crypt_device *cd)
{
        const char *json = NULL;
        int r = crypt_dump_json(cd, &json, 0);

        return r ? cryptsetup_failed(path, r, NULL) : luks_cost_check(path, json);
}

enum status cryptsetup_load(const char *path, int header, int data, struct crypt_device **cd_out)
{
        enum status s = cryptsetup_read(path, header, data, cd_out);

        return s ? s : check_cost(path, *cd_out);
}
