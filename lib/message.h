/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs and bounded codecs of every message in include/bulkhead/messages.def.
 *
 * Field kinds, in C and on the wire (integers big endian):
 *   BOOL U32 U64      bool, uint32_t, uint64_t; 1, 4, 8 bytes
 *   ENUM              enum ENUMERATION: 1 byte; a value that is not in it is refused
 *   WORD              const char *, never NULL: at most 63 of [A-Za-z0-9._:+-], for identifiers
 *   TEXT              const char *, never NULL: at most 4,095 bytes of UTF-8, no control characters
 *   BYTES             struct bytes of at most 64 KiB
 *   DOCUMENT          struct bytes of at most 1 MiB
 *   EVIDENCE          struct bytes of at most 16 MiB
 *   DIGEST            struct digest: algorithm (u16, 0 for none) and its bytes
 *   UUID              struct uuid, 16 bytes
 *   FD                int: a descriptor. On the wire one byte, 1 if a descriptor travels beside the
 *                     frame. None is -1 or 0, and -1 once decoded; 1 and 2 cannot be sent
 *   STRUCT            a RECORD
 *   LIST              struct RECORD_list: a count (u32, at most that BOUND) and that many RECORDs
 *
 * Decoded pointers lie in the arena given. A decoder insists that nothing is left over.
 */
#ifndef BULKHEAD_LIB_MESSAGE_H
#define BULKHEAD_LIB_MESSAGE_H

#include "lib/arena.h"
#include "lib/buffer.h"
#include "lib/digest.h"
#include "lib/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
        WORD_MOST = 63,
        TEXT_MOST = 4095,
        BYTES_MOST = 64 << 10,
        DOCUMENT_MOST = 1 << 20,
        EVIDENCE_MOST = 16 << 20,
        MESSAGE_MOST = 20 << 20, /* a frame's body */
        MESSAGE_FDS_MOST = 200   /* below SCM_MAX_FD (253) */
};

/* How many of something a message or a record may hold. */
enum {
#define BOUND(name, number, what) name = (number),
#include "bulkhead/messages.def"
};

/* Enumerations: `enum NAME`, how many values it has (NAME_count), and a value's word
 * (NAME_word()). */
#define VALUE(constant, word) constant,
#define ENUMERATION(name, values) enum name { values };
#include "bulkhead/messages.def"
#undef VALUE
#define VALUE(constant, word) +1
#define ENUMERATION(name, values)                                                                  \
        enum { name##_count = 0 values };                                                          \
        const char *name##_word(enum name value); /* "?" for a value that is not in it */
#include "bulkhead/messages.def"
#undef VALUE

struct uuid {
        uint8_t bytes[16];
};

/* Structs: `struct NAME` and `struct NAME_list` for a RECORD, `struct NAME_req` and `struct
 * NAME_rep` for a message, `struct NAME_event` for an event. */
#define BOOL(name) bool name;
#define U32(name) uint32_t name;
#define U64(name) uint64_t name;
#define ENUM(type, name) enum type name;
#define WORD(name) const char *name;
#define TEXT(name) const char *name;
#define BYTES(name) struct bytes name;
#define DOCUMENT(name) struct bytes name;
#define EVIDENCE(name) struct bytes name;
#define DIGEST(name) struct digest name;
#define UUID(name) struct uuid name;
#define FD(name) int name;
#define STRUCT(type, name) struct type name;
#define LIST(type, name, most) struct type##_list name;
#define RECORD(name, fields)                                                                       \
        struct name {                                                                              \
                fields                                                                             \
        };                                                                                         \
        struct name##_list {                                                                       \
                struct name *items;                                                                \
                size_t count;                                                                      \
        };
#define MSG(number, name, who, request, reply)                                                     \
        struct name##_req {                                                                        \
                request                                                                            \
        };                                                                                         \
        struct name##_rep {                                                                        \
                reply                                                                              \
        };
#define EVENT(number, name, fields)                                                                \
        struct name##_event {                                                                      \
                fields                                                                             \
        };
#include "bulkhead/messages.def"
#undef BOOL
#undef U32
#undef U64
#undef ENUM
#undef WORD
#undef TEXT
#undef BYTES
#undef DOCUMENT
#undef EVIDENCE
#undef DIGEST
#undef UUID
#undef FD
#undef STRUCT
#undef LIST

