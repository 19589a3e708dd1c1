/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where what stands in an xl.cfg. libxlutil is the parser, and says neither which keys a file has
 * nor where a value stands; this reads the same grammar for that alone. What it does not follow is
 * a finding, so nothing that libxlutil takes for a key is passed over here.
 */
#ifndef BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_SCAN_H
#define BULKHEAD_COMPARTMENT_MGR_CONFIG_XL_SCAN_H

#include "lib/message.h"

enum { XL_ITEMS_MOST = 64 }; /* of a list, whose places are remembered */

struct xl_place {
        uint32_t line, column; /* from 1, in characters; 0: it is not in the file */
};

struct xl_setting {
        const char *key;
        struct xl_place at, value_at, items[XL_ITEMS_MOST];
        size_t items_count;
        uint32_t last_line;
        const char *value; /* as the file has it, cut off where it is long; a number in quotes */
        bool off;          /* the value is 0, an empty string or an empty list */
        bool broken;       /* it cannot be read, which is noted */
        size_t from, to;   /* in the text */
};

/* What is found while a file is read, and where its settings stand. Lies in the arena. */
struct xl_scan {
        struct arena *arena;
        struct xl_setting *settings;
        size_t settings_count;
        struct config_finding *items;
        size_t items_count;
        bool bad;          /* something is CONFIG_REFUSED or CONFIG_WRONG */
        struct bytes text; /* blanks in the place of what is broken, so that the rest can be read */
};

/* The text as libxlutil is to get it: no byte order mark, lines end with a line feed, the last one
 * too. ST_INVALID for what is no text of an xl.cfg as a whole, such as UTF-16. */
enum status xl_scan_text(struct arena *a, struct bytes text, struct bytes *text_out);
/* Finds the settings, and notes what is no setting. scan_out has its arena. */
void xl_scan_settings(struct xl_scan *scan, struct bytes text);
/* Notes nothing; takes the setting out of scan->text. */
void xl_scan_break(struct xl_scan *scan, struct xl_setting *setting);
/* NULL if the file has no such key. */
struct xl_setting *xl_scan_find(struct xl_scan *scan, const char *key);

/* Notes that thing about that key. */
void xl_scan_note(struct xl_scan *scan, enum config_outcome outcome, const char *key,
                  struct xl_place at, const struct error *e);
/* Notes the thread's error, which names the key after "xl.cfg: ", as refused (ST_UNSUPPORTED) or
 * wrong, and clears it. item: of a list, or -1. ST_DONE is no news. Returns s. */
enum status xl_scan_failed(struct xl_scan *scan, int item, enum status s);
/* Brings the findings into the order of the file; what is not in the file comes last. */
void xl_scan_sort(struct xl_scan *scan);

#endif
