/* SPDX-License-Identifier: Apache-2.0 */
/* The options that several commands share. One parser reads all of them, so that what excludes each
 * other is said in one place, whatever groups a command takes. */
#include "tools/options.h"
#include "tools/output.h"

#include <stdlib.h>
#include <string.h>

enum {
        OPTION_JSON = 'j',
        OPTION_QUIET = 'q',
        OPTION_PASSPHRASE_FILE = 0x200,
        OPTION_KEY_FILE,
        OPTION_OFFSET,
        OPTION_SIZE,
        OPTION_NEW_PASSPHRASE_FILE,
        OPTION_NEW_KEY_FILE,
        OPTION_NEW_OFFSET,
        OPTION_NEW_SIZE,
        OPTION_SLOT,
        OPTION_RECOVERY,
        OPTION_RECOVERY_TO,
        OPTION_SITE_PASSPHRASE_FILE,
        OPTION_SITE_KEY,
        OPTION_PRINT,
        OPTION_SIGNATURE,
        OPTION_KEYS
};

static struct options *given; /* of the one command that runs */

/* --- each once ----------------------------------------------------------------------------- */

static bool seen[OPTION_KEYS]; /* by the one command that runs */

/* The option of that key, of a command's table or of its children's. */
static const struct argp_option *find(const struct argp *argp, int key)
{
        const struct argp_option *found = NULL;

        for (const struct argp_option *o = argp->options; o && (o->name || o->key); o++)
                if (o->key == key)
                        return o;
        for (const struct argp_child *c = argp->children; c && c->argp && !found; c++)
                found = find(c->argp, key);
        return found;
}

/* Of two values, one would have no effect. A switch that is given twice says the same. */
static void must_be_once(int key, struct argp_state *state)
{
        const struct argp_option *option =
                key > 0 && key < OPTION_KEYS ? find(state->root_argp, key) : NULL;

        if (!option || !option->arg || option->flags & OPTION_REPEATS)
                return;
        if (seen[key])
                argp_error(state, "an option is given twice: --%s", option->name);
        seen[key] = true;
}

/* --- reading ------------------------------------------------------------------------------- */

static uint64_t number(const char *text, struct argp_state *state)
{
        char *end;
        unsigned long long n = strtoull(text, &end, 10);

        if (*end || *text < '0' || *text > '9')
                argp_error(state, "'%s' is not a number of bytes", text);
        return n;
}

static uint32_t slot(const char *text, struct argp_state *state)
{
        char *end;
        unsigned long n = strtoul(text, &end, 10);

        if (*end || *text < '0' || *text > '9' || n >= KEY_SLOTS_MOST)
                argp_error(state, "'%s' is not the number of a key slot", text);
        return (uint32_t)n;
}

static void check_source(const struct passphrase_source *from, struct argp_state *state)
{
        if (from->file && from->key_file)
                argp_error(state, "a passphrase comes from one file");
        if (from->part && !from->key_file)
                argp_error(state, "an offset or size needs a key file");
}

bool options_site_given(const struct options *options)
{
        return options->by.passphrase_file || options->by.site_key || options->by.signature ||
               options->print;
}

static void check(const struct options *o, struct argp_state *state)
{
        check_source(&o->present, state);
        check_source(&o->fresh, state);
        if (o->recovery && passphrase_is_given(&o->fresh))
                argp_error(state, "a recovery key is made, not given");
        if (!!o->by.site_key + !!o->by.passphrase_file + !!o->print + !!o->by.signature > 1)
                argp_error(state, "--passphrase-file, --site-key, --print and --signature exclude "
                                  "each other");
}

/* The options of one passphrase; the two have the same, at different keys. */
static bool parse_source(struct passphrase_source *from, int key, const char *value,
                         struct argp_state *state)
{
        switch (key) {
        case OPTION_PASSPHRASE_FILE:
        case OPTION_NEW_PASSPHRASE_FILE:
                from->file = value;
                return true;
        case OPTION_KEY_FILE:
        case OPTION_NEW_KEY_FILE:
                from->key_file = value;
                return true;
        case OPTION_OFFSET:
        case OPTION_NEW_OFFSET:
                from->part = true;
                from->offset = number(value, state);
                return true;
        case OPTION_SIZE:
        case OPTION_NEW_SIZE:
                from->part = true;
                from->size = number(value, state);
                return true;
        default:
                return false;
        }
}

static bool parse_site(struct options *o, int key, const char *value)
{
        const char **const to = key == OPTION_SITE_PASSPHRASE_FILE ? &o->by.passphrase_file
                                : key == OPTION_SITE_KEY           ? &o->by.site_key
                                : key == OPTION_PRINT              ? &o->print
                                : key == OPTION_SIGNATURE          ? &o->by.signature
                                                                   : NULL;

        if (to)
                *to = value;
        return to;
}