enum message_number {
        MESSAGE_HELLO = 1, /* body: u32 protocol version */
        MESSAGE_ERROR = 2, /* body: struct error, as written by error_encode() */
#define MSG(number, name, who, request, reply) MESSAGE_##name = number,
#define EVENT(number, name, fields) MESSAGE_##name = number,
#include "bulkhead/messages.def"
};

/* Roles: which may ask a request, and which a caller has. One or more of these bits. */
enum { ADMIN = 1, VERIFIER = 2, DAEMON = 4, PARENT = 8, ANYONE = 0xff };
/* The remedy where an administrator's rights are missing. */
#define ASK_AS_ADMIN "ask as root, or as a member of the group bulkhead-admin"

/*
 * A request and where its reply goes. CALL() alone makes one, so that a request or a reply of
 * another message does not compile.
 *
 *   struct im_sealed_req q = {.vm = vm};
 *   struct im_sealed_rep p;
 *   s = client_call(&im, PATIENCE, CALL(im_sealed, &q, &p), arena, DEADLINE);
 */
struct call {
        uint16_t number;
        const void *request;
        void *reply;
};
#define CALL(name, request, reply)                                                                 \
        ((struct call){MESSAGE_##name, POINTER(struct name##_req, request),                        \
                       _Generic((reply), struct name##_rep *                                       \
                                : (reply))})
/* An event to tell; TELL() makes one by the same rule. */
struct telling {
        uint16_t number;
        const void *event;
};
#define TELL(name, event) ((struct telling){MESSAGE_##name, POINTER(struct name##_event, event)})
/* The pointer itself, if it points to that type; anything else does not compile. */
#define POINTER(type, pointer) _Generic((pointer), type * : (pointer), const type * : (pointer))

/* The shape of one struct, for the codec. */
struct shape;
extern const struct shape
#define RECORD(name, fields) shape_##name,
#define MSG(number, name, who, request, reply) shape_##name##_req, shape_##name##_rep,
#define EVENT(number, name, fields) shape_##name##_event,
#include "bulkhead/messages.def"
        shape_nothing;

struct message_info {
        uint16_t number;
        const char *name;
        unsigned who;                        /* 0 for an event */
        const struct shape *request, *reply; /* an event has only request: its fields */
};
extern const struct message_info message_infos[];
extern const size_t message_infos_count;
const struct message_info *message_info(uint16_t number); /* NULL if there is none */

size_t shape_size(const struct shape *shape);

/* Encodes *in. Descriptors are put into fds as they are, at most MESSAGE_FDS_MOST; fds and
 * fds_count may be NULL where there are none. ST_INTERNAL for a field over its cap: that is a bug
 * of ours. */
enum status message_encode(const struct shape *shape, const void *in, struct buffer *out, int *fds,
                           size_t *fds_count);
/* Decodes into *out (shape_size() bytes). Takes descriptors from fds in order; all must be used.
 * ST_PROTOCOL for anything else; then the caller still owns every descriptor. */
enum status message_decode(const struct shape *shape, struct bytes in, const int *fds,
                           size_t fds_count, struct arena *a, void *out);

/* Closes every descriptor in a decoded or filled struct and sets it to -1. */
void message_close_fds(const struct shape *shape, void *message);

/* An error as a body of MESSAGE_ERROR: the status (u32) and four texts, each with its length (u16)
 * before it. ST_PROTOCOL for one that cannot be read, has an unknown status, or is ST_DONE. */
void error_encode(const struct error *e, struct buffer *out);
enum status error_decode(struct bytes in, struct error *out);

void uuid_write(const struct uuid *u, char text[37]); /* lower case, with dashes */
/* The same as a value, for FMT(). */
const char *uuid_in(char text[37], const struct uuid *u);
#define UUID_TEXT(u) uuid_in((char[37]){0}, u)
bool uuid_read(const char *text, struct uuid *out);
bool uuid_is_zero(const struct uuid *u);
bool uuid_equal(const struct uuid *a, const struct uuid *b);
struct uuid uuid_random(void); /* RFC 4122 version 4 */

#endif
