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

/* Before any other call of libxml2 or libxslt; a second call does nothing. From then on no
 * allocator returns NULL to these libraries: the process says "out of memory" and exits with status
 * 3. */
void xml_limits_init(void);

/* Lets libxml2 load files, or forbids it again: for grammars at warm-up, never for input. */
void xml_limits_files(bool allowed);

/* Parses the text; the caller frees the tree with xmlFreeDoc(). ST_INVALID or ST_TOO_LARGE, with
 * `name` and the line as subject. */
enum status xml_read(struct bytes text, const char *name, const struct xml_caps *caps,
                     xmlDoc **doc_out);

/* The exclusive canonical form, with comments, in the arena: the bytes that `xmllint --exc-c14n`
 * prints. ST_INVALID for a document that has none. */
enum status xml_canonical(xmlDoc *doc, struct arena *a, struct bytes *out);

/* Collects what libxml2 (by both of its callbacks) and libxslt report between begin and end; a
 * process can have one such pair open. A result counts only if `count` is 0. */
struct xml_errors {
        unsigned count;
        int line;       /* of the first */
        xmlNode *node;  /* of the first, or NULL */
        char text[256]; /* of the first */
        bool in_pieces; /* text came from xml_errors_generic() */
};
void xml_errors_begin(struct xml_errors *errors);
void xml_errors_end(void);

/* A generic error callback, also for libxslt. context: a struct xml_errors. */
void xml_errors_generic(void *context, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
