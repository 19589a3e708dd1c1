/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk headers in memory, and the runs of bytes by which a new one differs from what is on the
 * disk: what the redo journal keeps and the device worker writes.
 *
 * Runs: any number of offset (u64), length (u32), bytes; ascending, apart from each other.
 */
#ifndef BULKHEAD_SVDM_DEVICE_HEADER_DIFF_H
#define BULKHEAD_SVDM_DEVICE_HEADER_DIFF_H

#include "lib/buffer.h"
#include "lib/digest.h"

enum {
        HEADER_HEAD = 512,          /* written last and at once: what a disk is recognised by */
        HEADER_MOST = 64 << 20,     /* bytes of a header that we handle; LUKS2 makes 16 MiB */
        HEADER_RUNS_MOST = 31 << 20 /* a state file takes 32 */
};

/* An empty memfd of that size. */
enum status header_of_size(uint64_t len, int *memfd_out);
/* The first len bytes of fd, in a memfd of exactly that size; holes stay holes. ST_CHANGED if fd
 * has fewer. The memfd is writable and not sealed. */
enum status header_copy(int fd, uint64_t len, int *memfd_out);
enum status header_copy_all(int memfd, int *memfd_out);

/* The digest (SHA-256) of the first HEADER_HEAD bytes. */
enum status header_head(int fd, struct digest *head_out);

/* The runs to write over old (a header, or a disk) so that new stands there. */
enum status header_diff(int old, int new, struct buffer *runs_out);

/* The digest (SHA-256) of what stands on a disk where the runs would be written. *begun_out: some
 * of it is what the runs write there, in a sector that no other disk has by chance. ST_CHANGED if
 * the disk is too short. */
enum status header_area(int disk, struct bytes runs, struct digest *area_out, bool *begun_out);

/* What the first HEADER_HEAD bytes will be once the runs are written. Nothing is written. */
enum status header_head_after(int disk, struct bytes runs, uint8_t head_out[static HEADER_HEAD]);

/* The first len bytes of a disk as they will be then, in a memfd of that size. */
enum status header_after(int disk, uint64_t len, struct bytes runs, int *memfd_out);
/* Where the last run ends; 0 if there is none. */
uint64_t header_runs_end(struct bytes runs);

/* Writes runs to the disk so that an end at any instant leaves one valid LUKS2 header (the first
 * or the second of its two) and the head unchanged until all else is there; fsyncs. The runs are
 * checked first: nothing beyond HEADER_MOST or size. */
enum status header_apply(int disk, uint64_t size, struct bytes runs);

struct arena;
/* All bytes of a memfd, in an arena. ST_TOO_LARGE for more than HEADER_RUNS_MOST. */
enum status header_bytes(int memfd, struct arena *a, struct bytes *out);
/* The other way: bytes in a sealed memfd. */
enum status header_of_bytes(struct bytes bytes, int *memfd_out);

#endif
