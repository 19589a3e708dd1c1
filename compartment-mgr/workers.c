/* SPDX-License-Identifier: Apache-2.0 */
/* Starts each worker as the user that it needs. main.c alone comes here. */
#include "compartment-mgr/workers.h"
#include "lib/config.h"
#include "lib/report.h"

#include <string.h>

struct workers workers;

static struct worker *start(const char *name, const char *const *args, const char *user)
{
        char path[CONFIG_PATH];
        struct worker *w;

        config_path(path, config.libexec, name);
        if (worker_start(path, args, user, NULL, &w)) {
                report_error("starting a worker");
                fatal("%s does not start", path);
        }
        return w;
}

/* libxl needs root; the simulation needs its folder alone. */
void workers_start(const char *hypervisor, const char *sim)
{
        char descriptors[CONFIG_PATH];
        const char *const xml[] = {config_path(descriptors, config.share, "descriptors"), NULL};
        const char *const domain[] = {"--hypervisor", hypervisor, sim, NULL};
        static const char *const none[] = {NULL};

        workers.xml = start("xml_worker", xml, USER_WORKER);
        workers.config = start("config_worker", none, USER_WORKER);
        workers.domain = start("domain_worker", domain, strcmp(hypervisor, "xen") ? USER_CM : NULL);
}

void workers_hangups(int fds_out[static WORKERS])
{
        fds_out[0] = worker_hangup_fd(workers.xml);
        fds_out[1] = worker_hangup_fd(workers.config);
        fds_out[2] = worker_hangup_fd(workers.domain);
}

void workers_stop(void)
{
        worker_stop(workers.xml);
        worker_stop(workers.config);
        worker_stop(workers.domain);
}
