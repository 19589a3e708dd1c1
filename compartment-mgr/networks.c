/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the host's policy of networks, a file of the admin's in the measured root with a line for
 * each bridge. Looks in /sys/class/net for bridges. Nothing is joined here.
 */
#include "compartment-mgr/networks.h"
#include "lib/config.h"
#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INTERFACE_MOST = 15 /* IFNAMSIZ - 1 */ };

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-"

static bool real;

void networks_open(bool is_real)
{
        real = is_real;
}

struct word {
        const char *at;
        size_t len;
};

/* The next word of a line, empty at its end. */
static struct word next_word(struct word *line)
{
        struct word w;

        while (line->len && (*line->at == ' ' || *line->at == '\t')) {
                line->at++;
                line->len--;
        }
        w = (struct word){line->at, 0};
        while (w.len < line->len && w.at[w.len] != ' ' && w.at[w.len] != '\t')
                w.len++;
        line->at += w.len;
        line->len -= w.len;
        return w;
}

static bool word_is(struct word w, const char *text)
{
        return w.len == strlen(text) && !memcmp(w.at, text, w.len);
}

static bool is_name(struct word w, size_t most)
{
        for (size_t i = 0; i < w.len; i++)
                if (!memchr(NAME_CHARACTERS, w.at[i], sizeof NAME_CHARACTERS - 1))
                        return false;
        return w.len && w.len <= most;
}

/* One that can own a VM: no other would ever be compared with. */
static bool is_principal(struct word w)
{
        char text[PRINCIPAL_TEXT_SIZE] = "";

        if (w.len >= sizeof text)
                return false;
        memcpy(text, w.at, w.len);
        return (!strncmp(text, "uid:", 4) || !strncmp(text, "tls:", 4)) && principal_is_text(text);
}

/* What follows prefix, or an empty word. */
static struct word after(struct word w, const char *prefix)
{
        const size_t n = strlen(prefix);

        if (w.len < n || memcmp(w.at, prefix, n))
                return (struct word){w.at, 0};
        return (struct word){w.at + n, w.len - n};
}

static enum status invalid(const char *path, unsigned number, struct word w, const char *expected)
{
        return FAIL(ST_INVALID, .subject = FMT("%s, line %u", path, number), .expected = expected,
                    .found = FMT("'%.*s'", w.len > 80 ? 80 : (int)w.len, w.at),
                    .remedy = "bulkhead-networks(5)");
}

struct asking {
        const char *path, *bridge, *vm;
        const char *owner; /* as text */
        bool permitted;
};

/* The whole line is read, also of another bridge: a file with a mistake permits nothing. */
static enum status read_line(struct asking *q, unsigned number, struct word line)
{
        struct word bridge = next_word(&line), who;
        bool ours, any = false;

        if (!bridge.len || *bridge.at == '#')
                return ST_DONE;
        if (!is_name(bridge, INTERFACE_MOST))
                return invalid(q->path, number, bridge, "the name of a bridge");
        ours = word_is(bridge, q->bridge);
        while ((who = next_word(&line)).len && *who.at != '#') {
                struct word vm = after(who, "vm:"), owner = after(who, "owner:");

                if (!word_is(who, "*") && !is_name(vm, WORD_MOST) && !is_principal(owner))
                        return invalid(q->path, number, who,
                                       "*, vm:NAME, owner:uid:NUMBER or owner:tls:NAME");
                any = true;
                q->permitted |= ours && (word_is(who, "*") || word_is(vm, q->vm) ||
                                         word_is(owner, q->owner));
        }
        return any ? ST_DONE : invalid(q->path, number, bridge, "a bridge and who may join it");
}

enum status networks_judge(const char *path, struct bytes text, const struct nic *nic,
                           const char *vm, const struct principal *owner)
{
        char text_of_owner[PRINCIPAL_TEXT_SIZE];
        struct asking q = {.path = path,
                           .bridge = nic->bridge,
                           .vm = vm,
                           .owner = principal_write(owner, text_of_owner)};
        struct word rest = {(const char *)text.data, text.len};
        enum status s = ST_DONE;

        for (unsigned number = 1; rest.len && !s; number++) {
                const char *end = memchr(rest.at, '\n', rest.len);
                struct word line = {rest.at, end ? (size_t)(end - rest.at) : rest.len};

                s = read_line(&q, number, line);
                rest.at += line.len + !!end;
                rest.len -= line.len + !!end;
        }
        if (s || q.permitted)
                return s;
        return FAIL(
                ST_DENIED, .subject = FMT("interface %s of VM %s", nic->device, vm),
                .expected = FMT("a bridge that this host permits it (%s)", path),
                .found = QUOTED(nic->bridge),
                .remedy = FMT("if it may be joined, add a line there: %s vm:%s", nic->bridge, vm));
}

/* No bytes, which permit nothing, if there is no file. */
static enum status read_policy(const char *path, struct arena *a, struct bytes *text_out)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        struct stat st;
        uint8_t *text;
        ssize_t n;

        *text_out = (struct bytes){NULL, 0};
        if (fd < 0 && errno == ENOENT)
                return ST_DONE;
        if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > NETWORKS_MOST) {
                int e = fd < 0 ? errno : EINVAL;

                if (fd >= 0)
                        close(fd);
                return FAIL(fd < 0 ? status_of_errno(e) : ST_INVALID, .subject = path,
                            .expected = "a file of at most 256 KiB",
                            .found = fd < 0 ? strerror(e) : "something else");
        }
        text = arena_get(a, NETWORKS_MOST + 1);
        n = read(fd, text, NETWORKS_MOST + 1);
        close(fd);
        if (n < 0 || n > NETWORKS_MOST)
                return FAIL(ST_IO, .subject = path, .found = n < 0 ? strerror(errno) : "it grows");
        return text_read(path, (struct bytes){text, (size_t)n}, "bulkhead-networks(5)", a,
                         text_out);
}

static enum status is_bridge(const struct nic *nic)
{
        char path[64 + INTERFACE_MOST];

        snprintf(path, sizeof path, "/sys/class/net/%.15s/bridge", nic->bridge);
        if (!access(path, F_OK))
                return ST_DONE;
        return FAIL(ST_NOT_FOUND, .subject = FMT("bridge %s", nic->bridge),
                    .expected = FMT("a bridge in Dom0, for %s", nic->device),
                    .found = "no bridge of that name",
                    .remedy = FMT("ip link add %s type bridge && ip link set %s up", nic->bridge,
                                  nic->bridge));
}

enum status networks_permit(const struct vm_config *c, const struct principal *owner,
                            struct arena *a)
{
        char path[CONFIG_PATH];
        struct bytes text;
        enum status s;

        if (!c->nics.count)
                return ST_DONE;
        s = read_policy(config_path(path, config.etc, "networks"), a, &text);
        for (size_t i = 0; i < c->nics.count && !s; i++) {
                s = networks_judge(path, text, &c->nics.items[i], c->name, owner);
                if (!s && real)
                        s = is_bridge(&c->nics.items[i]);
        }
        return s;
}
