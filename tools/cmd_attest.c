/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead attest: has the host attest what a descriptor asks for, and writes the evidence without
 * reading it: `bulkhead verify` judges it.
 */
#include "tools/commands.h"
#include "tools/door.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"

#include "lib/apart.h"
#include "lib/config.h"
#include "proof/commitment.h"
#include "proof/trust.h"
#include "xml/descriptor.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { OPTION_CHALLENGE = 0x100, OPTION_TRUST };
enum { CHALLENGE_OURS = 32 };

struct arguments {
        const char *descriptor, *output, *trust;
        uint8_t challenge[CHALLENGE_MOST];
        size_t challenge_len;
        struct options shared;
};

static const struct argp_option options[] = {
        {"output", 'o', "EVIDENCE.xml", 0, "Where the evidence goes (standard output)", 1},
        {"challenge", OPTION_CHALLENGE, "HEX", 0,
         "16 to 64 bytes that the evidence has to answer (made and printed if neither this nor the "
         "descriptor gives one)",
         1},
        {"trust", OPTION_TRUST, "FILE", 0,
         "A trust record: the evidence then proves that the log goes on from what it remembers", 1},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;
        long len;

        switch (key) {
        case 'o':
                arguments->output = value;
                return 0;
        case OPTION_CHALLENGE:
                len = hex_read(value, strlen(value), arguments->challenge, CHALLENGE_MOST);
                if (len < CHALLENGE_LEAST)
                        argp_error(state, "a challenge is hex of %d to %d bytes", CHALLENGE_LEAST,
                                   CHALLENGE_MOST);
                arguments->challenge_len = (size_t)len;
                return 0;
        case OPTION_TRUST:
                arguments->trust = value;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->descriptor)
                        argp_usage(state);
                arguments->descriptor = value;
                return 0;
        case ARGP_KEY_NO_ARGS:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* --- what the two files say, read apart ---------------------------------------------------- */

struct files {
        struct bytes descriptor, trust;
};

static enum status load_grammars(void *input)
{
        char path[CONFIG_PATH];

        (void)input;
        return descriptor_init(config_path(path, config.share, "descriptors"));
}

static enum status read_files(void *input, struct arena *a, void *answer_out)
{
        struct attest_files *out = answer_out;
        struct files *files = input;
        struct descriptor descriptor = {0};
        struct trust trust = {0};
        enum status s;

        s = descriptor_read(files->descriptor, HASH_SHA256, a, &descriptor);
        if (!s && files->trust.len)
                s = trust_read(files->trust, a, &trust);
        out->challenge = descriptor.challenge;
        out->log_seen = trust.log_length;
        return s;
}

static enum status understand(const struct arguments *arguments, struct arena *a,
                              struct attest_req *request, struct bytes *own_out)
{
        static const struct sandbox sandbox = {
                .profile = SANDBOX_COMPUTE, .memory = 512 << 20, .cpu_seconds = 10};
        static const struct apart how = {&sandbox, 20000, &shape_attest_files, load_grammars,
                                         read_files};
        struct attest_files said;
        struct files files = {0};
        enum status s;

        s = file_read(arguments->descriptor, DOCUMENT_MOST, a, &files.descriptor);
        if (!s && arguments->trust)
                s = file_read(arguments->trust, TRUST_MOST, a, &files.trust);
        if (!s)
                s = apart_run(&how, &files, a, &said);
        if (s)
                return s;
        *own_out = said.challenge;
        request->descriptor = files.descriptor;
        request->log_seen = said.log_seen;
        return ST_DONE;
}

/* --- the request --------------------------------------------------------------------------- */

/* The challenge comes from the option, or from the descriptor, or is made. *used_out is the one
 * that `bulkhead verify` needs. */
static enum status choose_challenge(struct arguments *arguments, struct bytes own,
                                    struct attest_req *request, struct bytes *used_out)
{
        if (!arguments->challenge_len && own.len) {
                *used_out = own;
                return ST_DONE;
        }
        if (!arguments->challenge_len) {
                if (getrandom(arguments->challenge, CHALLENGE_OURS, 0) != CHALLENGE_OURS)
                        return FAIL(ST_IO, .subject = "challenge", .found = strerror(errno));
                arguments->challenge_len = CHALLENGE_OURS;
        }
        *used_out = (struct bytes){arguments->challenge, arguments->challenge_len};
        request->challenge = *used_out;
        return ST_DONE;
}

static void tell(const struct arguments *arguments, const struct attest_rep *reply,
                 struct bytes challenge)
{
        char hex[2 * CHALLENGE_MOST + 1];
        FILE *out = arguments->output ? stdout : stderr;
        struct json_object *o;

        hex_write(hex, challenge.data, challenge.len);
        if (output_quiet() && !arguments->shared.json)
                return;
        if (!arguments->shared.json) {
                fprintf(out, "evidence   %s (%zu bytes)\nchallenge  %s\n",
                        arguments->output ? arguments->output : "on standard output",
                        reply->evidence.len, hex);
                return;
        }
        o = json_object_new_object();
        output_json_text(o, "evidence", arguments->output ? arguments->output : "-");
        json_object_object_add(o, "bytes", json_object_new_uint64(reply->evidence.len));
        output_json_text(o, "challenge", hex);
        json_object_object_add(o, "tpm_nanoseconds", json_object_new_uint64(reply->tpm_time));
        output_json_to(out, o);
}

static enum status attest(struct arguments *arguments, struct arena *a)
{
        struct attest_req request = {};
        struct attest_rep reply;
        struct bytes own = {0}, challenge = {0};
        enum status s;

        s = file_must_differ(arguments->output, arguments->descriptor);
        if (!s)
                s = file_must_differ(arguments->output, arguments->trust);
        if (!s)
                s = understand(arguments, a, &request, &own);
        if (!s)
                s = choose_challenge(arguments, own, &request, &challenge);
        if (!s)
                s = door_call(CALL(attest, &request, &reply), a);
        if (s)
                return s;
        if (arguments->output)
                s = file_replace(arguments->output, reply.evidence);
        else
                fwrite(reply.evidence.data, 1, reply.evidence.len, stdout);
        if (!s)
                tell(arguments, &reply, challenge);
        return s;
}

int cmd_attest(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                "DESCRIPTOR.xml",
                "Has this host measure what the descriptor names and quote it by its TPM.\v"
                "Keep the challenge: only with it can `bulkhead verify` tell that evidence is new.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        if (arguments.output && !strcmp(arguments.output, "-"))
                arguments.output = NULL;
        a = arena_new();
        sandbox_warm_up(SANDBOX_COMPUTE);
        s = attest(&arguments, a);
        arena_free(a);
        return s ? output_error(s, "attest %s", output_clean(arguments.descriptor)) : output_end();
}
