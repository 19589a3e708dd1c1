/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec: walks the shape of a struct, which the message table gives, and never trusts a length.
 * Every process comes here with bytes from its peers; it touches those and the arena alone.
 */
#include "lib/message.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum kind {
        KIND_END,
        KIND_BOOL,
        KIND_U32,
        KIND_U64,
        KIND_ENUM,
        KIND_WORD,
        KIND_TEXT,
        KIND_BYTES, /* and DOCUMENT, EVIDENCE: they differ in `most` */
        KIND_DIGEST,
        KIND_UUID,
        KIND_FD,
        KIND_STRUCT,
        KIND_LIST,
};

struct field {
        enum kind kind;
        size_t offset, most;
        const struct shape *sub;
};

struct shape {
        const char *name;
        size_t size;
        const struct field *(*fields)(void); /* ends with KIND_END */
};

/* im_unseal carries the most descriptors: two a disk, two a target, and two more. */
_Static_assert(2 * DISKS_AND_BOOT_MOST + 2 * TARGETS_MOST + 2 <= MESSAGE_FDS_MOST,
               "a frame has no place for the descriptors of a seal");

/* Any struct NAME_list: they differ only in the type of their items. */
struct list {
        void *items;
        size_t count;
};

/* The codec reads and writes any enum as the unsigned that this compiler makes of it. */
#define VALUE(constant, word) [constant] = word,
#define ENUMERATION(name, values)                                                                  \
        _Static_assert(sizeof(enum name) == sizeof(unsigned), "enum " #name " is no unsigned");    \
        _Static_assert(name##_count <= UINT8_MAX, "enum " #name " has too many values");           \
        const char *name##_word(enum name value)                                                   \
        {                                                                                          \
                static const char *const words[] = {values};                                       \
                return (unsigned)value < name##_count ? words[value] : "?";                        \
        }
#include "bulkhead/messages.def"

/* One function per struct: inside it the fields' macros can name that struct as `self`. */
#define BOOL(name) {KIND_BOOL, offsetof(self, name), 0, NULL},
#define U32(name) {KIND_U32, offsetof(self, name), 0, NULL},
#define U64(name) {KIND_U64, offsetof(self, name), 0, NULL},
#define ENUM(type, name) {KIND_ENUM, offsetof(self, name), type##_count, NULL},
#define WORD(name) {KIND_WORD, offsetof(self, name), WORD_MOST, NULL},
#define TEXT(name) {KIND_TEXT, offsetof(self, name), TEXT_MOST, NULL},
#define BYTES(name) {KIND_BYTES, offsetof(self, name), BYTES_MOST, NULL},
#define DOCUMENT(name) {KIND_BYTES, offsetof(self, name), DOCUMENT_MOST, NULL},
#define EVIDENCE(name) {KIND_BYTES, offsetof(self, name), EVIDENCE_MOST, NULL},
#define DIGEST(name) {KIND_DIGEST, offsetof(self, name), 0, NULL},
#define UUID(name) {KIND_UUID, offsetof(self, name), 0, NULL},
#define FD(name) {KIND_FD, offsetof(self, name), 0, NULL},
#define STRUCT(type, name) {KIND_STRUCT, offsetof(self, name), 0, &shape_##type},
#define LIST(type, name, most) {KIND_LIST, offsetof(self, name.items), (most), &shape_##type},
#define SHAPE(struct_name, ...)                                                                    \
        static const struct field *fields_##struct_name(void)                                      \
        {                                                                                          \
                typedef struct struct_name self __attribute__((unused));                           \
                static const struct field fields[] = {__VA_ARGS__{KIND_END, 0, 0, NULL}};          \
                return fields;                                                                     \
        }                                                                                          \
        const struct shape shape_##struct_name = {#struct_name, sizeof(struct struct_name),        \
                                                  fields_##struct_name};
#define RECORD(name, fields) SHAPE(name, fields)
#define MSG(number, name, who, request, reply)                                                     \
        SHAPE(name##_req, request)                                                                 \
        SHAPE(name##_rep, reply)
#define EVENT(number, name, fields) SHAPE(name##_event, fields)
#include "bulkhead/messages.def"

const struct message_info message_infos[] = {
#define MSG(number, name, who, request, reply)                                                     \
        {number, #name, (who), &shape_##name##_req, &shape_##name##_rep},
#define EVENT(number, name, fields) {number, #name, 0, &shape_##name##_event, NULL},
#include "bulkhead/messages.def"
};
const size_t message_infos_count = sizeof message_infos / sizeof *message_infos;

const struct message_info *message_info(uint16_t number)
{
        for (size_t i = 0; i < message_infos_count; i++)
                if (message_infos[i].number == number)
                        return &message_infos[i];
        return NULL;
}

size_t shape_size(const struct shape *shape)
{
        return shape->size;
}

/* --- what text may be --- */

static bool is_word(const uint8_t *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                uint8_t c = text[i];

                if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
                    (!c || !strchr("._:+-", c)))
                        return false;
        }
        return true;
}

static bool is_text(const uint8_t *text, size_t len)
{
        for (size_t i = 0, n; i < len; i += n) {
                n = utf8_sequence(text + i, len - i);
                if (!n || text[i] < 0x20 || text[i] == 0x7f)
                        return false;
        }
        return true;
}

/* --- out --- */

struct encoder {
        struct buffer *out;
        int *fds;
        size_t fds_count;
};

static enum status encode(struct encoder *e, const struct shape *shape, const void *in);

static enum status our_bug(const struct shape *shape, const char *what)
{
        return FAIL(ST_INTERNAL, .subject = FMT("message part %s: %s", shape->name, what));
}

static enum status encode_string(struct encoder *e, const struct shape *shape,
                                 const struct field *f, const char *text)
{
        size_t len = text ? strlen(text) : 0;
        const uint8_t *bytes = (const uint8_t *)text;

        if (len > f->most || !(f->kind == KIND_WORD ? is_word(bytes, len) : is_text(bytes, len)))
                return our_bug(shape, "a text that does not fit");
        if (f->kind == KIND_WORD)
                buffer_u8(e->out, (uint8_t)len);
        else
                buffer_u16(e->out, (uint16_t)len);
        buffer_add(e->out, text, len);
        return ST_DONE;
}

static enum status encode_bytes(struct encoder *e, const struct shape *shape, const struct field *f,
                                const struct bytes *bytes)
{
        if (bytes->len > f->most)
                return our_bug(shape, "too many bytes");
        buffer_u32(e->out, (uint32_t)bytes->len);
        buffer_add(e->out, bytes->data, bytes->len);
        return ST_DONE;
}

static enum status encode_list(struct encoder *e, const struct shape *shape, const struct field *f,
                               const struct list *list)
{
        enum status s = ST_DONE;

        if (list->count > f->most)
                return our_bug(shape, "a list that is too long");
        buffer_u32(e->out, (uint32_t)list->count);
        for (size_t i = 0; !s && i < list->count; i++)
                s = encode(e, f->sub, (const char *)list->items + i * f->sub->size);
        return s;
}

static enum status encode_fd(struct encoder *e, const struct shape *shape, int fd)
{
        buffer_u8(e->out, fd > 0);
        if (fd <= 0)
                return ST_DONE;
        if (fd <= 2)
                return our_bug(shape, "a standard descriptor");
        if (!e->fds || e->fds_count == MESSAGE_FDS_MOST)
                return our_bug(shape, "no place for a descriptor");
        e->fds[e->fds_count++] = fd;
        return ST_DONE;
}

static enum status encode_enum(struct encoder *e, const struct shape *shape, const struct field *f,
                               const void *at)
{
        unsigned value;

        memcpy(&value, at, sizeof value);
        if (value >= f->most)
                return our_bug(shape, "a value that is not in its enumeration");
        buffer_u8(e->out, (uint8_t)value);
        return ST_DONE;
}

static enum status encode_field(struct encoder *e, const struct shape *shape, const struct field *f,
                                const void *at)
{
        const struct digest *digest = at;

        switch (f->kind) {
        case KIND_BOOL:
                buffer_u8(e->out, *(const bool *)at);
                return ST_DONE;
        case KIND_U32:
                buffer_u32(e->out, *(const uint32_t *)at);
                return ST_DONE;
        case KIND_U64:
                buffer_u64(e->out, *(const uint64_t *)at);
                return ST_DONE;
        case KIND_ENUM:
                return encode_enum(e, shape, f, at);
        case KIND_WORD:
        case KIND_TEXT:
                return encode_string(e, shape, f, *(const char *const *)at);
        case KIND_BYTES:
                return encode_bytes(e, shape, f, at);
        case KIND_DIGEST:
                buffer_u16(e->out, (uint16_t)digest->alg);
                buffer_add(e->out, digest->bytes, hash_size(digest->alg));
                return ST_DONE;
        case KIND_UUID:
                buffer_add(e->out, at, sizeof(struct uuid));
                return ST_DONE;
        case KIND_FD:
                return encode_fd(e, shape, *(const int *)at);
        case KIND_STRUCT:
                return encode(e, f->sub, at);
        case KIND_LIST:
                return encode_list(e, shape, f, at);
        default:
                return our_bug(shape, "an unknown field");
        }
}

static enum status encode(struct encoder *e, const struct shape *shape, const void *in)
{
        enum status s = ST_DONE;

        for (const struct field *f = shape->fields(); !s && f->kind != KIND_END; f++)
                s = encode_field(e, shape, f, (const char *)in + f->offset);
        return s;
}

enum status message_encode(const struct shape *shape, const void *in, struct buffer *out, int *fds,
                           size_t *fds_count)
{
        struct encoder e = {.out = out, .fds = fds};
        enum status s = encode(&e, shape, in);

        if (fds_count)
                *fds_count = e.fds_count;
        if (!s && out->full)
                s = our_bug(shape, "longer than a message may be");
        return s;
}

/* --- in --- */

struct decoder {
        struct reader in;
        const int *fds;
        size_t fds_left;
        struct arena *arena;
};

/* False: the bytes are not of that shape. */
static bool decode(struct decoder *d, const struct shape *shape, void *out);

static bool decode_string(struct decoder *d, const struct field *f, const char **out)
{
        size_t len = f->kind == KIND_WORD ? read_u8(&d->in) : read_u16(&d->in);
        const uint8_t *bytes = read_bytes(&d->in, len);

        if (!bytes || len > f->most ||
            !(f->kind == KIND_WORD ? is_word(bytes, len) : is_text(bytes, len)))
                return false;
        *out = arena_copy(d->arena, bytes, len);
        return true;
}

static bool decode_enum(struct decoder *d, const struct field *f, void *out)
{
        unsigned value = read_u8(&d->in);

        memcpy(out, &value, sizeof value);
        return value < f->most;
}

static bool decode_bytes(struct decoder *d, const struct field *f, struct bytes *out)
{
        size_t len = read_u32(&d->in);
        const uint8_t *bytes = len > f->most ? NULL : read_bytes(&d->in, len);

        if (!bytes)
                return false;
        *out = (struct bytes){arena_copy(d->arena, bytes, len), len};
        return true;
}

static bool decode_digest(struct decoder *d, struct digest *out)
{
        uint16_t alg = read_u16(&d->in);
        size_t size = hash_size(alg);
        const uint8_t *bytes = read_bytes(&d->in, size);

        if (!bytes || (alg != HASH_NONE && !size))
                return false;
        *out = (struct digest){.alg = alg};
        memcpy(out->bytes, bytes, size);
        return true;
}

static bool decode_fd(struct decoder *d, int *out)
{
        uint8_t there = read_u8(&d->in);

        if (there > 1 || (there && !d->fds_left))
                return false;
        *out = there ? *d->fds : -1;
        d->fds += there;
        d->fds_left -= there;
        return true;
}

static bool decode_list(struct decoder *d, const struct field *f, struct list *out)
{
        size_t count = read_u32(&d->in);

        /* Every record takes at least one byte, so a count without its bytes allocates nothing. */
        if (d->in.bad || count > f->most || count > d->in.left)
                return false;
        out->items = arena_get_many(d->arena, count, f->sub->size);
        out->count = count;
        for (size_t i = 0; i < count; i++)
                if (!decode(d, f->sub, (char *)out->items + i * f->sub->size))
                        return false;
        return true;
}

static bool decode_field(struct decoder *d, const struct field *f, void *at)
{
        const uint8_t *bytes;
        uint8_t byte;

        switch (f->kind) {
        case KIND_BOOL:
                byte = read_u8(&d->in);
                *(bool *)at = byte;
                return byte <= 1;
        case KIND_U32:
                *(uint32_t *)at = read_u32(&d->in);
                return true;
        case KIND_U64:
                *(uint64_t *)at = read_u64(&d->in);
                return true;
        case KIND_ENUM:
                return decode_enum(d, f, at);
        case KIND_WORD:
        case KIND_TEXT:
                return decode_string(d, f, at);
        case KIND_BYTES:
                return decode_bytes(d, f, at);
        case KIND_DIGEST:
                return decode_digest(d, at);
        case KIND_UUID:
                bytes = read_bytes(&d->in, sizeof(struct uuid));
                if (bytes)
                        memcpy(at, bytes, sizeof(struct uuid));
                return bytes != NULL;
        case KIND_FD:
                return decode_fd(d, at);
        case KIND_STRUCT:
                return decode(d, f->sub, at);
        case KIND_LIST:
                return decode_list(d, f, at);
        default:
                return false;
        }
}

static bool decode(struct decoder *d, const struct shape *shape, void *out)
{
        for (const struct field *f = shape->fields(); f->kind != KIND_END; f++)
                if (!decode_field(d, f, (char *)out + f->offset) || d->in.bad)
                        return false;
        return true;
}

enum status message_decode(const struct shape *shape, struct bytes in, const int *fds,
                           size_t fds_count, struct arena *a, void *out)
{
        struct decoder d = {reader_of(in), fds, fds_count, a};

        if (!decode(&d, shape, out) || !reader_done(&d.in) || d.fds_left)
                return FAIL(ST_PROTOCOL, .subject = FMT("a message part %s", shape->name),
                            .expected = "the shape in messages.def", .found = "other bytes",
                            .remedy = "use programs of one version on both sides");
        return ST_DONE;
}

void message_close_fds(const struct shape *shape, void *message)
{
        for (const struct field *f = shape->fields(); f->kind != KIND_END; f++) {
                void *at = (char *)message + f->offset;
                struct list *list = at;

                if (f->kind == KIND_STRUCT)
                        message_close_fds(f->sub, at);
                for (size_t i = 0; f->kind == KIND_LIST && i < list->count; i++)
                        message_close_fds(f->sub, (char *)list->items + i * f->sub->size);
                if (f->kind == KIND_FD && *(int *)at > 2) {
                        close(*(int *)at);
                        *(int *)at = -1;
                }
        }
}

/* --- errors --- */

void error_encode(const struct error *e, struct buffer *out)
{
        const char *texts[] = {e->subject, e->expected, e->found, e->remedy};

        buffer_u32(out, (uint32_t)e->status);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                buffer_u16(out, (uint16_t)strlen(texts[i]));
                buffer_text(out, texts[i]);
        }
}

static void read_error_text(struct reader *r, char *to, size_t size)
{
        size_t len = read_u16(r);
        const uint8_t *bytes = read_bytes(r, len);

        if (!bytes || len >= size || memchr(bytes, 0, len)) {
                r->bad = true;
                return;
        }
        memcpy(to, bytes, len);
        to[len] = 0;
}

enum status error_decode(struct bytes in, struct error *out)
{
        struct reader r = reader_of(in);
        uint32_t number = read_u32(&r);

        *out = (struct error){.status = ST_PROTOCOL};
        read_error_text(&r, out->subject, sizeof out->subject);
        read_error_text(&r, out->expected, sizeof out->expected);
        read_error_text(&r, out->found, sizeof out->found);
        read_error_text(&r, out->remedy, sizeof out->remedy);
        /* An error that said "done" would turn a refusal into its opposite. */
        if (!reader_done(&r) || !status_known(number) || number == ST_DONE)
                return FAIL(ST_PROTOCOL, .subject = "an error message that cannot be read");
        out->status = number;
        return ST_DONE;
}

/* --- UUIDs (RFC 4122) --- */

void uuid_write(const struct uuid *u, char text[37])
{
        for (size_t i = 0; i < sizeof u->bytes; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *text++ = '-';
                hex_write(text, u->bytes + i, 1);
                text += 2;
        }
}

const char *uuid_in(char text[37], const struct uuid *u)
{
        uuid_write(u, text);
        return text;
}

bool uuid_read(const char *text, struct uuid *out)
{
        if (strlen(text) != 36)
                return false;
        for (size_t i = 0; i < sizeof out->bytes; i++) {
                if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
                        return false;
                if (hex_read(text, 2, out->bytes + i, 1) != 1)
                        return false;
                text += 2;
        }
        return true;
}

bool uuid_is_zero(const struct uuid *u)
{
        static const struct uuid zero;

        return !memcmp(u, &zero, sizeof zero);
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
        return !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

struct uuid uuid_random(void)
{
        struct uuid u;

        if (getrandom(&u, sizeof u, 0) != (ssize_t)sizeof u)
                abort();
        u.bytes[6] = (u.bytes[6] & 0x0f) | 0x40;
        u.bytes[8] = (u.bytes[8] & 0x3f) | 0x80;
        return u;
}
