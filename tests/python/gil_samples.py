# SPDX-License-Identifier: MIT
"""C functions that wait, and some that do not, compiled once per process."""

import atexit
import functools
import pathlib
import shutil
import subprocess
import tempfile

DECLARED = """
    int add(int a, int b);
    double half(double x);
    int pick(int x);
    int last_error(void);
    int fail_with(int e);
    int sum_to(int n);
    int jump(int (*f)(int), int x);
    void nap(int ms);
    int on_thread(int (*f)(int), int n);
    int twice_on_thread(int (*f)(int), int n);
    int spin_on_thread(int (*f)(int), int ms);
    int short_held(int x);
    int start(int (*f)(int), int n);
    int finish(void);
"""

SOURCE = r"""
#include <errno.h>
#include <pthread.h>
#include <time.h>

int add(int a, int b) { return a + b; }
double half(double x) { return x / 2; }
int pick(int x) { return x < 0 ? -x : x > 10 ? 10 : x; }
int last_error(void) { return errno; }
int fail_with(int e) { errno = e; return -1; }
int sum_to(int n)
{
    volatile int s = 0;
    for (int i = 1; i <= n; i++)
        s += i;
    return s;
}
int jump(int (*f)(int), int x) { return f(x) + 1; }
void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, 0);
}

typedef struct { int (*f)(int); int n, sum; } job;
static void *run(void *p)
{
    job *j = p;
    for (int i = 0; i < j->n; i++)
        j->sum += j->f(i);
    return 0;
}
int on_thread(int (*f)(int), int n)
{
    pthread_t t;
    job j = {f, n, 0};
    if (pthread_create(&t, 0, run, &j))
        return -1;
    pthread_join(t, 0);
    return j.sum;
}
/* A callback on this thread between two on others. */
int twice_on_thread(int (*f)(int), int n)
{
    int a = on_thread(f, n), b = f(1000);
    return a + b + on_thread(f, n);
}
/* At work for a while, and then it waits for nobody's callback. */
int spin_on_thread(int (*f)(int), int ms)
{
    static job j; /* outlives the call */
    pthread_t t;
    struct timespec a, b;
    j = (job){f, 1, 0};
    if (pthread_create(&t, 0, run, &j))
        return -1;
    pthread_detach(t);
    clock_gettime(CLOCK_MONOTONIC, &a);
    do
        clock_gettime(CLOCK_MONOTONIC, &b);
    while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
    return 0;
}
static volatile int steps;
int short_held(int x)
{
    steps = 0;
    while (steps < 100)
        steps++;
    return x;
}
static pthread_t started;
static job going;
int start(int (*f)(int), int n)
{
    going = (job){f, n, 0};
    return pthread_create(&started, 0, run, &going);
}
int finish(void) { pthread_join(started, 0); return going.sum; }
"""


@functools.lru_cache(maxsize=None)
def path():
    where = tempfile.mkdtemp(prefix="jiffi-gil-")
    atexit.register(shutil.rmtree, where, True)
    source = pathlib.Path(where) / "gil_samples.c"
    source.write_text(SOURCE)
    out = str(source.with_suffix(".so"))
    subprocess.run([shutil.which("cc") or "cc", "-shared", "-fPIC", "-O2", "-pthread",
                    "-Wall", "-Wextra", "-o", out, str(source)], check=True)
    return out
