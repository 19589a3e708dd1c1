/* SPDX-License-Identifier: Apache-2.0 */
/* The options that several commands share. One parser reads all of them, so that what excludes each
 * other is said in one place, whatever groups a command takes. */
#include "tools/options.h"
#include "tools/output.h"

#include <stdlib.h>

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
        OPTION_SIGNATURE
};

static struct options *given; /* of the one command that runs */

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

static void part_of_key_file(struct passphrase_source *from, int key, const char *text,
                             struct argp_state *state)
{
        from->part = true;
        if (key == OPTION_OFFSET || key == OPTION_NEW_OFFSET)
                from->offset = number(text, state);
        else
                from->size = number(text, state);
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

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct options *o = given;

        switch (key) {
        case OPTION_JSON:
                o->json = true;
                break;
        case OPTION_QUIET:
                output_be_quiet();
                break;
        case OPTION_PASSPHRASE_FILE:
                o->present.file = value;
                break;
        case OPTION_KEY_FILE:
                o->present.key_file = value;
                break;
        case OPTION_OFFSET:
        case OPTION_SIZE:
                part_of_key_file(&o->present, key, value, state);
                break;
        case OPTION_NEW_PASSPHRASE_FILE:
                o->fresh.file = value;
                break;
        case OPTION_NEW_KEY_FILE:
                o->fresh.key_file = value;
                break;
        case OPTION_NEW_OFFSET:
        case OPTION_NEW_SIZE:
                part_of_key_file(&o->fresh, key, value, state);
                break;
        case OPTION_SLOT:
                o->slot = slot(value, state);
                break;
        case OPTION_RECOVERY_TO:
                o->recovery_to = value;
                /* fall through */
        case OPTION_RECOVERY:
                o->recovery = true;
                break;
        case OPTION_SITE_PASSPHRASE_FILE:
                o->by.passphrase_file = value;
                break;
        case OPTION_SITE_KEY:
                o->by.site_key = value;
                break;
        case OPTION_PRINT:
                o->print = value;
                break;
        case OPTION_SIGNATURE:
                o->by.signature = value;
                break;
        case ARGP_KEY_END:
                check(o, state);
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return 0;
}

bool options_parse(const struct argp *argp, int argc, char **argv, void *input,
                   struct options *options)
{
        options->slot = KEY_SLOTS_MOST;
        given = options;
        return !argp_parse(argp, argc, argv, 0, NULL, input);
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
