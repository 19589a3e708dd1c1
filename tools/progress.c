/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a bar by one write() for each change, and nothing if standard error is no terminal. */
#include "tools/progress.h"
#include "lib/io.h"
#include "tools/output.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_USUAL = 80, WIDTH_LEAST = 40, WIDTH_MOST = 160, NAME_MOST = 80, TAIL_SIZE = 40 };

static char name[NAME_MOST + 1];
static unsigned width;    /* columns; 0: draw nothing */
static atomic_uint shown; /* permille + 1; 0: nothing yet */
static int64_t begun;     /* ms */

void progress_name(const char *what)
{
        snprintf(name, sizeof name, "%s", what);
}

void progress_begin(const char *what)
{
        struct winsize size;

        progress_name(what);
        width = 0;
        begun = deadline_in(0);
        atomic_store(&shown, 0);
        if (!isatty(STDERR_FILENO) || output_quiet())
                return;
        width = WIDTH_USUAL;
        if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col)
                width = size.ws_col < WIDTH_MOST ? size.ws_col : WIDTH_MOST;
        if (width < WIDTH_LEAST)
                width = 0;
}

bool progress_wanted(void)
{
        return width;
}

/* " 45 %  123 MiB/s", of the same width each time; no rate at once, where it would be a guess. */
static unsigned write_tail(char tail[static TAIL_SIZE], unsigned permille, uint64_t done)
{
        const int64_t ms = deadline_in(0) - begun;
        int n;

        if (ms < 500)
                n = snprintf(tail, TAIL_SIZE, " %3u %%           ", permille / 10);
        else
                n = snprintf(tail, TAIL_SIZE, " %3u %% %5.0f MiB/s", permille / 10,
                             (double)done / 1048576 / ((double)ms / 1000));
        return n > 0 && n < TAIL_SIZE ? (unsigned)n : 0;
}

static void draw(unsigned permille, uint64_t done)
{
        char text[2 * WIDTH_MOST], bar[WIDTH_MOST + 1], tail[TAIL_SIZE];
        unsigned room = width - write_tail(tail, permille, done) - 1;
        unsigned label = strlen(name) < room / 2 ? (unsigned)strlen(name) : room / 2;
        unsigned cells = room - label - 3, full = cells * permille / 1000;
        int n;

        memset(bar, '#', full);
        memset(bar + full, '.', cells - full);
        bar[cells] = 0;
        n = snprintf(text, sizeof text, "\r%.*s [%s]%s", (int)label, name, bar, tail);
        if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
                width = 0;
}

void progress_show(uint64_t done, uint64_t total)
{
        unsigned permille = total ? (unsigned)((double)done / (double)total * 1000) : 0;
        unsigned before = atomic_load(&shown);

        if (!width)
                return;
        permille = permille > 1000 ? 1000 : permille;
        /* Only the thread that advances `shown` draws, so the bar never goes backwards. */
        while (before < permille + 1)
                if (atomic_compare_exchange_weak(&shown, &before, permille + 1)) {
                        draw(permille, done);
                        return;
                }
}

void progress_end(void)
{
        char blank[WIDTH_MOST + 3];

        /* It is not known here whether anything was drawn: a forked child draws. */
        if (!width)
                return;
        memset(blank, ' ', sizeof blank);
        blank[0] = blank[width] = '\r';
        if (write(STDERR_FILENO, blank, width + 1) < 0)
                width = 0;
}
