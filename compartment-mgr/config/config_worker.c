/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration worker: reads an xl.cfg, and a stored configuration, for compartment-mgr. It
 * holds no rights and opens nothing: no outside input is parsed where there are rights to lose.
 * Each request is served in a child of its own, bounded in memory and time.
 */
#include "compartment-mgr/config/xl_config.h"
#include "lib/report.h"
#include "lib/worker.h"

#include <sys/random.h>

#define CONFIG_MSG HANDLER_PROTOTYPE
#include "bulkhead/messages.def"

enum { MEMORY_LIMIT = 256 << 20, CPU_SECONDS = 5 };

static uint8_t random_bytes[XL_CONFIG_RANDOM]; /* taken before the sandbox closes */

static void child_begin(void)
{
        if (getrandom(random_bytes, sizeof random_bytes, 0) != (ssize_t)sizeof random_bytes)
                fatal("no random bytes");
}

enum status on_config_read(struct request *r, const struct config_read_req *q,
                           struct config_read_rep *p)
{
        struct xl_config_input in = {.text = q->xl_cfg, .uuid = q->uuid, .random = random_bytes};
        struct vm_config present;
        struct xl_config c;
        enum status s = ST_DONE;

        if (q->present.len) {
                s = xl_config_parse(r->arena, q->present, &present);
                in.present = &present;
        }
        if (!s)
                s = xl_config_read(r->arena, &in, &c, NULL);
        if (s)
                return s;
        p->name = c.name;
        p->uuid = c.uuid;
        p->json = c.json;
        p->disks.items = c.disks;
        p->disks.count = c.disks_count;
        return ST_DONE;
}

enum status on_config_check(struct request *r, const struct config_check_req *q,
                            struct config_check_rep *p)
{
        struct xl_config_input in = {.text = q->xl_cfg, .random = random_bytes};
        struct xl_config c;

        p->good = !xl_config_read(r->arena, &in, &c, &p->findings);
        error_clear();
        p->json = c.json;
        p->name = c.name ? c.name : "";
        p->uuid = c.uuid;
        p->boot =
                (struct boot_file_list){arena_copy(r->arena, c.boot, sizeof c.boot), c.boot_count};
        p->disks = (struct disk_list){c.disks, c.disks_count};
        p->nics = (struct nic_list){arena_copy(r->arena, c.nics, sizeof c.nics), c.nics_count};
        return ST_DONE;
}

enum status on_config_parse(struct request *r, const struct config_parse_req *q,
                            struct config_parse_rep *p)
{
        return xl_config_parse(r->arena, q->json, &p->config);
}

static const struct handler handlers[] = {
#define CONFIG_MSG HANDLER_ENTRY
#include "bulkhead/messages.def"
};

int main(void)
{
        static const struct sandbox sandbox = {
                .profile = SANDBOX_COMPUTE, .memory = MEMORY_LIMIT, .cpu_seconds = CPU_SECONDS};
        static const struct worker_duty duty = {.name = "config_worker",
                                                .handlers = handlers,
                                                .handlers_count =
                                                        sizeof handlers / sizeof *handlers,
                                                .sandbox = &sandbox,
                                                .child_begin = child_begin};

        process_harden();
        report_open("config_worker");
        sandbox_warm_up(SANDBOX_COMPUTE);
        worker_serve(&duty);
}
