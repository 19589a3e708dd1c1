/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as evidence, with a trust record that fits the key it brings along, so that every
 * check is reached; and the same bytes as a TPM's structures. Nothing is ever trusted: the seed's
 * challenge is not the one asked for.
 */
#include "proof/evidence.h"
#include "verifier/verify.h"
#include "xml/descriptor.h"
#include "xml/xml_limits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_structures(struct bytes b)
{
        struct quote q;
        struct ak *ak;

        quote_read(b, &q);
        if (!ak_read(b, &ak))
                ak_signed(ak, b, b);
        ak_free(ak);
}

static struct trust trust_in(struct bytes ak)
{
        static uint8_t name[AK_NAME_LEN] = {0, 0x0b};
        struct digest d = digest_of(HASH_SHA256, ak.data, ak.len);

        memcpy(name + 2, d.bytes, 32);
        return (struct trust){.ak_public = ak,
                              .ak_name = {name, sizeof name},
                              .enrolled = "no",
                              .log_length = 3,
                              .log_root = d,
                              .alg = HASH_SHA256};
}

/* The reader of evidence and libxml2 agree on what canonical XML is. */
static void must_be_canonical(struct bytes text, struct arena *a)
{
        struct bytes canonical;
        xmlDoc *doc;

        if (xml_read(text, "evidence", &xml_caps_evidence, &doc))
                abort();
        if (xml_canonical(doc, a, &canonical) || canonical.len != text.len ||
            memcmp(canonical.data, text.data, text.len))
                abort();
        xmlFreeDoc(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct bytes challenge = {(const uint8_t *)"never asked for it", 18};
        static struct verifier *verifier;
        struct arena *a = arena_new();
        struct bytes text = {data, size};
        struct descriptor wanted;
        struct evidence e;
        struct trust t = {.alg = HASH_SHA256};
        struct verdict v;

        if (!verifier) {
                verifier = verifier_new();
                if (descriptor_init("descriptors"))
                        abort();
        }
        as_structures(text);
        if (!evidence_read(text, a, &e)) {
                t = trust_in(e.ak);
                if (!descriptor_read(e.descriptor, e.alg, a, &wanted) &&
                    wanted.canonical.len == e.descriptor.len)
                        must_be_canonical(text, a);
        }
        verify(verifier,
               &(struct verify_input){.evidence = text, .trust = &t, .challenge = &challenge}, a,
               &v);
        if (v.trusted)
                abort();
        arena_free(a);
        return 0;
}
