/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the kernel tells of how this host was booted, and puts into words what follows from
 * it. state.c comes here; nothing is opened but files of proc and sys.
 */
#include "compartment-mgr/tcb.h"
#include "lib/kernel_pcr.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LINE_MOST = 4096, HASH_LEN = 64 };

static const char hash_word[] = "bulkhead.roothash=";

/* Reads a file below `folder`. Its length, or 0 if it cannot be read; text ends with a 0. */
static size_t read_file(char text[static LINE_MOST], const char *folder, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static size_t read_file(char text[static LINE_MOST], const char *folder, const char *format, ...)
{
        char name[256], path[512];
        va_list list;
        ssize_t n = -1;
        int fd;

        va_start(list, format);
        vsnprintf(name, sizeof name, format, list);
        va_end(list);
        snprintf(path, sizeof path, "%s%s", folder, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
                n = read(fd, text, LINE_MOST - 1);
                close(fd);
        }
        text[n > 0 ? n : 0] = 0;
        return n > 0 ? (size_t)n : 0;
}

/* Reads 64 hex digits, behind which has to stand one of the characters of `end`, or a 0. */
static bool read_hash(char out[static HASH_LEN + 1], const char *text, const char *end)
{
        out[0] = 0;
        for (size_t i = 0; i < HASH_LEN; i++)
                if (!isxdigit((unsigned char)text[i]))
                        return false;
        if (!strchr(end, text[HASH_LEN]))
                return false;
        for (size_t i = 0; i < HASH_LEN; i++)
                out[i] = (char)tolower((unsigned char)text[i]);
        out[HASH_LEN] = 0;
        return true;
}

static void read_command_line(const char *folder, struct tcb *tcb)
{
        char line[LINE_MOST], *rest = line, *word;
        size_t hashes = 0, closings = 0;
        bool last = false;

        read_file(line, folder, "/proc/cmdline");
        while ((word = strsep(&rest, " \n"))) {
                if (!*word)
                        continue;
                last = !strcmp(word, "--");
                closings += last;
                if (strncmp(word, hash_word, sizeof hash_word - 1))
                        continue;
                hashes++;
                read_hash(tcb->root_hash, word + sizeof hash_word - 1, "");
        }
        if (hashes != 1)
                tcb->root_hash[0] = 0;
        tcb->line_closed = last && closings == 1;
}

static bool is_verity(const char *folder, dev_t root)
{
        char text[LINE_MOST];

        read_file(text, folder, "/sys/dev/block/%u:%u/dm/uuid", major(root), minor(root));
        if (strncmp(text, "CRYPT-VERITY-", 13))
                return false;
        read_file(text, folder, "/sys/dev/block/%u:%u/dm/name", major(root), minor(root));
        return !strcmp(text, "bulkhead-root\n");
}

static enum secure_boot read_secure_boot(const char *folder)
{
        static const char variable[] = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        char text[LINE_MOST];

        /* four bytes of attributes, then the variable */
        if (read_file(text, folder, "/sys/firmware/efi/efivars/%s", variable) != 5)
                return SECURE_BOOT_UNKNOWN;
        return text[4] == 1 ? SECURE_BOOT_ON : text[4] == 0 ? SECURE_BOOT_OFF : SECURE_BOOT_UNKNOWN;
}

void tcb_read(const char *folder, dev_t root, enum hash_alg bank, struct tcb *tcb_out)
{
        struct digest pcr4;
        char path[512];

        *tcb_out = (struct tcb){.bank = bank,
                                .verity = is_verity(folder, root),
                                .secure_boot = read_secure_boot(folder)};
        snprintf(path, sizeof path, "%s/sys/firmware/efi", folder);
        tcb_out->efi = !access(path, F_OK);
        read_command_line(folder, tcb_out);
        if (bank && !kernel_pcr(folder, bank, 4, &pcr4))
                digest_hex(&pcr4, tcb_out->pcr4);
        error_clear();
}

static struct fact fact(const char *name, uint8_t level, const char *value)
{
        return (struct fact){.area = "tcb", .name = name, .value = value, .level = level};
}

static struct fact root_fact(struct arena *a, const struct tcb *tcb)
{
        static const char name[] = "Dom0 root, daemons, plug-ins";

        if (!tcb->verity)
                return fact(name, FACT_WARNING,
                            "not measured: / is not the dm-verity device of a unified image; "
                            "bulkhead host image makes one");
        if (!*tcb->root_hash || !tcb->line_closed)
                return fact(name, FACT_WARNING,
                            "under dm-verity, but the kernel's command line is not that of a "
                            "unified image: nothing tells that its root hash was measured");
        return fact(name, FACT_PLAIN,
                    arena_print(a,
                                "measured: read-only under dm-verity; root hash on the "
                                "kernel's command line: %s",
                                tcb->root_hash));
}

static struct fact boot_fact(struct arena *a, const struct tcb *tcb, bool approved)
{
        static const char name[] = "Xen, Dom0 kernel, initramfs";

        if (!tcb->efi || !tcb->verity || !*tcb->root_hash || !tcb->line_closed)
                return fact(name, FACT_WARNING,
                            "not measured: this host was not booted from a unified image");
        if (!tcb->bank)
                return fact(name, FACT_WARNING,
                            "unknown: in which bank of PCRs this host is measured, as "
                            "integrity-mgr does not tell");
        if (!*tcb->pcr4)
                return fact(name, FACT_WARNING,
                            arena_print(a, "unknown: the kernel does not tell PCR 4 of the bank %s",
                                        hash_name(tcb->bank)));
        if (!approved)
                return fact(name, FACT_WARNING,
                            arena_print(a,
                                        "a unified image, as far as the command line tells, but "
                                        "the present state is not approved; PCR 4 is %s; "
                                        "bulkhead status --image FILE.efi compares",
                                        tcb->pcr4));
        return fact(name, FACT_PLAIN,
                    arena_print(a,
                                "measured, as far as the command line tells: PCR 4 is %s, in a "
                                "state that the site key approved; bulkhead status --image "
                                "FILE.efi compares",
                                tcb->pcr4));
}

/* Xen takes options from a boot entry, but not under Secure Boot (docs/misc/efi of Xen 4.17). */
static struct fact options_fact(const struct tcb *tcb)
{
        static const char name[] = "options of the boot entry";

        switch (tcb->secure_boot) {
        case SECURE_BOOT_ON:
                return fact(name, FACT_PLAIN, "Secure Boot is on: Xen ignores them");
        case SECURE_BOOT_OFF:
                return fact(name, FACT_WARNING,
                            "Secure Boot is off: they can add to Xen's own options, and PCR 4 "
                            "does not tell; seal with hypervisor: to bind them");
        default:
                return fact(name, FACT_WARNING,
                            "unknown: whether Secure Boot is on, as efivarfs does not tell; if "
                            "it is off they can add to Xen's own options");
        }
}

size_t tcb_facts(struct arena *a, const struct tcb *tcb, bool approved,
                 struct fact facts_out[static TCB_FACTS])
{
        size_t n = 0;

        facts_out[n++] = boot_fact(a, tcb, approved);
        if (tcb->efi)
                facts_out[n++] = options_fact(tcb);
        facts_out[n++] = root_fact(a, tcb);
        return n;
}
