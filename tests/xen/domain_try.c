/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back-end for Xen without the daemons, for the bed's scripts: asks it what compartment-mgr
 * would ask, and also what compartment-mgr never would. Prints a line for each result: the number
 * of the status, then its error or the answer.
 *
 *   domain_try create XL.CFG                             the file names block devices as disks
 *   domain_try unpause XL.CFG DOMID [KEY=VALUE...]       KEY=VALUE: not what was built
 *   domain_try stop UUID SECONDS | destroy UUID | suspend UUID | resume UUID | list | facts
 *   domain_try wait COUNT                                says "changed" that often
 */
#include "compartment-mgr/domain/domain.h"
#include "compartment-mgr/config/xl_config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct domain_backend *const xen = &domain_xen;
static struct arena *a;

static _Noreturn void usage(void)
{
        fputs("domain_try: see the head of domain_try.c\n", stderr);
        exit(2);
}

static int answer(enum status s)
{
        const struct error *e = error_last();

        if (!s)
                puts("0");
        else
                printf("%d %s: %s; expected %s; found %s; %s\n", s, status_sentence(s), e->subject,
                       e->expected, e->found, e->remedy);
        return s ? 1 : 0;
}

static struct bytes read_whole(const char *path)
{
        static uint8_t text[XL_CONFIG_MOST];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

        if (n < 0) {
                perror(path);
                exit(2);
        }
        close(fd);
        return (struct bytes){text, (size_t)n};
}

/* The configuration as compartment-mgr has it: written, stored, read. */
static struct vm_config config_of(const char *path)
{
        static const uint8_t random[XL_CONFIG_RANDOM];
        const struct xl_config_input in = {.text = read_whole(path), .random = random};
        struct xl_config xl;
        struct vm_config c;

        if (xl_config_read(a, &in, &xl, NULL) || xl_config_parse(a, xl.json, &c))
                exit(answer(error_last()->status));
        return c;
}

/* A sealed copy, as svdm makes it; -1 if the configuration names none. */
static int boot_file(const struct vm_config *c, const char *name)
{
        for (size_t i = 0; i < c->boot.count; i++) {
                const struct boot_file *d = &c->boot.items[i];
                int fd, file;
                ssize_t n;
                char block[65536];

                if (strcmp(d->name, name))
                        continue;
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
                file = open(d->path, O_RDONLY | O_CLOEXEC);
                while ((n = read(file, block, sizeof block)) > 0)
                        if (write(fd, block, (size_t)n) != n)
                                exit(2);
                close(file);
                fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
                return fd;
        }
        return -1;
}

static struct block_device *devices_of(const struct vm_config *c, size_t *count_out)
{
        struct block_device *devices = arena_get_many(a, c->disks.count, sizeof *devices);

        *count_out = 0;
        for (size_t i = 0; i < c->disks.count; i++) {
                const struct disk *d = &c->disks.items[i];
                struct stat st = {0};

                stat(d->path, &st);
                devices[(*count_out)++] =
                        (struct block_device){d->device, d->path, d->writable, st.st_rdev};
        }
        return devices;
}

static int create(const char *path)
{
        struct domain_create_req q = {.config = config_of(path), .memory = {"", "", false, 0}};
        uint32_t domid = 0;
        enum status s;

        q.devices.items = devices_of(&q.config, &q.devices.count);
        q.kernel = boot_file(&q.config, "kernel");
        q.ramdisk = boot_file(&q.config, "ramdisk");
        s = xen->create(&q, a, &domid);
        if (s)
                return answer(s);
        printf("0 %" PRIu32 "\n", domid);
        return 0;
}

