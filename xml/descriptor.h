/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation and sealing descriptors (OpenTC D05.4, figures 3.8 and 3.10; the grammars in
 * descriptors/ and man bulkhead-descriptor say what one is) to struct descriptor of lib/message.h.
 *
 * digest = H(canonical), canonical being the document's exclusive canonical form, comments
 * included, so that for the file F as it was given
 *
 *     xmllint --exc-c14n F | sha256sum
 *
 * prints it. (xmllint 2.9.14 writes no line end after the form, so none must be cut off.)
 */
#ifndef BULKHEAD_XML_DESCRIPTOR_H
#define BULKHEAD_XML_DESCRIPTOR_H

#include "lib/message.h"


/* Loads the grammars from that folder; before any sandbox. */
enum status descriptor_init(const char *grammar_dir);

/* alg: for the digest. All that *out points to lies in the arena. Beside the grammar it insists
 * on: no target named twice; judged="yes" only in a seal with predicates; in a
 * seal one destination PCR beside LOG. */
enum status descriptor_read(struct bytes text, enum hash_alg alg, struct arena *a,
                            struct descriptor *out);

#endif
