/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a bar by one write() for each change, and nothing if standard error is no terminal. */
#include "tools/progress.h"
#include "tools/output.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_USUAL = 80, WIDTH_LEAST = 30, WIDTH_MOST = 160, TAIL = 8 };

static const char *what;
static unsigned width;    /* columns; 0: draw nothing */
static atomic_uint shown; /* permille + 1; 0: nothing yet */

void progress_begin(const char *text)
{
        struct winsize size;

        what = text;
        width = 0;
        atomic_store(&shown, 0);
        if (!isatty(STDERR_FILENO) || output_quiet())
                return;
        width = WIDTH_USUAL;
        if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col)
                width = size.ws_col < WIDTH_MOST ? size.ws_col : WIDTH_MOST;
        if (width < WIDTH_LEAST)
                width = 0;
}

static void draw(unsigned permille)
{
        char text[2 * WIDTH_MOST], bar[WIDTH_MOST + 1];
        unsigned room = width - TAIL - 1;
        unsigned name = strlen(what) < room / 2 ? (unsigned)strlen(what) : room / 2;
        unsigned cells = room - name - 2, full = cells * permille / 1000;
        int n;

        memset(bar, '#', full);
        memset(bar + full, '.', cells - full);
        bar[cells] = 0;
        n = snprintf(text, sizeof text, "\r%.*s [%s] %3u %%", (int)name, what, bar, permille / 10);
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
                        draw(permille);
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