static error_t parse_one(struct options *o, int key, const char *value, struct argp_state *state)
{
        switch (key) {
        case OPTION_JSON:
                o->json = true;
                return 0;
        case OPTION_QUIET:
                output_be_quiet();
                return 0;
        case OPTION_SLOT:
                o->slot = slot(value, state);
                return 0;
        case OPTION_RECOVERY_TO:
                o->recovery_to = value;
                /* fall through */
        case OPTION_RECOVERY:
                o->recovery = true;
                return 0;
        case ARGP_KEY_END:
                check(o, state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct passphrase_source *of = key >= OPTION_NEW_PASSPHRASE_FILE && key <= OPTION_NEW_SIZE
                                               ? &given->fresh
                                               : &given->present;

        must_be_once(key, state);
        if (parse_source(of, key, value, state) || parse_site(given, key, value))
                return 0;
        return parse_one(given, key, value, state);
}

/* The command's own parser, which does not see an option twice. */
static const struct argp *own;

static error_t parse_own(int key, char *value, struct argp_state *state)
{
        must_be_once(key, state);
        return own->parser ? own->parser(key, value, state) : ARGP_ERR_UNKNOWN;
}

bool options_parse(const struct argp *argp, int argc, char **argv, void *input,
                   struct options *options)
{
        struct argp each_once = *argp;

        memset(seen, 0, sizeof seen);
        own = argp;
        each_once.parser = parse_own;
        options->slot = KEY_SLOTS_MOST;
        given = options;
        return !argp_parse(&each_once, argc, argv, 0, NULL, input);
}

/* --- the table ----------------------------------------------------------------------------- */

#define QUIET                                                                                      \
        {                                                                                          \
                "quiet", OPTION_QUIET, NULL, 0,                                                    \
                        "Print errors, and what was asked for, but no more", 9                     \
        }
#define KEY_FILE_TEXT " passphrase is all bytes of the file, as of key files of cryptsetup(8)"
#define OFFSET_TEXT "What comes before in the key file is skipped"
#define SIZE_TEXT "So many bytes of the key file count"

static const struct argp_option output[] = {
        {"json", OPTION_JSON, NULL, 0, "Print JSON", 9}, QUIET, {0}};
static const struct argp_option quiet[] = {QUIET, {0}};
static const struct argp_option present[] = {
        {"passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0,
         "The present passphrase is the first line of the file", 5},
        {"key-file", OPTION_KEY_FILE, "FILE", 0, "The present" KEY_FILE_TEXT, 5},
        {"keyfile-offset", OPTION_OFFSET, "BYTES", 0, OFFSET_TEXT, 5},
        {"keyfile-size", OPTION_SIZE, "BYTES", 0, SIZE_TEXT, 5},
        {0}};
static const struct argp_option fresh[] = {
        {"new-passphrase-file", OPTION_NEW_PASSPHRASE_FILE, "FILE", 0,
         "The new passphrase is the first line of the file", 6},
        {"new-key-file", OPTION_NEW_KEY_FILE, "FILE", 0, "The new" KEY_FILE_TEXT, 6},
        {"new-keyfile-offset", OPTION_NEW_OFFSET, "BYTES", 0, OFFSET_TEXT, 6},
        {"new-keyfile-size", OPTION_NEW_SIZE, "BYTES", 0, SIZE_TEXT, 6},
        {0}};
static const struct argp_option slots[] = {
        {"slot", OPTION_SLOT, "N", 0,
         "The passphrase of that key slot, instead of the one that is given", 4},
        {0}};
static const struct argp_option recovery[] = {
        {"recovery", OPTION_RECOVERY, NULL, 0,
         "The new passphrase is a recovery key of 256 bits, printed once", 7},
        {0}};
static const struct argp_option recovery_to[] = {
        {"recovery-to", OPTION_RECOVERY_TO, "PUBKEY.pem", 0,
         "The recovery key, printed for the holder of that key alone (CMS, PEM)", 7},
        {0}};
static const struct argp_option site[] = {
        {"passphrase-file", OPTION_SITE_PASSPHRASE_FILE, "FILE", 0,
         "The first line opens the site key in the TPM (asked for without it)", 5},
        {"site-key", OPTION_SITE_KEY, "PRIVATE.pem", 0, "Sign here with this key", 5},
        {"print", OPTION_PRINT, "FILE", 0,
         "Only write what has to be signed, and change nothing; elsewhere: openssl dgst -sha256 "
         "-sign site.pem FILE >SIGNATURE",
         5},
        {"signature", OPTION_SIGNATURE, "FILE", 0, "The signature (DER) that was made elsewhere",
         5},
        {0}};

#define GROUP(table)                                                                               \
        {                                                                                          \
                .options = table, .parser = parse                                                  \
        }
const struct argp options_output = GROUP(output), options_quiet = GROUP(quiet),
                  options_present = GROUP(present), options_new = GROUP(fresh),
                  options_slot = GROUP(slots), options_recovery = GROUP(recovery),
                  options_recovery_to = GROUP(recovery_to), options_site = GROUP(site);