static void change(struct domain_unpause_req *q, char *what)
{
        char *value = strchr(what, '=');
        uint64_t number;

        if (!value)
                usage();
        *value++ = 0;
        number = strtoull(value, NULL, 0);
        if (!strcmp(what, "name"))
                q->config.name = value;
        else if (!strcmp(what, "memory"))
                q->config.memory = number;
        else if (!strcmp(what, "maxmem"))
                q->config.maxmem = number;
        else if (!strcmp(what, "vcpus"))
                q->config.vcpus = (uint32_t)number;
        else if (!strcmp(what, "maxvcpus"))
                q->config.maxvcpus = (uint32_t)number;
        else if (!strcmp(what, "cmdline"))
                q->config.cmdline = value;
        else if (!strcmp(what, "disks"))
                q->devices.count = number;
        else if (!strcmp(what, "node"))
                q->devices.items[0].node = number;
        else if (!strcmp(what, "writable"))
                q->devices.items[0].writable = number;
        else if (!strcmp(what, "device"))
                q->devices.items[0].device = value;
        else if (!strcmp(what, "nics"))
                q->config.nics.count = number;
        else if (!strcmp(what, "bridge"))
                q->config.nics.items[0].bridge = value;
        else if (!strcmp(what, "mac"))
                q->config.nics.items[0].mac = value;
        else
                usage();
}

static int unpause(int argc, char **argv)
{
        struct domain_unpause_req q = {.config = config_of(argv[2]),
                                       .domid = (uint32_t)strtoul(argv[3], NULL, 10)};

        q.devices.items = devices_of(&q.config, &q.devices.count);
        for (int i = 4; i < argc; i++)
                change(&q, argv[i]);
        return answer(xen->unpause(&q, a));
}

static int list(void)
{
        struct domain_state *domains;
        size_t count;
        enum status s = xen->list(a, &domains, &count);

        for (size_t i = 0; i < count && !s; i++) {
                const struct domain_state *d = &domains[i];
                char uuid[37];

                uuid_write(&d->uuid, uuid);
                printf("%s %s %" PRIu32 " %s %s %s %" PRIu64 "\n", uuid, d->name, d->domid,
                       d->ours ? "ours" : "foreign", domain_phase_word(d->phase),
                       d->reason ? domain_reason_word(d->reason) : "-", d->memory);
        }
        return s ? answer(s) : 0;
}

static int facts(void)
{
        struct value *values;
        size_t count;
        enum status s = xen->facts(a, &values, &count);

        for (size_t i = 0; i < count && !s; i++)
                printf("%s=%s\n", values[i].name, values[i].text);
        return s ? answer(s) : 0;
}

static int wait_for(unsigned long count)
{
        enum status s = ST_DONE;

        setvbuf(stdout, NULL, _IOLBF, 0);
        for (; count && !s; count--) {
                s = xen->wait(a);
                if (!s)
                        puts("changed");
        }
        return s ? answer(s) : 0;
}

static int with_uuid(const char *what, const struct uuid *uuid, const char *seconds)
{
        bool clean = false;
        enum status s;

        if (!strcmp(what, "destroy"))
                return answer(xen->destroy(uuid, a));
        if (!strcmp(what, "suspend"))
                return answer(xen->suspend(uuid, a));
        if (!strcmp(what, "resume"))
                return answer(xen->resume(uuid, a));
        if (strcmp(what, "stop") || !seconds)
                usage();
        s = xen->stop(uuid, (unsigned)strtoul(seconds, NULL, 10), a, &clean);
        if (s)
                return answer(s);
        printf("0 %s\n", clean ? "clean" : "by force");
        return 0;
}

int main(int argc, char **argv)
{
        struct uuid uuid;

        a = arena_new();
        if (argc < 2)
                usage();
        if (xen->open("/nonexistent"))
                return answer(error_last()->status);
        if (!strcmp(argv[1], "create") && argc == 3)
                return create(argv[2]);
        if (!strcmp(argv[1], "unpause") && argc >= 4)
                return unpause(argc, argv);
        if (!strcmp(argv[1], "list"))
                return list();
        if (!strcmp(argv[1], "facts"))
                return facts();
        if (!strcmp(argv[1], "wait") && argc == 3)
                return wait_for(strtoul(argv[2], NULL, 10));
        if (argc >= 3 && uuid_read(argv[2], &uuid))
                return with_uuid(argv[1], &uuid, argv[3]);
        usage();
}
