/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead measure: runs a plug-in for each target, in a child that has the target's open
 * descriptor and no other right. Needs no daemon, no TPM, no root. It prints a measurement in the
 * form that is extended into a PCR and that predicates read.
 */
#include "tools/commands.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/progress.h"

#include "bulkhead/measure_plugin.h"
#include "lib/apart.h"
#include "lib/channel.h"
#include "lib/config.h"
#include "lib/file_at.h"
#include "lib/io.h"
#include "measure/measure_run.h"
#include "proof/measurement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_VERITY = 0x100, OPTION_SALT, SALT_MOST = 256 };
enum { MEASURE_MEMORY = 512 << 20 };

struct arguments {
        struct options shared;
        bool verity, salted;
        uint8_t salt[SALT_MOST];
        size_t salt_len;
        const char *targets[TARGETS_MOST];
        size_t count;
};

static const struct argp_option options[] = {
        {"verity", OPTION_VERITY, NULL, 0, "Measure the dm-verity root of disk: targets", 1},
        {"salt", OPTION_SALT, "HEX", 0, "Salt of the dm-verity root (none unless given)", 1},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct arguments *arguments = state->input;
        long len;

        switch (key) {
        case OPTION_VERITY:
                arguments->verity = true;
                return 0;
        case OPTION_SALT:
                len = strcmp(value, "-")
                              ? hex_read(value, strlen(value), arguments->salt, SALT_MOST)
                              : 0;
                if (len < 0)
                        argp_error(state, "--salt wants hex of at most %d bytes", SALT_MOST);
                arguments->salt_len = (size_t)len;
                arguments->salted = true;
                return 0;
        case ARGP_KEY_ARG:
                if (arguments->count == TARGETS_MOST)
                        argp_error(state, "at most %d targets", TARGETS_MOST);
                arguments->targets[arguments->count++] = value;
                return 0;
        case ARGP_KEY_END:
                if (!arguments->count)
                        argp_usage(state);
                if (arguments->salted && !arguments->verity)
                        argp_error(state, "--salt belongs to --verity");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

/* --- one target ---------------------------------------------------------------------------- */

struct job {
        struct target target;
        int plugin, file;
        uint32_t cores;
        const struct bulkhead_measure_plugin *loaded;
};

static enum status take_apart(const char *name, const struct arguments *arguments, struct arena *a,
                              struct target *out)
{
        const char *colon = strchr(name, ':');

        if (!colon || colon == name || !colon[1])
                return FAIL(ST_USAGE, .subject = name, .expected = "PLUGIN:ARGUMENT",
                            .remedy = "bulkhead measure disk:/path/to/image");
        *out = (struct target){.name = name,
                               .plugin = arena_copy(a, name, (size_t)(colon - name)),
                               .argument = colon + 1,
                               .alg = HASH_SHA256,
                               .method = arguments->verity ? "verity" : "",
                               .salted = arguments->salted,
                               .salt = {arguments->salt, arguments->salt_len}};
        return ST_DONE;
}

/* Links are followed as the daemons follow them, from /dev to /dev and nowhere else, so that one
 * name is one target here and there. */
static enum status open_path(const char *path, int *fd_out)
{
        struct stat st;
        int place;
        enum status s = file_at(path, &place);

        if (s == ST_REFUSED)
                return s;
        if (s)
                return FAIL(ST_IO, .subject = path, .found = error_last()->found);
        if (!fstat(place, &st) && S_ISDIR(st.st_mode))
                errno = EISDIR;
        else
                *fd_out = io_reopen(place, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        s = *fd_out < 0 ? file_failed(path) : ST_DONE;
        close(place);
        return s;
}

/* "-" is standard input, which the plug-in takes if it is a file. Never blocks on a FIFO; the
 * plug-in judges the kind of file. -1 for an argument without a slash that names no file. */
static enum status open_target(const char *argument, int *fd_out)
{
        *fd_out = -1;
        if (!strcmp(argument, "-")) {
                *fd_out = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
                return *fd_out >= 0
                               ? ST_DONE
                               : FAIL(ST_IO, .subject = "standard input", .found = strerror(errno));
        }
        if (!strchr(argument, '/') && access(argument, F_OK))
                return ST_DONE;
        return open_path(argument, fd_out);
}

static enum status load(void *input)
{
        struct job *job = input;
        enum status s = measure_load(job->plugin, job->target.plugin, &job->loaded);

        if (!s && job->loaded->takes_file == 2)
                s = FAIL(ST_UNSUPPORTED, .subject = job->target.name,
                         .expected = "a target that can be opened",
                         .found = "facts, which compartment-mgr alone gathers",
                         .remedy = "have it attested, and look into the evidence: bulkhead attest "
                                   "DESCRIPTOR.xml");
        return s;
}

static enum status run(void *input, struct arena *a, void *answer_out)
{
        struct job *job = input;
        struct measure_rep *out = answer_out;

        return measure_call(a, job->loaded, &job->target, job->file, -1, job->cores, progress_show,
                            &out->measurement);
}

static enum status measure_one(const char *name, const struct arguments *arguments, struct arena *a,
                               struct measurement *out)
{
        static const struct sandbox sandbox = {.profile = SANDBOX_THREADS,
                                               .memory = MEASURE_MEMORY};
        static const struct apart how = {&sandbox, NO_DEADLINE, &shape_measure_rep, load, run};
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        struct job job = {.plugin = -1, .file = -1, .cores = cores > 0 ? (uint32_t)cores : 1};
        struct measure_rep reply;
        enum status s;

        s = take_apart(name, arguments, a, &job.target);
        if (s)
                return s;
        s = measure_open_plugin(config.plugins, job.target.plugin, &job.plugin);
        if (!s)
                s = open_target(job.target.argument, &job.file);
        if (s)
                goto out;
        progress_begin(output_clean(name));
        s = apart_run(&how, &job, a, &reply);
        progress_end();
        if (!s)
                *out = reply.measurement;
out:
        if (job.plugin >= 0)
                close(job.plugin);
        if (job.file >= 0)
                close(job.file);
        return s;
}

/* --- all of them --------------------------------------------------------------------------- */

static enum status print_xml(const struct measurement *found, size_t count)
{
        struct buffer out = BUFFER_INIT(EVIDENCE_MOST);
        struct document d = document_begin(&out);
        enum status s;

        if (count > 1)
                document_open(&d, "projection");
        for (size_t i = 0; i < count; i++)
                measurement_write(&d, &found[i]);
        if (count > 1)
                document_close(&d);
        s = document_end(&d);
        if (!s)
                printf("%s\n", (const char *)out.data);
        buffer_clear(&out);
        return s;
}

static void print_json(const struct measurement *found, size_t count)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < count; i++)
                json_object_array_add(list, output_json_measurement(&found[i], HASH_SHA256));
        output_json(list);
}

int cmd_measure(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                "PLUGIN:ARGUMENT...",
                "Measures targets and prints what a plug-in finds, as canonical XML: needs no "
                "daemon, no TPM and no root.\v"
                "One target is printed as <measurement>, whose SHA-256 is what a PCR is extended "
                "with; several stand in one <projection>, as a predicate gets them.",
                children,
                NULL,
                NULL};
        struct arguments arguments = {0};
        struct measurement found[TARGETS_MOST];
        enum status s = ST_DONE;
        struct arena *a;
        size_t i;

        if (!options_parse(&argp, argc, argv, &arguments, &arguments.shared))
                return EXIT_USAGE;
        a = arena_new();
        sandbox_warm_up(SANDBOX_THREADS);
        for (i = 0; i < arguments.count && !s; i++)
                s = measure_one(arguments.targets[i], &arguments, a, &found[i]);
        if (s) {
                arena_free(a);
                return output_error(s, "measure %s", output_clean(arguments.targets[i - 1]));
        }
        if (arguments.shared.json)
                print_json(found, arguments.count);
        else
                s = print_xml(found, arguments.count);
        arena_free(a);
        return s ? output_error(s, "measure") : output_end();
}
