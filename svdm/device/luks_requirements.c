/* SPDX-License-Identifier: Apache-2.0 */
/* Reads "requirements" of LUKS2 metadata. The device worker comes here. */
#include "svdm/device/luks_requirements.h"

#include <json-c/json.h>
#include <string.h>

enum status luks_requirements_reencrypts(const char *path)
{
        return FAIL(ST_REFUSED, .subject = path, .expected = "a disk that is encrypted throughout",
                    .found = "a re-encryption under way",
                    .remedy = FMT("cryptsetup reencrypt --resume-only %s", path));
}

static enum status refuse(const char *path, const char *requirement)
{
        if (!strncmp(requirement, "online-reencrypt", 16))
                return luks_requirements_reencrypts(path);
        if (!strncmp(requirement, "offline-reencrypt", 17))
                return FAIL(ST_REFUSED, .subject = path,
                            .expected = "a disk that is encrypted throughout",
                            .found = "a re-encryption by the old tool, cryptsetup-reencrypt, under "
                                     "way",
                            .remedy = "finish it with that tool");
        return FAIL(ST_UNSUPPORTED, .subject = path,
                    .expected = "a LUKS2 header without requirements",
                    .found = FMT("unknown: requirement '%.150s'", requirement),
                    .remedy = FMT("cryptsetup luksDump %s shows it; whoever made the disk knows "
                                  "what it is for",
                                  path));
}

/* What cannot be read may require anything. */
static enum status not_readable(const char *path, const char *found)
{
        return FAIL(ST_INVALID, .subject = path, .expected = "the metadata of a LUKS2 header",
                    .found = found);
}

enum status luks_requirements_check(const char *path, const char *json)
{
        struct json_object *root = json_tokener_parse(json), *o = NULL;
        enum status s = ST_DONE;

        if (!json_object_is_type(root, json_type_object))
                s = not_readable(path, "metadata that is no object of JSON");
        else if (json_object_object_get_ex(root, "config", &o) &&
                 json_object_object_get_ex(o, "requirements", &o) &&
                 json_object_object_get_ex(o, "mandatory", &o)) {
                if (!json_object_is_type(o, json_type_array))
                        s = not_readable(path, "requirements that are no list");
                for (size_t i = 0; !s && i < json_object_array_length(o); i++) {
                        const char *name = json_object_get_string(json_object_array_get_idx(o, i));

                        s = refuse(path, name ? name : "null");
                }
        }
        json_object_put(root);
        return s;
}
