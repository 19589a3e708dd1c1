/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the lists of docs/protocol.md from include/bulkhead/messages.def: messages, parts, bounds.
 * `make docs` puts them there, and a test compares the document with them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WITHOUT_OLDER_RECORDS

enum {
#define BOUND(name, number, what) name = (number),
#include "bulkhead/messages.def"
};

enum { COLUMNS = 100, INDENT = 2, LINE_MOST = 8192 };

/* Prints one item of a list, its lines broken at blanks. */
static void __attribute__((format(printf, 1, 2))) item(const char *format, ...)
{
        char line[LINE_MOST], *rest = NULL;
        size_t column = 1;
        va_list args;

        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        putchar('*');
        for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                if (column + 1 + strlen(word) > COLUMNS) {
                        printf("\n%*s", INDENT - 1, "");
                        column = INDENT - 1;
                }
                printf(" %s", word);
                column += 1 + strlen(word);
        }
        putchar('\n');
}

static void message(const char *server, int number, const char *name, const char *who,
                    const char *request, const char *reply)
{
        item("%d **%s** (%s, %s): %s → %s", number, name, server, who,
             *request ? request : "nothing", *reply ? reply : "nothing");
}

#define ROW(server, number, name, who, request, reply)                                             \
        message(server, number, #name, #who, #request, #reply);
#define CM_MSG(number, name, who, request, reply) ROW("CM", number, name, who, request, reply)
#define IM_MSG(number, name, who, request, reply) ROW("IM", number, name, who, request, reply)
#define SVDM_MSG(number, name, who, request, reply) ROW("svdm", number, name, who, request, reply)
#define CONFIG_MSG(number, name, who, request, reply)                                              \
        ROW("config", number, name, who, request, reply)
#define DOMAIN_MSG(number, name, who, request, reply)                                              \
        ROW("domain", number, name, who, request, reply)
#define XML_MSG(number, name, who, request, reply) ROW("xml", number, name, who, request, reply)
#define MEASURE_MSG(number, name, who, request, reply)                                             \
        ROW("measure", number, name, who, request, reply)
#define POLICY_MSG(number, name, who, request, reply)                                              \
        ROW("policy", number, name, who, request, reply)
#define TPM_MSG(number, name, who, request, reply) ROW("tpm", number, name, who, request, reply)
#define DEVICE_MSG(number, name, who, request, reply)                                              \
        ROW("device", number, name, who, request, reply)
#define EVENT(number, name, fields) item("%d **%s** (CM, event): %s", number, #name, #fields);

int main(void)
{
        puts("\n## Messages\n\nNumber, name, the process that answers, the role that may ask:"
             "\nrequest → reply.\n");
#include "bulkhead/messages.def"
        puts("\n## Enumerations\n\nOne byte each: 0 for the first word, and so on.\n");
#define VALUE(constant, word) " " word ","
#define ENUMERATION(name, values) item("**%s**:%.*s", #name, (int)strlen(values) - 1, values);
#include "bulkhead/messages.def"
        puts("\n## Parts\n");
#define RECORD(name, fields) item("**%s**: %s", #name, #fields);
#include "bulkhead/messages.def"
        puts("\n## Bounds\n");
#define BOUND(name, number, what) item("`%s` = %d: %s", #name, name, what);
#include "bulkhead/messages.def"
        return 0;
}
