/* SPDX-License-Identifier: MIT
 *
 * Names of blocks and stubs for perf, where JIFFI_PERF=1 asks for them: a line each in
 * /tmp/perf-<pid>.map (Linux, tools/perf/Documentation/jit-interface.txt). perf takes
 * the first line that fits an address: when a block gets another name, its old line
 * is moved out of the way, to address 0, in place.
 */
#include "exec/inner.h"

#include "os/os.h"

#include <stdio.h>
#include <string.h>

enum { DIGITS = 16 }; /* of an address, so that every line can be written over */

static bool wanted(void)
{
    const char *v = jf_os_getenv("JIFFI_PERF");
    return v && (strcmp(v, "1") == 0 || strcmp(v, "map") == 0);
}

/* Opened for each line: a forked child writes to a file of its own. */
static FILE *map_open(const char *mode)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", jf_os_process_id());
    return fopen(path, mode);
}

/* Where the line begins; -1: it was not written. */
static long line(const void *at, size_t size, const char *name)
{
    FILE *f = map_open("a");
    if (!f)
        return -1;
    long place = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    fprintf(f, "%0*llx %zx %s\n", DIGITS, (unsigned long long)(uintptr_t)at, size,
            name);
    return fclose(f) == 0 ? place : -1;
}

static void forget(long place)
{
    FILE *f = map_open("r+");
    if (!f)
        return;
    if (fseek(f, place, SEEK_SET) == 0)
        fprintf(f, "%0*d", DIGITS, 0);
    fclose(f);
}

void exec_perf_block(Block *b)
{
    if (!wanted())
        return;
    if (b->perf_pid == jf_os_process_id() && b->perf_at >= 0)
        forget(b->perf_at);
    b->perf_pid = jf_os_process_id();
    b->perf_at = line(b->pub.entry, b->pub.size, b->name);
}

void exec_perf_stub(const void *at, size_t size, const char *name)
{
    if (wanted())
        line(at, size, name);
}
