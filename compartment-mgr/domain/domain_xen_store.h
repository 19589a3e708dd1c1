/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore, as the back-end for Xen needs it. A guest may write below /local/domain/ID/{data,
 * device,control...}, so nothing there is believed. What is believed lies below /libxl, /vm and
 * /local/domain/0, where guests cannot write.
 *
 * Each process has one connection, which is opened when it is first used: never in a warm parent.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_STORE_H
#define BULKHEAD_COMPARTMENT_MGR_DOMAIN_DOMAIN_XEN_STORE_H

#include "lib/message.h"

/* ST_UNREACHABLE if xenstored is gone. The other functions connect by themselves. */
enum status store_connect(void);
/* NULL in *text_out if there is no such node. */
enum status store_read(struct arena *a, const char *path, const char **text_out);
/* The names below a node, none if there is no such node. */
enum status store_list(struct arena *a, const char *path, const char *const **names_out,
                       size_t *count_out);

enum status store_write(const char *path, const char *text);
/* Removes a node with all below it; ST_DONE if there is no such node. */
enum status store_remove(const char *path);

/* Waits, for ms at most (NO_DEADLINE: for ever), until a domain has come, ended or gone since the
 * last call of this process. *changed_out: did that happen? True at the first call, where watching
 * begins. ST_UNREACHABLE if the store is gone. */
enum status store_wait(int ms, bool *changed_out);

/* The mark of a domain that this back-end built: UUID and domid, since both may come again, and how
 * far it got. Only such a domain is ours. */
enum mark_stage {
        MARK_NONE,
        MARK_BUILDING, /* its domid is not known yet */
        MARK_BUILT,    /* never ran: what it was built from is still to be compared */
        MARK_RELEASED  /* compared, and let run */
};
struct mark {
        enum mark_stage stage;
        uint32_t domid;
};
enum status mark_read(struct arena *a, const struct uuid *uuid, struct mark *mark_out);
enum status mark_write(const struct uuid *uuid, enum mark_stage stage, uint32_t domid);
enum status mark_remove(const struct uuid *uuid); /* ST_DONE if there was none */

#endif
