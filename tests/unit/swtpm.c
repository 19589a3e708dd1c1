/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated TPM of a test, and the shell for asking independent tools about it. */
#include "tests/unit/swtpm.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX], root[PATH_MAX], conf[PATH_MAX + 32], output[65536];
static pid_t pid;

static void give_up(const char *what)
{
        fprintf(stderr, "swtpm: %s failed\n", what);
        run("tail -n 5 log");
        fprintf(stderr, "%s", output);
        exit(99);
}

static void make_folder(void)
{
        const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : "build";
        char template[PATH_MAX];

        mkdir("build", 0777);
        snprintf(template, sizeof(template), "%s/swtpm-XXXXXX", base);
        if (!mkdtemp(template) || !realpath(template, folder) || !getcwd(root, sizeof(root)))
                give_up("making a folder");
        if (strlen(folder) > 90)
                give_up("a short path for a socket");
        snprintf(conf, sizeof(conf), "swtpm:path=%s/sock", folder);
        setenv("TPM2TOOLS_TCTI", conf, 1);
        atexit(swtpm_remove);
}

static void become_swtpm(void)
{
        char state[PATH_MAX + 32], server[PATH_MAX + 64], ctrl[PATH_MAX + 64];

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(state, sizeof(state), "%s/log", folder);
        if (!freopen(state, "a", stderr))
                _exit(126);
        snprintf(state, sizeof(state), "dir=%s", folder);
        snprintf(server, sizeof(server), "type=unixio,path=%s/sock", folder);
        snprintf(ctrl, sizeof(ctrl), "type=unixio,path=%s/sock.ctrl", folder);
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
               "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL);
        _exit(127);
}

void swtpm_start(void)
{
        char path[PATH_MAX + 32];

        swtpm_kill(); /* if a test failed before it could */
        if (!folder[0])
                make_folder();
        snprintf(path, sizeof(path), "%s/sock", folder);
        unlink(path);
        snprintf(path, sizeof(path), "%s/sock.ctrl", folder);
        unlink(path);
        pid = fork();
        if (!pid)
                become_swtpm();
        for (int i = 0; i < 500 && access(path, F_OK); i++)
                usleep(10000);
        /* A socket is there a moment before anybody listens at it. */
        for (int i = 0; run("tpm2_getcap -Q properties-fixed"); i++, usleep(20000))
                if (i == 50)
                        give_up(run_output());
        if (run("%s/scripts/swtpm.sh firmware '%s'", root, conf))
                give_up(run_output());
}

void swtpm_kill(void)
{
        if (pid > 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
        }
        pid = 0;
}

void swtpm_pause(int stop)
{
        kill(pid, stop ? SIGSTOP : SIGCONT);
}

void swtpm_remove(void)
{
        swtpm_kill();
        if (folder[0])
                run("rm -rf '%s'", folder);
        folder[0] = 0;
}

const char *swtpm_conf(void)
{
        return conf;
}

const char *swtpm_folder(void)
{
        return folder;
}

int run(const char *command, ...)
{
        char text[8192], whole[16384];
        va_list args;
        size_t len;
        FILE *f;
        int r;

        va_start(args, command);
        vsnprintf(text, sizeof(text), command, args);
        va_end(args);
        snprintf(whole, sizeof(whole), "cd '%s' && { %s\n} 2>&1", folder, text);
        f = popen(whole, "re");
        if (!f)
                give_up("a shell");
        len = fread(output, 1, sizeof(output) - 1, f);
        output[len] = 0;
        r = pclose(f);
        return WIFEXITED(r) ? WEXITSTATUS(r) : 128;
}

const char *run_output(void)
{
        return output;
}
