/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead status: prints what the daemons tell of themselves, the TPM, the hypervisor and
 * the TCB. */
#include "lib/kernel_pcr.h"
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/efi_image.h"
#include "tools/facts.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"

#include <string.h>

struct arguments {
        struct options shared;
        bool trust;
        const char *image;
};

static const struct argp_option options[] = {
        {"trust", 't', NULL, 0, "Print this host's trust record (not enrolled) instead", 1},
        {"image", 'i', "FILE.efi", 0, "Compare PCR 4 with what firmware makes of that file", 1},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;

        switch (key) {
        case 't':
                arguments->trust = true;
                return 0;
        case 'i':
                arguments->image = value;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        case ARGP_KEY_END:
                if (arguments->trust && arguments->image)
                        argp_error(state, "--trust prints the trust record alone: leave --image "
                                          "out");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int print_trust(bool json, struct arena *a)
{
        struct trust_rep reply;
        enum status s = door_call(CALL(trust, &(struct trust_req){}, &reply), a);
        struct json_object *o;

        if (s)
                return output_error(s, "status --trust");
        if (json) {
                o = json_object_new_object();
                json_object_object_add(o, "trust",
                                       json_object_new_string_len((const char *)reply.trust.data,
                                                                  (int)reply.trust.len));
                output_json(o);
        } else {
                fwrite(reply.trust.data, 1, reply.trust.len, stdout);
        }
        return output_end();
}

static struct fact image_fact(struct arena *a, const char *path, const struct digest *wanted,
                              const struct digest *found, const char *of_what)
{
        char hex[DIGEST_HEX];

        if (digest_equal(wanted, found))
                return (struct fact){"tcb", "PCR 4",
                                     arena_print(a, "that of %s (%s)", path, of_what), FACT_PLAIN};
        digest_hex(wanted, hex);
        return (struct fact){
                "tcb", "PCR 4",
                arena_print(a, "not that of %s, which would be %s (%s)", path, hex, of_what),
                FACT_WARNING};
}

/* Adds one fact about an EFI image. The command reads it: daemons have no files but their state. */
static enum status add_image(struct status_rep *reply, const char *path, struct arena *a)
{
        struct fact *facts = arena_get_many(a, reply->facts.count + 1, sizeof *facts);
        const enum hash_alg told = kernel_pcr_bank(reply->facts.items, reply->facts.count);
        const enum hash_alg bank = told ? told : HASH_SHA256;
        struct digest wanted, found;
        struct bytes efi;
        enum status s = file_read(path, EFI_IMAGE_MOST, a, &efi);

        if (!s)
                s = efi_image_pcr4(path, efi, bank, &wanted);
        if (!s)
                s = kernel_pcr("", bank, 4, &found);
        if (s)
                return s;
        memcpy(facts, reply->facts.items, reply->facts.count * sizeof *facts);
        facts[reply->facts.count++] = image_fact(
                a, path, &wanted, &found,
                arena_print(a, "bank %s%s", hash_name(bank),
                            told ? "" : "; unknown: in which bank this host is measured"));
        reply->facts.items = facts;
        return ST_DONE;
}

int cmd_status(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                NULL,
                "Shows what runs, which TPM and hypervisor there are, and what is measured.\v"
                "A WARNING is something that the promises of this host do not cover.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct status_rep reply;
        struct arena *a;
        enum status s;
        int result;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        if (arguments.trust) {
                result = print_trust(arguments.shared.json, a);
                goto out;
        }
        s = door_call(CALL(status, &(struct status_req){}, &reply), a);
        if (!s && arguments.image)
                s = add_image(&reply, arguments.image, a);
        if (s) {
                result = output_error(s, "status");
                goto out;
        }
        facts_print(&reply, arguments.shared.json);
        result = output_end();
out:
        arena_free(a);
        return result;
}
