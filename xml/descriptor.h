/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation and sealing descriptors (OpenTC D05.4, figures 3.8 and 3.10; the grammars in
 * descriptors/ and man bulkhead-descriptor say what one is) to struct descriptor of lib/message.h.
 *
 * digest = H(canonical); canonical is the document's exclusive canonical form, with its comments.
 * For the file F as it was given, `xmllint --exc-c14n F | sha256sum` prints the same digest
 * (xmllint 2.9.14 writes no line end after the form, so none has to be cut off).
 */
#ifndef BULKHEAD_XML_DESCRIPTOR_H
#define BULKHEAD_XML_DESCRIPTOR_H

#include "lib/message.h"

/* Loads the grammars from that folder; once, before any sandbox. ST_NOT_FOUND or ST_DAMAGED. */
enum status descriptor_init(const char *grammar_dir);

/* alg: for the digest. All that *out points to lies in the arena. ST_INVALID, with the line, for
 * what is not in the grammar, and for a target named twice, judged="yes" anywhere but in a seal
 * with predicates, or two destination PCRs in one seal; ST_TOO_LARGE over 1 MiB. */
enum status descriptor_read(struct bytes text, enum hash_alg alg, struct arena *a,
                            struct descriptor *out);

/* The predicates of an attestation descriptor, in its order. canonical: what descriptor_read()
 * gave. A name without a digest is "" there, for which no predicate is the right one. */
enum status descriptor_predicates(struct bytes canonical, struct arena *a,
                                  struct asked_predicate_list *out);

#endif
