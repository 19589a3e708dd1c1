/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead host setup, bulkhead host approve. All seals depend on the site key. It lives in the
 * TPM, guarded by a passphrase, or elsewhere as a PEM file (site_pem.h).
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/efi_image.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- setup --------------------------------------------------------------------------------- */

enum {
        OPTION_SITE_KEY = 0x100,
        OPTION_PASSPHRASE_FILE,
        OPTION_PCR,
        OPTION_IMAGE,
        OPTION_BANK,
        OPTION_PCRS
};

struct setup {
        const char *site_key, *passphrase_file;
        struct options shared;
        uint32_t alg, static_pcrs; /* 0: as the TPM layer chooses */
};

static const struct argp_option setup_options[] = {
        {"site-key", OPTION_SITE_KEY, "PUBLIC.pem", 0,
         "The site key's public half; the private one lives elsewhere and never comes here", 1},
        {"passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0,
         "The first line guards a site key in the TPM (asked for without it)", 1},
        {"bank", OPTION_BANK, "HASH", 0, "The bank of PCRs: sha256 (the default) or sha384", 2},
        {"pcrs", OPTION_PCRS, "LIST", 0,
         "The static PCRs, which approvals name, such as 0,2,4,7 (the default after a UEFI boot)",
         2},
        {0},
};

static uint32_t parse_pcrs(const char *list, struct argp_state *state)
{
        uint32_t mask = 0;
        const char *at = list;
        char *end;

        do {
                unsigned long pcr = strtoul(at, &end, 10);

                if (end == at || *at < '0' || *at > '9' || pcr >= PCR_COUNT ||
                    (*end && *end != ','))
                        argp_error(state, "'%s' is no list of PCRs, such as 0,2,4,7", list);
                mask |= 1U << pcr;
                at = end + 1;
        } while (*end);
        return mask;
}

