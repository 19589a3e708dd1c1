/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of an xl.cfg against the table of keys. xl_config.c comes here; touches memory only. */
#include "compartment-mgr/config/xl_config_keys.h"

#include <string.h>
#include <strings.h>

const struct xl_key xl_keys[] = {
#define HONOURED(key) {#key, CONFIG_HONOURED, false, ""},
#define REFUSED(key, remedy) {#key, CONFIG_REFUSED, false, remedy},
#define HVM_ONLY(key) {#key, CONFIG_IGNORED, true, "xl reads it for hvm guests alone"},
#define IGNORED(key, why) {#key, CONFIG_IGNORED, false, why},
#include "compartment-mgr/config/xl_keys.def"
};
const size_t xl_keys_count = sizeof xl_keys / sizeof *xl_keys;

const char xl_config_use_kernel[] = XL_USE_KERNEL;

static const struct xl_key *look_up(const char *key)
{
        for (size_t i = 0; i < xl_keys_count; i++)
                if (!strcmp(xl_keys[i].key, key))
                        return &xl_keys[i];
        return NULL;
}

static const char *remedy_unknown(const char *key, char text[256])
{
        for (size_t i = 0; i < xl_keys_count; i++)
                if (!strcasecmp(xl_keys[i].key, key))
                        return status_format(text, "write it %s", xl_keys[i].key);
        return "remove it; docs/xl-cfg.md lists the keys that are read";
}

static void refuse(struct xl_scan *scan, const struct xl_setting *s, const char *found,
                   const char *remedy)
{
        FAIL(ST_UNSUPPORTED, .subject = FMT("xl.cfg: %.100s", s->key), .found = found,
             .remedy = remedy);
        xl_scan_note(scan, CONFIG_REFUSED, s->key, s->at, error_last());
        error_clear();
}

static void pass_over(struct xl_scan *scan, const struct xl_setting *s, const char *why)
{
        FAIL(ST_DONE, .subject = FMT("xl.cfg: %.100s", s->key), .found = s->value, .expected = why);
        xl_scan_note(scan, CONFIG_IGNORED, s->key, s->at, error_last());
        error_clear();
}

static void note_key(struct xl_scan *scan, const struct xl_setting *s)
{
        const struct xl_key *k = look_up(s->key);
        char text[256];

        if (!k)
                refuse(scan, s, "a key that this version does not know",
                       remedy_unknown(s->key, text));
        else if (k->outcome == CONFIG_REFUSED && s->off)
                pass_over(scan, s, "with this value it has no effect");
        else if (k->outcome == CONFIG_REFUSED)
                refuse(scan, s, s->value, k->why);
        else if (k->outcome == CONFIG_IGNORED)
                pass_over(scan, s, k->why);
}

static void note_second(struct xl_scan *scan, const struct xl_setting *first,
                        const struct xl_setting *s)
{
        FAIL(ST_INVALID, .subject = FMT("xl.cfg: %.100s", s->key),
             .found = FMT("given twice: line %u has it, too", first->at.line),
             .remedy = "give each key once");
        xl_scan_note(scan, CONFIG_WRONG, s->key, s->at, error_last());
        error_clear();
}

void xl_config_keys(struct xl_scan *scan)
{
        for (size_t i = 0; i < scan->settings_count; i++) {
                const struct xl_setting *s = &scan->settings[i];
                const struct xl_setting *first = xl_scan_find(scan, s->key);

                if (first != s)
                        note_second(scan, first, s);
                else
                        note_key(scan, s);
        }
}

static bool is_noted(const struct xl_scan *scan, const char *key)
{
        for (size_t i = 0; i < scan->items_count; i++)
                if (!strcmp(scan->items[i].key, key))
                        return true;
        return false;
}

void xl_config_keys_honoured(struct xl_scan *scan)
{
        for (size_t i = 0; i < scan->settings_count; i++) {
                const struct xl_setting *s = &scan->settings[i];

                if (is_noted(scan, s->key))
                        continue;
                FAIL(ST_DONE, .subject = FMT("xl.cfg: %.100s", s->key), .found = s->value);
                xl_scan_note(scan, CONFIG_HONOURED, s->key, s->at, error_last());
                error_clear();
        }
}
