/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead host image: makes a measured Dom0 out of an installed one. The script host-image in
 * libexec does the work with Debian's tools; this file has the options, and computes what firmware
 * will measure of the result. It needs root (host-image mounts the root that it copies), and no
 * daemon.
 */
#include "tools/commands.h"
#include "tools/efi_image.h"
#include "tools/file.h"
#include "tools/options.h"
#include "tools/output.h"

#include "lib/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPTION_ROOT = 0x100, OPTION_XEN, OPTION_KERNEL, OPTION_ROOT_DEVICE, OPTION_STATE_DEVICE };

/* What host-image finds in its environment, under the same names in capitals. */
struct image {
        const char *root, *output, *xen_options, *kernel_options, *root_device, *state_device;
        struct options shared;
};

static const struct argp_option options[] = {
        {"root", OPTION_ROOT, "FOLDER", 0, "The installed Dom0 (/)", 1},
        {"xen-options", OPTION_XEN, "TEXT", 0, "Xen's command line", 1},
        {"kernel-options", OPTION_KERNEL, "TEXT", 0, "More for the Dom0 kernel's command line", 1},
        {"root-device", OPTION_ROOT_DEVICE, "DEVICE", 0,
         "Where root.img will lie: a path, LABEL=, UUID=, PARTUUID= or PARTLABEL= "
         "(PARTLABEL=bulkhead-root)",
         2},
        {"state-device", OPTION_STATE_DEVICE, "DEVICE", 0,
         "An ext4 file system for state and logs (LABEL=bulkhead-state)", 2},
        {0},
};

