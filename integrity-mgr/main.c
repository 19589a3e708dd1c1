/* SPDX-License-Identifier: Apache-2.0 */
/*
 * integrity-mgr: measures, keeps the log, seals and attests (OpenTC D05.4, section 3.3). No other
 * daemon has the TPM worker. It answers compartment-mgr, calls no daemon, parses no XML, links no
 * TPM library and writes only to its state folder.
 */
#include "integrity-mgr/judge.h"
#include "integrity-mgr/measure.h"
#include "integrity-mgr/im_state.h"
#include "integrity-mgr/requests.h"
#include "integrity-mgr/tpm_client.h"
#include "lib/config.h"
#include "lib/local_socket.h"
#include "lib/report.h"
#include "lib/sandbox.h"
#include "lib/state_kinds.h"
#include "lib/worker.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { REQUESTS_MOST = 64, CONNECTIONS_MOST = 128, OPTION_TCTI = 't' };

static uid_t started_as, door_uid; /* door_uid may ask: compartment-mgr's user */

static bool admit(int fd, struct caller *caller_out)
{
        struct local_peer peer;

        if (!local_socket_peer(fd, &peer) || peer.uid != door_uid)
                return false;
        local_peer_name(&peer, caller_out);
        caller_out->roles = DAEMON;
        caller_out->may_pass_fds = true;
        return true;
}

static struct worker *start(const char *name, const char *user, const char *group_too)
{
        char path[CONFIG_PATH];
        struct worker *w;

        if (worker_start(config_path(path, config.libexec, name), (const char *const[]){NULL}, user,
                         group_too, &w)) {
                report_error(name);
                fatal("cannot start %s", path);
        }
        return w;
}

static int open_state(const struct passwd *owner)
{
        char path[CONFIG_PATH];
        int dir;

        if (state_folder(config_path(path, config.state, "integrity-mgr"), &dir) ||
            (owner && fchown(dir, owner->pw_uid, owner->pw_gid) && errno != EPERM) ||
            state_lock(dir) || state_kinds_check(dir)) {
                report_error("opening the state folder");
                fatal("cannot use %s", path);
        }
        return dir;
}

static const struct passwd *user(const char *name)
{
        const struct passwd *pw = getpwnam(name);

        if (!pw)
                fatal("there is no user %s: see scripts/setup", name);
        return pw;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
        (void)state;
        if (key != OPTION_TCTI)
                return ARGP_ERR_UNKNOWN;
        /* tpm_worker alone reads it, and inherits it */
        return setenv("BULKHEAD_TCTI", value, 1) ? errno : 0;
}

int main(int argc, char **argv)
{
        static const struct argp_option options[] = {
                {"tcti", OPTION_TCTI, "CONF", 0,
                 "Which TPM, as tpm2-tss names it (device:/dev/tpmrm0; environment BULKHEAD_TCTI)",
                 0},
                {0}};
        static const struct argp_child children[] = {{&config_argp, 0, NULL, 0}, {0}};
        static const struct argp argp = {.options = options,
                                         .parser = parse,
                                         .children = children,
                                         .doc = "integrity-mgr: measures, seals and attests."};
        char path[CONFIG_PATH];
        struct worker *measure, *policy, *tpm;
        struct server_listener door = {.handlers = requests_handlers,
                                       .handlers_count = requests_handlers_count,
                                       .frame_most = MESSAGE_MOST,
                                       .roles_of = requests_roles_of,
                                       .admit = admit};
        struct server *server;
        bool own_user;
        int state, r;

        process_harden();
        close_range(3, ~0U, 0); /* what the starting shell left open */
        config_init();
        argp_parse(&argp, argc, argv, 0, NULL, NULL);
        report_open("integrity-mgr");
        started_as = geteuid();
        door_uid = started_as ? started_as : user(USER_CM)->pw_uid;

        state = open_state(started_as ? NULL : user(USER_IM));
        if (local_socket_listen(config_path(path, config.run, SOCKET_IM), 0600, &door.fd) ||
            (!getuid() && local_socket_give(path, door_uid, (gid_t)-1))) {
                report_error("opening the door");
                fatal("cannot listen on %s", path);
        }
        measure = start("measure_worker", USER_WORKER, NULL);
        policy = start("policy_worker", USER_WORKER, NULL);
        tpm = start("tpm_worker", USER_IM, GROUP_TPM);
        judge_start(policy);

        own_user = user_drop(USER_IM, NULL);
        sandbox_enter(&(struct sandbox){.profile = SANDBOX_DAEMON});
        measure_start(measure); /* their threads are in the sandbox, and have all priority */
        tpm_client_start(tpm);
        if (im_state_open(state, own_user)) {
                report_error("reading the state");
                fatal("the state cannot be used");
        }
        server = server_new(&(struct server_options){.requests_most = REQUESTS_MOST,
                                                     .connections_most = CONNECTIONS_MOST});
        server_add_listener(server, &door);
        r = server_run(
                server,
                (int[]){worker_hangup_fd(measure), worker_hangup_fd(policy), worker_hangup_fd(tpm)},
                3);
        tpm_client_stop();
        measure_stop();
        worker_stop(measure);
        worker_stop(policy);
        worker_stop(tpm);
        server_free(server);
        return r;
}
