/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the message table of docs/protocol.md from include/bulkhead/messages.def: `make docs`
 * puts it there, and a test holds the document against it. */
#include <stdio.h>

#define WITHOUT_OLDER_RECORDS

enum {
#define BOUND(name, number, what) name = (number),
#include "bulkhead/messages.def"
};

#define ROW(server, number, name, who, request, reply)                                             \
        printf("| %d | `%s` | %s | %s | %s | %s |\n", number, #name, server, #who, #request,       \
               #reply);
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
#define EVENT(number, name, fields)                                                                \
        printf("| %d | `%s` | CM | event | %s | |\n", number, #name, #fields);

int main(void)
{
        puts("| number | name | answered by | who may ask | request | reply |");
        puts("|---|---|---|---|---|---|");
#include "bulkhead/messages.def"
        puts("");
        puts("| part | fields |");
        puts("|---|---|");
#define RECORD(name, fields) printf("| `%s` | %s |\n", #name, #fields);
#include "bulkhead/messages.def"
        puts("");
        puts("| bound | number | of |");
        puts("|---|---|---|");
#define BOUND(name, number, what) printf("| `%s` | %d | %s |\n", #name, name, what);
#include "bulkhead/messages.def"
        return 0;
}
