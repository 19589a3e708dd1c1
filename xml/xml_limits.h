/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile bytes to a libxml2 tree, and a tree to its canonical form (W3C xml-exc-c14n).
 *
 * What is refused before libxml2 sees a byte: more than caps->bytes, anything but UTF-8, control
 * characters, a document type, processing instructions, more than XML_DEPTH nested elements,
 * XML_ATTRIBUTES in one element, XML_NAMESPACES declarations in all, a name of more than XML_NAME
 * bytes, more than caps->nodes nodes. Nothing outside the bytes is ever read: no entity, no
 * inclusion, no catalogue, no network.
 */
#ifndef BULKHEAD_XML_LIMITS_H
#define BULKHEAD_XML_LIMITS_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/status.h"

#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <stdbool.h>

enum { XML_DEPTH = 64, XML_ATTRIBUTES = 64, XML_NAMESPACES = 64, XML_NAME = 256 };

struct xml_caps {
        size_t bytes, nodes;
};
extern const struct xml_caps xml_caps_document; /* 1 MiB, 65,536 nodes: what a person writes */
extern const struct xml_caps xml_caps_evidence; /* 16 MiB, 524,288 nodes: what we write */

/* Once a process, before any other call of libxml2 or libxslt. After it these libraries never
 * see a NULL from an allocator: the process says "out of memory" and exits with status 3. */
void xml_limits_init(void);

/* true: until false, files may be loaded. For grammars at warm-up, not for input. */
void xml_limits_files(bool allowed);

/* The tree, to be freed with xmlFreeDoc(). ST_INVALID or ST_TOO_LARGE with the line in the error's
 * subject; `name` stands for the document there. */
enum status xml_read(struct bytes text, const char *name, const struct xml_caps *caps,
                     xmlDoc **doc_out);

/* Exclusive canonical form as `xmllint --exc-c14n` prints it, comments included: whoever hashes
 * that output has our digest. */
enum status xml_canonical(xmlDoc *doc, struct arena *a, struct bytes *out);

/* Everything that libxml2 (both callbacks) and libxslt report between begin and end, of which
 * one at a time may be open in a process. Its count must be 0 for a result to be believed. */
struct xml_errors {
        unsigned count;
        int line;       /* of the first */
        xmlNode *node;  /* of the first, or NULL */
        char text[256]; /* of the first */
        bool in_pieces; /* text came by a generic callback */
};
void xml_errors_begin(struct xml_errors *errors);
void xml_errors_end(void);

/* For libxslt's own callback. context: a struct xml_errors. */
void xml_errors_generic(void *context, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
