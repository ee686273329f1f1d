/* SPDX-License-Identifier: MIT
 * Diagnostics: see diag.h. */
#include "core/base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char *diag_vprintf(const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : jf_alloc((size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

jf_Status jf_diag_set(jf_Diag *d, jf_Status status, const char *fmt, ...)
{
    JF_ASSERT(status != JF_OK);
    if (!d || d->status != JF_OK)
        return status;
    d->status = status;
    va_list ap;
    va_start(ap, fmt);
    d->message = diag_vprintf(fmt, ap);
    va_end(ap);
    return status;
}

void jf_diag_at(jf_Diag *d, const char *file, jf_Pos pos, const char *line,
                size_t line_length)
{
    if (!d || d->pos.line)
        return;
    d->pos = pos;
    if (file && !d->file)
        d->file = jf_strndup(file, strlen(file));
    if (line && !d->source)
        d->source = jf_strndup(line, line_length);
}

void jf_diag_hint(jf_Diag *d, const char *fmt, ...)
{
    if (!d || d->hint)
        return;
    va_list ap;
    va_start(ap, fmt);
    d->hint = diag_vprintf(fmt, ap);
    va_end(ap);
}

/* The source line, cut to a window of 76 columns around the caret, so that a
 * megabyte on one line still prints as one line. */
static void diag_print_source(const jf_Diag *d, jf_Buf *out)
{
    enum { WINDOW = 76 };
    size_t n = strlen(d->source), col = d->pos.column ? d->pos.column - 1 : 0;
    size_t from = 0;
    if (col > n)
        col = n;
    if (n > WINDOW && col > WINDOW / 2)
        from = col - WINDOW / 2;
    size_t show = n - from > WINDOW ? WINDOW : n - from;
    jf_buf_text(out, "  ");
    jf_buf_put(out, d->source + from, show);
    jf_buf_text(out, "\n  ");
    for (size_t i = from; i < col; i++)
        jf_buf_put(out, d->source[i] == '\t' ? "\t" : " ", 1);
    jf_buf_text(out, "^\n");
}

void jf_diag_print(const jf_Diag *d, jf_Buf *out)
{
    if (d->file && d->pos.line)
        jf_buf_printf(out, "%s:%u:%u: ", d->file, d->pos.line, d->pos.column);
    jf_buf_text(out, d->message ? d->message : "out of memory");
    if (d->source) {
        jf_buf_text(out, "\n");
        diag_print_source(d, out);
    }
    if (d->hint)
        jf_buf_printf(out, "%s%s", d->source ? "" : "\n", d->hint);
}

void jf_diag_clear(jf_Diag *d)
{
    jf_free(d->file);
    jf_free(d->message);
    jf_free(d->source);
    jf_free(d->hint);
    memset(d, 0, sizeof *d);
}