/* Options become words of a command line or lines of a configuration, so each is a single line. */
static const char *one_line(struct argp_state *state, const char *option, const char *value)
{
        for (const char *p = value; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        argp_error(state, "%s: a control character", option);
        return value;
}

static const char *one_word(struct argp_state *state, const char *option, const char *value)
{
        if (!*value || strpbrk(value, " \"'"))
                argp_error(state, "%s '%s': not one word", option, value);
        return one_line(state, option, value);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        struct image *image = state->input;

        switch (key) {
        case OPTION_ROOT:
                image->root = value;
                return 0;
        case OPTION_XEN:
                image->xen_options = one_line(state, "--xen-options", value);
                return 0;
        case OPTION_KERNEL:
                image->kernel_options = one_line(state, "--kernel-options", value);
                return 0;
        case OPTION_ROOT_DEVICE:
                image->root_device = one_word(state, "--root-device", value);
                return 0;
        case OPTION_STATE_DEVICE:
                image->state_device = one_word(state, "--state-device", value);
                return 0;
        case ARGP_KEY_ARG:
                if (state->arg_num)
                        argp_usage(state);
                image->output = value;
                return 0;
        case ARGP_KEY_END:
                if (!image->output)
                        argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const char *real_path(const char *path, struct arena *a)
{
        char *real = realpath(path, NULL);
        const char *copy = real ? arena_text(a, real) : NULL;

        free(real);
        return copy;
}

/* Makes the output folder, but not its parents. */
static enum status real_paths(struct image *image, struct arena *a)
{
        const char *root = real_path(image->root, a);

        if (!root)
                return file_failed(image->root);
        image->root = root;
        if (mkdir(image->output, 0700) && errno != EEXIST)
                return file_failed(image->output);
        image->output = real_path(image->output, a);
        return image->output ? ST_DONE : file_failed("the output folder");
}

/* What the script and its tools say is a report: as JSON, standard output is for the result. */
static void say_elsewhere(const struct image *image)
{
        int to = output_quiet() ? open("/dev/null", O_WRONLY | O_CLOEXEC) : STDERR_FILENO;

        if (output_quiet() || image->shared.json)
                dup2(to, STDOUT_FILENO);
}

static void become_host_image(const struct image *image, const char *program)
{
        char config_folder[CONFIG_PATH];
        const struct {
                const char *name, *value;
        } environment[] = {
                {"ROOT", image->root},
                {"OUTPUT", image->output},
                {"XEN_OPTIONS", image->xen_options},
                {"KERNEL_OPTIONS", image->kernel_options},
                {"ROOT_DEVICE", image->root_device},
                {"STATE_DEVICE", image->state_device},
                {"CONFIG", config_path(config_folder, config.share, "initramfs")},
        };

        say_elsewhere(image);
        clearenv();
        for (size_t i = 0; i < sizeof environment / sizeof *environment; i++)
                setenv(environment[i].name, environment[i].value, 1);
        execl(program, program, (char *)NULL);
        _exit(127);
}

static enum status run(const struct image *image)
{
        char program[CONFIG_PATH];
        int result = -1;
        pid_t child;

        if (geteuid())
                return FAIL(ST_DENIED, .subject = "host image", .expected = "root",
                            .found = FMT("uid %u", (unsigned)geteuid()),
                            .remedy = "sudo bulkhead host image ...");
        config_path(program, config.libexec, "host-image");
        if (access(program, X_OK))
                return FAIL(ST_IO, .subject = program, .found = strerror(errno),
                            .remedy = "apt install --reinstall bulkhead; from a checkout: make "
                                      "install");
        child = fork();
        if (!child)
                become_host_image(image, program);
        if (child < 0 || waitpid(child, &result, 0) != child)
                return FAIL(status_of_errno(errno), .subject = program, .found = strerror(errno));
        if (!WIFEXITED(result) || WEXITSTATUS(result))
                return FAIL(ST_REFUSED, .subject = "the image", .expected = "made",
                            .found = "host-image failed, as said above; nothing was replaced");
        return ST_DONE;
}

static void print_json(const struct image *image, const char *efi, const char *sha256,
                       const char *sha384, struct arena *a)
{
        struct json_object *o = json_object_new_object(), *pcr = json_object_new_object();

        output_json_text(o, "root", arena_print(a, "%s/root.img", image->output));
        output_json_text(o, "root_device", image->root_device);
        output_json_text(o, "efi", efi);
        output_json_text(pcr, "sha256", sha256);
        output_json_text(pcr, "sha384", sha384);
        json_object_object_add(o, "pcr4", pcr);
        output_json(o);
}

static enum status print_pcr4(const struct image *image, struct arena *a)
{
        const char *path = arena_print(a, "%s/bulkhead.efi", image->output);
        struct digest value, longer;
        char hex[DIGEST_HEX], longer_hex[DIGEST_HEX];
        struct bytes efi;
        enum status s = file_read(path, EFI_IMAGE_MOST, a, &efi);

        if (!s)
                s = efi_image_pcr4(path, efi, HASH_SHA256, &value);
        if (!s)
                s = efi_image_pcr4(path, efi, HASH_SHA384, &longer);
        if (s)
                return s;
        digest_hex(&value, hex);
        digest_hex(&longer, longer_hex);
        if (image->shared.json) {
                print_json(image, path, hex, longer_hex, a);
                return ST_DONE;
        }
        if (output_quiet())
                return ST_DONE;
        printf("PCR 4:     sha256:%s\n           sha384:%s\n\n"
               "To boot it: write %s/root.img to %s,\nand %s to \\EFI\\BOOT\\BOOTX64.EFI of the "
               "EFI partition.\nBefore that, to have this state approved: bulkhead host approve "
               "--image %s\n",
               hex, longer_hex, image->output, image->root_device, path, path);
        return ST_DONE;
}

int cmd_host_image(int argc, char **argv)
{
        static const struct argp_child children[] = {{&options_output, 0, NULL, 0}, {0}};
        static const struct argp argp = {
                options,
                parse,
                "FOLDER",
                "Makes FOLDER/root.img, the root of an installed Dom0 with a dm-verity tree behind "
                "it, and FOLDER/bulkhead.efi: Xen, kernel, initramfs and all command lines in one "
                "file, the root's hash among them. Firmware measures that file into PCR 4.\v"
                "Needs squashfs-tools, cryptsetup-bin, binutils, and in that Dom0 initramfs-tools.",
                children,
                NULL,
                NULL};
        struct image image = {.root = "/",
                              .xen_options = "",
                              .kernel_options = "",
                              .root_device = "PARTLABEL=bulkhead-root",
                              .state_device = "LABEL=bulkhead-state"};
        struct arena *a;
        enum status s;

        if (!options_parse(&argp, argc, argv, &image, &image.shared))
                return EXIT_USAGE;
        a = arena_new();
        s = real_paths(&image, a);
        if (!s)
                s = run(&image);
        if (!s)
                s = print_pcr4(&image, a);
        arena_free(a);
        return s ? output_error(s, "host image") : output_end();
}
