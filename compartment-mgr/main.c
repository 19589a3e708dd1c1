/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compartment-mgr: the only door. It is started as root, if possible, so that its workers and its
 * state have owners of their own, and then becomes the user bulkhead-cm. It parses nothing from
 * outside but messages: workers read XML and xl.cfg, and speak to the hypervisor.
 */
#include "compartment-mgr/access.h"
#include "compartment-mgr/compartment.h"
#include "compartment-mgr/events.h"
#include "compartment-mgr/networks.h"
#include "compartment-mgr/requests.h"
#include "compartment-mgr/state_key.h"
#include "compartment-mgr/stories.h"
#include "compartment-mgr/workers.h"
#include "lib/config.h"
#include "lib/report.h"
#include "lib/state_kinds.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REQUESTS_MOST = 64, CONNECTIONS_MOST = 1024, FRAME_MOST = 2 << 20, FILES = 2048, DOORS = 2 };

static struct {
        const char *hypervisor, *admin_group, *verifier_group;
} options = {.hypervisor = "xen"};

/* --- options ----------------------------------------------------------------------------- */

static const struct argp_option argp_options[] = {
        {"hypervisor", 'H', "KIND", 0, "xen, or sim: VMs are records and nothing is run (xen)", 0},
        {"admin-group", 'a', "GROUP", 0, "Its members are admins, as root is", 0},
        {"verifier-group", 'v', "GROUP", 0, "Its members see and attest their own VMs", 0},
        {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
        switch (key) {
        case 'H':
                options.hypervisor = value;
                return 0;
        case 'a':
                options.admin_group = value;
                return 0;
        case 'v':
                options.verifier_group = value;
                return 0;
        case ARGP_KEY_ARG:
                argp_usage(state);
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static void parse_options(int argc, char **argv)
{
        static const struct argp_child children[] = {{&config_argp, 0, "Folders:", 10}, {0}};
        static const struct argp argp = {
                .options = argp_options,
                .parser = parse_option,
                .doc = "The daemon to which everybody speaks: checks access, owns the life of the "
                       "VMs.",
                .children = children,
        };

        if (argp_parse(&argp, argc, argv, 0, NULL, NULL))
                _exit(2);
        if (strcmp(options.hypervisor, "xen") && strcmp(options.hypervisor, "sim"))
                fatal("hypervisor %s: there is xen and sim", options.hypervisor);
}

static gid_t group_of(const char *name)
{
        const struct group *g = name ? getgrnam(name) : NULL;

        if (name && !g)
                fatal("there is no group %s", name);
        return g ? g->gr_gid : (gid_t)-1;
}

/* --- openings ---------------------------------------------------------------------------- */

/* Makes the folder as root, for the daemon's user. */
static int open_folder(const char *path)
{
        const struct passwd *user = getuid() ? NULL : getpwnam(USER_CM);
        int dir;

        if (state_folder(path, &dir))
                fatal("%s: %s %s", path, status_sentence(error_last()->status),
                      error_last()->found);
        if (user && fchown(dir, user->pw_uid, user->pw_gid))
                fatal("%s: cannot be given to %s: %s", path, USER_CM, strerror(errno));
        return dir;
}

static int open_state(char sim[CONFIG_PATH], int *own_out)
{
        char own[CONFIG_PATH], vms[CONFIG_PATH];
        int dir;

        dir = open_folder(config_path(own, config.state, "compartment-mgr"));
        if (state_lock(dir))
                fatal("%s: another compartment-mgr uses it", own);
        if (state_kinds_check(dir)) {
                report_error("reading the state");
                fatal("%s cannot be used", own);
        }
        *own_out = dir;
        close(open_folder(config_path(sim, own, "sim")));
        return open_folder(config_path(vms, own, "vms"));
}

static void hold_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
}

/* Two sockets with the same requests: at the one to which everybody may connect a flood fills the
 * queue of those who want to, which the kernel keeps, and an administrator must not stand in it. */
static void open_doors(int fds_out[DOORS], gid_t admin_group)
{
        char path[CONFIG_PATH];

        if (local_socket_listen(config_path(path, config.run, SOCKET_CM), 0666, &fds_out[0]) ||
            local_socket_listen(config_path(path, config.run, SOCKET_ADMIN), 0660, &fds_out[1]) ||
            (admin_group != (gid_t)-1 && local_socket_give(path, getuid(), admin_group))) {
                report_error("opening the door");
                exit(3);
        }
}

static struct server *open_server(const int fds[DOORS])
{
        struct server_listener door = {
                .handlers = requests_handlers,
                .handlers_count = requests_handlers_count,
                .frame_most = FRAME_MOST,
                .admit = access_admit,
        };
        struct server *server = server_new(&(struct server_options){
                .requests_most = REQUESTS_MOST, .connections_most = CONNECTIONS_MOST});

        for (size_t i = 0; i < DOORS; i++) {
                door.fd = fds[i];
                server_add_listener(server, &door);
        }
        return server;
}

/* The server is not freed: threads that follow VMs may still tell of them. */
static int serve(struct server *server)
{
        int watch[WORKERS], r;

        workers_hangups(watch);
        r = server_run(server, watch, WORKERS);
        events_stop();
        workers_stop();
        return r;
}

static int state_of_daemon = -1; /* the folder */

static void recover(void)
{
        recover_host(state_of_daemon);
}

int main(int argc, char **argv)
{
        static const struct sandbox sandbox = {.profile = SANDBOX_DAEMON, .files = FILES};
        char sim[CONFIG_PATH];
        struct server *server;
        int vms, state, doors[DOORS];
        gid_t admin_group;

        process_harden();
        close_range(3, ~0U, 0); /* what the starting shell left open */
        report_open("compartment-mgr");
        config_init();
        parse_options(argc, argv);
        admin_group = group_of(options.admin_group);
        access_setup(getuid(), admin_group, group_of(options.verifier_group));
        vms = open_state(sim, &state);
        open_doors(doors, admin_group);
        workers_start(options.hypervisor, sim);
        state_setup(user_drop(USER_CM, NULL), options.hypervisor);
        networks_open(strcmp(options.hypervisor, "sim"));
        hold_signals();
        sandbox_enter(&sandbox);
        server = open_server(doors);
        requests_open(server);
        if (state_kinds_check(vms)) {
                report_error("reading the VMs' definitions");
                return 3;
        }
        compartments_set_up(vms, !strcmp(options.hypervisor, "sim"), requests_vm_changed);
        state_of_daemon = state;
        state_key_open(vms, recover);
        return serve(server);
}
