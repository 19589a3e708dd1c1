/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svdm, the secure virtual device manager: has the disks of VMs opened, sealed, unlocked and
 * released. compartment-mgr alone asks it. svdm starts its device worker as root and then becomes a
 * user of its own. It links no libcryptsetup and can touch nothing but its own state folder.
 */
#include "lib/config.h"
#include "lib/local_socket.h"
#include "lib/report.h"
#include "lib/sandbox.h"
#include "lib/state_file.h"
#include "svdm/held.h"
#include "svdm/requests.h"
#include "svdm/session.h"
#include "svdm/slot_key.h"

#include <argp.h>
#include <malloc.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        REQUESTS_MOST = 64,
        CONNECTIONS_MOST = 256,
        FRAME_MOST = 1 << 20, /* 32 disks with their paths are far less */
        SWEEP_TIME = 30000,
        FILES_MOST = 16384, /* descriptors: an operation has 32 disks with three each */
};

static const char *backend = "dm"; /* the simulation has to be asked for */
static uid_t cm_uid;

const char *argp_program_version = "svdm " BULKHEAD_VERSION;

static error_t parse(int key, char *value, struct argp_state *state)
{
        (void)state;
        if (key != 'd')
                return ARGP_ERR_UNKNOWN;
        backend = value;
        return 0;
}

static void read_options(int argc, char **argv)
{
        static const struct argp_option options[] = {
                {"devices", 'd', "BACKEND", 0,
                 "How disks are mapped: dm, by device-mapper; sim, not at all (dm)", 0},
                {0}};
        static const struct argp_child children[] = {{&config_argp, 0, NULL, 0}, {0}};
        static const struct argp argp = {.options = options,
                                         .parser = parse,
                                         .children = children,
                                         .doc = "The device manager of Bulkhead: opens, maps and "
                                                "unlocks the disks of VMs."};

        config_init();
        argp_parse(&argp, argc, argv, 0, NULL, NULL);
        if (strcmp(backend, "sim") && strcmp(backend, "dm"))
                fatal("there is no device back-end %s: --devices dm or sim", backend);
        if (!strcmp(backend, "dm") && geteuid())
                fatal("--devices dm needs root: start as root, or use --devices sim");
}

static bool admit(int fd, struct caller *caller_out)
{
        struct local_peer peer;

        if (!local_socket_peer(fd, &peer) || peer.uid != cm_uid)
                return false;
        local_peer_name(&peer, caller_out);
        caller_out->roles = DAEMON;
        caller_out->may_pass_fds = true;
        return true;
}

/* The only user whom svdm answers: compartment-mgr's, or svdm's own user if it was not started as
 * root. */
static void learn_users(void)
{
        const struct passwd *cm = getuid() ? NULL : getpwnam(USER_CM);

        if (!getuid() && !cm)
                fatal("there is no user %s: install Bulkhead's users (sysusers), or start as a "
                      "plain user",
                      USER_CM);
        cm_uid = cm ? cm->pw_uid : getuid();
}

static struct worker *start_content_worker(void)
{
        char path[CONFIG_PATH];
        struct worker *w;

        if (worker_start(config_path(path, config.libexec, "content_worker"), NULL, USER_WORKER,
                         NULL, &w)) {
                report_error("starting the content worker");
                exit(3);
        }
        return w;
}

static struct worker *start_device_worker(void)
{
        char path[CONFIG_PATH], trees[CONFIG_PATH];
        const char *const args[] = {"--devices", backend, "--trees",
                                    config_path(trees, config.state, "svdm/trees"), NULL};
        struct worker *w;

        if (worker_start(config_path(path, config.libexec, "device_worker"), args, NULL, NULL,
                         &w)) {
                report_error("starting the device worker");
                exit(3);
        }
        return w;
}

/* Before the drop of rights: makes the folder the daemon's own, whoever made it. */
static int own_state_folder(void)
{
        const struct passwd *own = getuid() ? NULL : getpwnam(USER_SVDM);
        char path[CONFIG_PATH];
        int dir;

        if (state_folder(config_path(path, config.state, "svdm"), &dir)) {
                report_error("opening the state folder");
                exit(3);
        }
        if (own && fchown(dir, own->pw_uid, own->pw_gid))
                fatal("cannot give %s to %s", path, USER_SVDM);
        return dir;
}

static void read_state(int dir)
{
        if (state_lock(dir) || held_load(dir) || slot_key_load(dir, &svdm.slot_key)) {
                report_error("reading the state");
                exit(3);
        }
}

/* Unmaps what operations of an svdm that died have left mapped; what running VMs have stays. */
static void sweep(void)
{
        struct arena *a = arena_new();
        struct device_sweep_req q = {0};
        struct device_sweep_rep p = {0};

        held_vms(a, &q.held.items, &q.held.count);
        if (worker_call(svdm.worker, SWEEP_TIME, CALL(device_sweep, &q, &p), a))
                report_error("looking for what was left mapped");
        if (p.removed)
                report_info("unmapped %u devices that nobody holds", p.removed);
        arena_free(a);
}

int main(int argc, char **argv)
{
        static const struct sandbox sandbox = {.profile = SANDBOX_DAEMON, .files = FILES_MOST};
        struct server_listener door = {.handlers = svdm_handlers,
                                       .roles_of = svdm_roles_of,
                                       .frame_most = FRAME_MOST,
                                       .admit = admit};
        struct server *server;
        char path[CONFIG_PATH];
        struct worker *w, *content;
        int hangups[2], dir;
        bool own_user;

        process_harden();
        close_range(3, ~0U, 0);               /* what the starting shell left open */
        mallopt(M_MMAP_THRESHOLD, 128 << 10); /* fixed: headers go back to the kernel after use */
        report_open("svdm");
        read_options(argc, argv);
        learn_users();
        door.handlers_count = svdm_handlers_count;
        if (local_socket_listen(config_path(path, config.run, SOCKET_SVDM), 0600, &door.fd) ||
            (!getuid() && local_socket_give(path, cm_uid, (gid_t)-1))) {
                report_error("opening the socket");
                return 3;
        }
        dir = own_state_folder(); /* the worker has a folder of its own in it */
        w = start_device_worker();
        content = start_content_worker();
        hangups[0] = worker_hangup_fd(w);
        hangups[1] = worker_hangup_fd(content);
        own_user = user_drop(USER_SVDM, NULL);
        svdm = (struct svdm){.worker = w,
                             .content = content,
                             .dir = dir,
                             .backend = backend,
                             .own_user = own_user};
        read_state(dir);
        sweep();
        sandbox_enter(&sandbox);
        server = server_new(&(struct server_options){.requests_most = REQUESTS_MOST,
                                                     .connections_most = CONNECTIONS_MOST});
        server_add_listener(server, &door);
        report_info("serves %s; devices: %s", path, backend);
        return server_run(server, hangups, 2);
}