static error_t setup_parse(int key, char *value, struct argp_state *state)
{
        struct setup *setup = state->input;

        switch (key) {
        case OPTION_SITE_KEY:
                setup->site_key = value;
                return 0;
        case OPTION_PASSPHRASE_FILE:
                setup->passphrase_file = value;
                return 0;
        case OPTION_BANK:
                if (strcmp(value, "sha256") && strcmp(value, "sha384"))
                        argp_error(state, "'%s' is no bank: sha256 or sha384", value);
                setup->alg = strcmp(value, "sha256") ? HASH_SHA384 : HASH_SHA256;
                return 0;
        case OPTION_PCRS:
                setup->static_pcrs = parse_pcrs(value, state);
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        case ARGP_KEY_END:
                if (setup->site_key && setup->passphrase_file)
                        argp_error(state, "a site key elsewhere has no passphrase here");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void tell_set_up(const struct setup *setup)
{
        struct json_object *o;

        if (setup->shared.json) {
                o = json_object_new_object();
                json_object_object_add(o, "set_up", json_object_new_boolean(true));
                output_json_text(o, "site_key_lies", setup->site_key ? "elsewhere" : "tpm");
                output_json(o);
        } else if (!output_quiet()) {
                puts("The TPM is pinned and the keys are made. Next, if the present state of this "
                     "host\nis the one you want: bulkhead host approve. Then bulkhead status "
                     "--trust prints\nthe trust record that a verifier keeps.");
        }
}

/* Before a passphrase is asked for that would guard nothing. */
static enum status must_be_new(struct arena *a)
{
        struct host_approvals_req q = {};
        struct host_approvals_rep p;
        enum status s = door_call(CALL(host_approvals, &q, &p), a);

        if (s == ST_NOT_SET_UP) {
                error_clear();
                return ST_DONE;
        }
        if (s)
                return s;
        return FAIL(ST_EXISTS, .subject = "the set-up of this host",
                    .found = p.site_key_here ? "a site key in this TPM, behind its passphrase"
                                             : "a site key that lies elsewhere",
                    .remedy = "to approve a new state of it: bulkhead host approve; if its TPM was "
                              "replaced: docs/operations.md, \"What does it mean when a start is "
                              "refused?\"");
}

static enum status set_up(const struct setup *setup, struct arena *a)
{
        struct host_setup_req request = {
                .passphrase = -1, .alg = setup->alg, .static_pcrs = setup->static_pcrs};
        struct host_setup_rep reply;
        enum status s = must_be_new(a);

        if (!s && setup->site_key)
                s = site_pem_public(setup->site_key, a, &request.site_public);
        else if (!s)
                s = passphrase_pipe(setup->passphrase_file,
                                    &(const struct passphrase_prompt){
                                            "New passphrase of the site key", "--passphrase-file"},
                                    true, &request.passphrase);
        if (!s)
                s = door_call(CALL(host_setup, &request, &reply), a);
        if (request.passphrase >= 0)
                close(request.passphrase);
        return s;
}

int cmd_host_setup(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                setup_options,
                setup_parse,
                NULL,
                "Pins this host's TPM and makes its keys.\v"
                "Afterwards `bulkhead host approve` approves the state that the host is in, and "
                "`bulkhead status --trust` prints the trust record that a verifier keeps.",
                children,
                NULL,
                NULL};
        struct setup setup = {0};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &setup, &setup.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = set_up(&setup, a);
        arena_free(a);
        if (s)
                return output_error(s, "host setup");
        tell_set_up(&setup);
        return output_end();
}

/* --- approve ------------------------------------------------------------------------------- */

struct approve {
        struct options shared;
        const char *image;
        struct pcr_value future[PCR_COUNT];
        size_t future_count;
};

static const struct argp_option approve_options[] = {
        {"pcr", OPTION_PCR, "INDEX=HEX", OPTION_REPEATS,
         "Approve a future state, in which this PCR has this value (may be repeated)", 2},
        {"image", OPTION_IMAGE, "FILE.efi", 0,
         "Approve the state after a boot of that unified image: PCR 4 is computed from it", 2},
        {0},
};

static void parse_pcr(struct approve *approve, const char *value, struct argp_state *state)
{
        struct pcr_value *p = &approve->future[approve->future_count];
        char *end;
        unsigned long index = strtoul(value, &end, 10);
        long len;

        if (end == value || *end != '=' || index >= PCR_COUNT || approve->future_count == PCR_COUNT)
                argp_error(state, "'%s' is not INDEX=HEX", value);
        len = hex_read(end + 1, strlen(end + 1), p->value.bytes, sizeof p->value.bytes);
        if (len != 32 && len != 48)
                argp_error(state, "'%s' is no SHA-256 or SHA-384 digest in hex", end + 1);
        p->pcr = (uint32_t)index;
        p->value.alg = len == 32 ? HASH_SHA256 : HASH_SHA384;
        approve->future_count++;
}

static error_t approve_parse(int key, char *value, struct argp_state *state)
{
        struct approve *approve = state->input;

        switch (key) {
        case OPTION_PCR:
                parse_pcr(approve, value, state);
                return 0;
        case OPTION_IMAGE:
                approve->image = value;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static struct json_object *json_state(const struct host_approval_rep *state)
{
        struct json_object *o = json_object_new_object(), *pcrs = json_object_new_array();
        char hex[DIGEST_HEX];

        json_object_object_add(o, "epoch", json_object_new_uint64(state->epoch));
        for (size_t i = 0; i < state->pcrs.count; i++) {
                const struct pcr_value *p = &state->pcrs.items[i];
                struct json_object *value = json_object_new_object();

                digest_hex(&p->value, hex);
                json_object_object_add(value, "pcr", json_object_new_int64(p->pcr));
                output_json_text(value, hash_name(p->value.alg), hex);
                json_object_array_add(pcrs, value);
        }
        json_object_object_add(o, "pcrs", pcrs);
        return o;
}

/* On standard error if standard output has what is to be signed. */
static void print_state(const struct approve *approve, const struct host_approval_rep *state)
{
        const char *print = approve->shared.print;
        FILE *out = print && !strcmp(print, "-") ? stderr : stdout;
        char hex[DIGEST_HEX];

        if (approve->shared.json) {
                output_json_to(out, json_state(state));
                return;
        }
        if (output_quiet())
                return;
        fprintf(out, "%s up to epoch %llu:\n", print ? "To be signed" : "Approved",
                (unsigned long long)state->epoch);
        for (size_t i = 0; i < state->pcrs.count; i++) {
                const struct pcr_value *p = &state->pcrs.items[i];

                digest_hex(&p->value, hex);
                fprintf(out, "  PCR %-2u  %s:%s\n", p->pcr, hash_name(p->value.alg), hex);
        }
}

static enum status add_image(struct approve *approve, enum hash_alg bank, struct arena *a)
{
        struct pcr_value *p = &approve->future[approve->future_count];
        struct bytes efi;
        enum status s = file_read(approve->image, EFI_IMAGE_MOST, a, &efi);

        if (s)
                return s;
        for (size_t i = 0; i < approve->future_count; i++)
                if (approve->future[i].pcr == 4)
                        return FAIL(ST_INVALID, .subject = "PCR 4",
                                    .found = "given by --pcr and by --image",
                                    .remedy = "leave one of them out");
        if (approve->future_count == PCR_COUNT)
                return FAIL(ST_TOO_LARGE, .subject = "PCRs");
        p->pcr = 4;
        approve->future_count++;
        return efi_image_pcr4(approve->image, efi, bank, &p->value);
}

/* What is to be signed. The bank of an image's PCR 4 is that of the present state. */
static enum status ask_state(struct approve *approve, struct arena *a,
                             struct host_approval_rep *state_out)
{
        struct host_approval_req wanted = {};
        enum status s = ST_DONE;

        if (approve->image) {
                s = door_call(CALL(host_approval, &wanted, state_out), a);
                if (!s && state_out->pcrs.count)
                        s = add_image(approve, state_out->pcrs.items[0].value.alg, a);
        }
        if (s)
                return s;
        wanted.future.items = approve->future;
        wanted.future.count = approve->future_count;
        return door_call(CALL(host_approval, &wanted, state_out), a);
}

static enum status approve_host(struct approve *approve, struct arena *a)
{
        struct host_approval_rep state;
        struct host_approve_req request = {.passphrase = -1};
        struct host_approve_rep reply;
        enum status s = file_must_differ(approve->shared.print, approve->image);

        if (!s)
                s = ask_state(approve, a, &state);
        if (s)
                return s;
        s = site_pem_check(&approve->shared.by, approve->shared.print, state.site_key_here);
        if (s)
                return s;
        if (approve->shared.print) {
                s = file_replace(approve->shared.print, state.to_sign);
                goto out;
        }
        s = site_pem_authority(&approve->shared.by, &state, a, &request);
        if (s)
                return s;
        s = door_call(CALL(host_approve, &request, &reply), a);
        if (request.passphrase >= 0)
                close(request.passphrase);
out:
        if (!s)
                print_state(approve, &state);
        return s;
}

int cmd_host_approve(int argc, char **argv)
{
        static const struct argp_child children[] = {
                {&options_output, 0, NULL, 0}, {&options_site, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                approve_options,
                approve_parse,
                NULL,
                "Approves the state that this host is in (or, with --pcr, will be in) with the "
                "site key: what is sealed opens in approved states only.",
                children,
                NULL,
                NULL};
        struct approve approve = {0};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &approve, &approve.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = approve_host(&approve, a);
        arena_free(a);
        return s ? output_error(s, "host approve") : output_end();
}
