/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Authenticode digest of an EFI image, and the PCR 4 that follows from it. `bulkhead host
 * approve --image`, `bulkhead host image` and `bulkhead status --image` come here with a file's
 * bytes; every offset in them is checked before it is used.
 */
#include "tools/efi_image.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
        SECTIONS_MOST = 96, /* the limit of Windows' loader, and more than any image here has */
        DOS_NEW_HEADER = 0x3c,
        COFF_HEADER = 24, /* with the signature before it */
        OPTIONAL_LEAST = 112,
        SECTION_HEADER = 40,
        CERTIFICATES = 4 /* the data directory that the digest leaves out */
};

struct span {
        uint64_t at, len;
};

struct pe {
        const char *path;
        struct bytes bytes;
        uint64_t optional, headers; /* offset of the optional header; length of all headers */
        uint64_t directories;       /* how many data directories there are */
        struct span certificates;   /* len 0: none */
        struct span sections[SECTIONS_MOST];
        size_t sections_count;
};

static enum status invalid(const struct pe *pe, const char *found)
{
        return FAIL(ST_INVALID, .subject = pe->path, .expected = "an EFI application (PE32+)",
                    .found = found,
                    .remedy = "name the unified image, such as \\EFI\\BOOT\\BOOTX64.EFI");
}

static bool inside(const struct pe *pe, uint64_t at, uint64_t len)
{
        return at <= pe->bytes.len && len <= pe->bytes.len - at;
}

static uint32_t u16(const struct pe *pe, uint64_t at)
{
        return (uint32_t)pe->bytes.data[at] | (uint32_t)pe->bytes.data[at + 1] << 8;
}

static uint32_t u32(const struct pe *pe, uint64_t at)
{
        return u16(pe, at) | u16(pe, at + 2) << 16;
}

static int by_offset(const void *a, const void *b)
{
        const struct span *x = a, *y = b;

        return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorts the sections by their place in the file, which is the order of hashing. Empty ones are left
 * out. */
static enum status read_sections(struct pe *pe, uint64_t table, size_t count)
{
        uint64_t end = pe->headers;

        if (count > SECTIONS_MOST || !inside(pe, table, count * SECTION_HEADER) ||
            table + count * SECTION_HEADER > pe->headers)
                return invalid(pe, "a section table outside of the headers");
        for (size_t i = 0; i < count; i++) {
                struct span s = {u32(pe, table + i * SECTION_HEADER + 20),
                                 u32(pe, table + i * SECTION_HEADER + 16)};

                if (!inside(pe, s.at, s.len))
                        return invalid(pe, "a section outside of the file");
                if (s.len)
                        pe->sections[pe->sections_count++] = s;
        }
        qsort(pe->sections, pe->sections_count, sizeof *pe->sections, by_offset);
        for (size_t i = 0; i < pe->sections_count; i++) {
                if (pe->sections[i].at < end)
                        return invalid(pe, "sections that overlap");
                end = pe->sections[i].at + pe->sections[i].len;
        }
        return ST_DONE;
}

static enum status read_certificates(struct pe *pe)
{
        uint64_t entry = pe->optional + OPTIONAL_LEAST + 8 * CERTIFICATES;

        if (pe->directories <= CERTIFICATES)
                return ST_DONE;
        pe->certificates = (struct span){u32(pe, entry), u32(pe, entry + 4)};
        if (pe->certificates.len && (!inside(pe, pe->certificates.at, pe->certificates.len) ||
                                     pe->certificates.at + pe->certificates.len != pe->bytes.len))
                return invalid(pe, "certificates that are not its end");
        return ST_DONE;
}

static enum status read_headers(struct pe *pe)
{
        uint64_t at, optional_len;
        enum status s;

        if (pe->bytes.len < DOS_NEW_HEADER + 4 || memcmp(pe->bytes.data, "MZ", 2))
                return invalid(pe, "no MZ at its beginning");
        at = u32(pe, DOS_NEW_HEADER);
        if (!inside(pe, at, COFF_HEADER + OPTIONAL_LEAST) ||
            memcmp(pe->bytes.data + at, "PE\0\0", 4))
                return invalid(pe, "no PE header");
        pe->optional = at + COFF_HEADER;
        optional_len = u16(pe, at + 20);
        pe->headers = u32(pe, pe->optional + 60);
        pe->directories = u32(pe, pe->optional + 108);
        if (u16(pe, pe->optional) != 0x20b)
                return invalid(pe, "an image that is not PE32+");
        if (pe->directories > 16 || optional_len < OPTIONAL_LEAST + 8 * pe->directories ||
            !inside(pe, 0, pe->headers) || pe->optional + optional_len > pe->headers)
                return invalid(pe, "headers that do not fit");
        s = read_certificates(pe);
        return s ? s : read_sections(pe, pe->optional + optional_len, u16(pe, at + 6));
}

static void add(struct hash *h, const struct pe *pe, uint64_t from, uint64_t to)
{
        hash_add(h, pe->bytes.data + from, to - from);
}

static struct digest digest_parts(const struct pe *pe, enum hash_alg alg)
{
        const uint64_t checksum = pe->optional + 64,
                       entry = pe->optional + OPTIONAL_LEAST + 8 * CERTIFICATES;
        const uint64_t end = pe->bytes.len - pe->certificates.len;
        struct hash *h = hash_begin(alg);
        uint64_t hashed = pe->headers;

        add(h, pe, 0, checksum);
        if (pe->directories > CERTIFICATES) {
                add(h, pe, checksum + 4, entry);
                add(h, pe, entry + 8, pe->headers);
        } else {
                add(h, pe, checksum + 4, pe->headers);
        }
        for (size_t i = 0; i < pe->sections_count; i++) {
                add(h, pe, pe->sections[i].at, pe->sections[i].at + pe->sections[i].len);
                hashed += pe->sections[i].len;
        }
        if (hashed < end) /* what follows: by the specification a sum of lengths, no offset */
                add(h, pe, hashed, end);
        return hash_end(h);
}

enum status efi_image_digest(const char *path, struct bytes image, enum hash_alg alg,
                             struct digest *digest_out)
{
        struct pe pe = {.path = path, .bytes = image};
        enum status s = read_headers(&pe);

        if (!s)
                *digest_out = digest_parts(&pe, alg);
        return s;
}

enum status efi_image_pcr4(const char *path, struct bytes image, enum hash_alg alg,
                           struct digest *value_out)
{
        static const char calling[] = "Calling EFI Application from Boot Option";
        static const uint8_t separator[4];
        struct digest value = {.alg = alg}, events[3];
        enum status s = efi_image_digest(path, image, alg, &events[2]);

        if (s)
                return s;
        events[0] = digest_of(alg, calling, sizeof calling - 1);
        events[1] = digest_of(alg, separator, sizeof separator);
        for (size_t i = 0; i < 3; i++)
                value = digest_extend(&value, &events[i]);
        *value_out = value;
        return ST_DONE;
}
