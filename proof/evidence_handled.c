/* SPDX-License-Identifier: Apache-2.0 */
/* Names what tools for XML or text do to evidence on its way. It is refused all the same: a digest
 * is over bytes. */
#include "proof/evidence.h"

#include <string.h>

static bool begins(struct bytes text, const char *with)
{
        return text.len >= strlen(with) && !memcmp(text.data, with, strlen(with));
}

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool has(struct bytes text, const char *what)
{
        return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

/* White space between two tags, which in evidence can only stand in the descriptor. */
static bool has_blanks(struct bytes text)
{
        static const char end[] = "</attestation-desc>";
        const uint8_t *after = memmem(text.data, text.len, end, sizeof end - 1);
        size_t from = after ? (size_t)(after - text.data) + sizeof end - 1 : 0;

        for (size_t i = from; i + 1 < text.len; i++)
                if (text.data[i] == '>' && is_blank(text.data[i + 1]) && i + 2 < text.len)
                        return true;
        return false;
}

const char *evidence_handled(struct bytes text)
{
        if (!text.len)
                return "an empty file";
        if (begins(text, "\xef\xbb\xbf"))
                return "a byte order mark before it: an editor has saved it";
        if (begins(text, "\xff\xfe") || begins(text, "\xfe\xff"))
                return "UTF-16: an editor has saved it";
        if (begins(text, "<?xml"))
                return "an XML declaration before it: an XML tool has written it anew";
        if (is_blank(text.data[0]))
                return "blanks before it";
        if (!begins(text, "<evidence"))
                return "no evidence: it does not begin with <evidence";
        if (has(text, "\r\n"))
                return "line ends of CR and LF: a transfer in text mode has changed it";
        if (text.data[text.len - 1] == '\n' && text.data[text.len - 2] == '>')
                return has_blanks(text)
                               ? "blanks between elements: an XML formatter has written it "
                                 "anew"
                               : "a line feed after its end: an editor has saved it";
        if (has_blanks(text))
                return "blanks between elements: an XML formatter has written it anew";
        if (has(text, "/>"))
                return "elements without an end tag (<x/>): an XML tool has written it anew";
        if (text.data[text.len - 1] != '>')
                return "no end: it is cut off";
        return NULL;
}
