/* SPDX-License-Identifier: Apache-2.0 */
/* Folders by option, by environment or by default, in that order of weight. */
#include "lib/config.h"
#include "lib/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef BULKHEAD_PREFIX
#define BULKHEAD_PREFIX "/usr"
#endif

struct config config;

static const char *or_default(const char *variable, const char *usual)
{
        const char *value = getenv(variable);

        return value && *value ? value : usual;
}

void config_init(void)
{
        config.run = or_default("BULKHEAD_RUN", "/run/bulkhead");
        config.state = or_default("BULKHEAD_STATE", "/var/lib/bulkhead");
        config.libexec = or_default("BULKHEAD_LIBEXEC", BULKHEAD_PREFIX "/libexec/bulkhead");
        config.plugins = or_default("BULKHEAD_PLUGINS", BULKHEAD_PREFIX "/lib/bulkhead/plugins");
        config.share = or_default("BULKHEAD_SHARE", BULKHEAD_PREFIX "/share/bulkhead");
        config.etc = or_default("BULKHEAD_ETC", "/etc/bulkhead");
}

enum {
        OPTION_STATE = 0x1000,
        OPTION_ETC,
        OPTION_RUN,
        OPTION_LIBEXEC,
        OPTION_PLUGINS,
        OPTION_SHARE
};

/* In the order of their keys; the daemons' alone come first. */
static const struct argp_option options[] = {
        {"state", OPTION_STATE, "DIR", 0, "Folder of the state (/var/lib/bulkhead)", 10},
        {"etc", OPTION_ETC, "DIR", 0, "Folder of the host's policy (/etc/bulkhead)", 10},
        {"run", OPTION_RUN, "DIR", 0, "Folder of the sockets (/run/bulkhead)", 10},
        {"libexec", OPTION_LIBEXEC, "DIR", 0, "Folder of the workers", 10},
        {"plugins", OPTION_PLUGINS, "DIR", 0, "Folder of the measurement plug-ins", 10},
        {"share", OPTION_SHARE, "DIR", 0, "Folder of grammars and predicates", 10},
        {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
        static const char **const places[] = {&config.state,   &config.etc,     &config.run,
                                              &config.libexec, &config.plugins, &config.share};
        static bool given[sizeof places / sizeof *places];
        const int which = key - OPTION_STATE;

        if (key < OPTION_STATE || key > OPTION_SHARE)
                return ARGP_ERR_UNKNOWN;
        if (given[which])
                argp_error(state, "an option is given twice: --%s", options[which].name);
        given[which] = true;
        *places[which] = value;
        return 0;
}

const struct argp config_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};
const struct argp config_command_argp = {options + 2, parse, NULL, NULL, NULL, NULL, NULL};

const char *config_path(char path[CONFIG_PATH], const char *dir, const char *name)
{
        if (snprintf(path, CONFIG_PATH, "%s/%s", dir, name) >= CONFIG_PATH)
                fatal("the path %s/%s is too long", dir, name);
        return path;
}
