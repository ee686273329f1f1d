/* SPDX-License-Identifier: MIT
 * C for the tests of errors, awaited calls and lifetimes. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*unary)(int);
typedef struct big {
    long v[3];
} big;

/* --- callbacks ---------------------------------------------------------------- */

static unary kept;
static big (*kept_big)(int);
static double (*kept_double)(double);

int call(unary f, int a)
{
    return f(a);
}

int call_twice(unary f, unary g, int a)
{
    return f(a) * 100 + g(a);
}

void keep(unary f)
{
    kept = f;
}

int call_kept(int a)
{
    return kept(a);
}

void keep_big(big (*f)(int))
{
    kept_big = f;
}

long call_big(int a)
{
    big b = kept_big(a);
    return b.v[0] + b.v[1] + b.v[2];
}

void keep_double(double (*f)(double))
{
    kept_double = f;
}

double call_double(double x)
{
    return kept_double(x);
}

static void *thread_run(void *a)
{
    *(int *)a = kept(*(int *)a);
    return NULL;
}

int call_kept_in_thread(int a)
{
    pthread_t t;
    if (pthread_create(&t, NULL, thread_run, &a))
        return -1;
    pthread_join(t, NULL);
    return a;
}

/* --- errors ------------------------------------------------------------------- */

int status(int code)
{
    return code;
}

int with_errno(int result, int error)
{
    errno = error;
    return result;
}

void *pointer_or_null(long address)
{
    if (!address)
        errno = ENOMEM;
    return (void *)address;
}

double ratio(double x)
{
    return x;
}

unsigned count(unsigned n)
{
    return n;
}

void nothing(int error)
{
    if (error)
        errno = error;
}

const char *status_text(int code)
{
    return code == 7 ? "out of luck" : code == 8 ? NULL : "something else";
}

typedef struct base {
    char text[40];
    int calls;
} base;

static base the_base;

base *base_open(void)
{
    return &the_base;
}

int base_do(base *b, int what)
{
    snprintf(b->text, sizeof b->text, "cannot do %d", what);
    b->calls++;
    return what;
}

const char *base_text(base *b)
{
    return b->text;
}

const char *last_text(void)
{
    return the_base.text;
}

/* --- calls that take their time ------------------------------------------------- */

/* Until *flag, or so many milliseconds: 1 or 0. */
int wait_for(volatile int *flag, int milliseconds)
{
    for (int i = 0; i < milliseconds && !*flag; i++)
        usleep(1000);
    return *flag != 0;
}

void wake(volatile int *flag, int unused)
{
    (void)unused;
    *flag = 1;
}

void wake_flag(volatile int *flag)
{
    *flag = 1;
}

static volatile int global_flag;

int wait_global(int milliseconds)
{
    global_flag = 0;
    return wait_for(&global_flag, milliseconds);
}

void wake_global(void)
{
    global_flag = 1;
}

/* Waits, then writes: whoever frees `p` meanwhile is found out. */
int fill_later(char *p, int n, int milliseconds)
{
    usleep(1000 * (unsigned)milliseconds);
    memset(p, 'x', (size_t)n);
    return n;
}

int nap_then_call(int milliseconds, unary f, int a)
{
    usleep(1000 * (unsigned)milliseconds);
    return f(a);
}

int nap_then_print(int milliseconds)
{
    usleep(1000 * (unsigned)milliseconds);
    puts("C is done");
    fflush(stdout);
    return 0;
}

/* --- things and their library --------------------------------------------------- */

typedef struct thing {
    int id;
} thing;

static int things, loud;

void be_loud(void)
{
    loud = 1;
}

thing *thing_open(int id)
{
    thing *t = malloc(sizeof *t);
    if (t)
        t->id = id;
    things++;
    return t;
}

void thing_close(thing *t)
{
    if (loud)
        printf("close %d\n", t->id), fflush(stdout);
    things--;
    free(t);
}

int thing_id(thing *t)
{
    return t->id;
}

int thing_count(void)
{
    return things;
}

const char *greeting(void)
{
    return "hello from the library";
}

void at_exit(void (*f)(void))
{
    atexit(f);
}

static void call_kept_at_exit(void)
{
    printf("exit: %d\n", kept(3));
    fflush(stdout);
}

void call_kept_later(void)
{
    atexit(call_kept_at_exit);
}

static unary at_end;

void keep_to_the_end(unary f)
{
    at_end = f;
}

__attribute__((destructor)) static void library_closes(void)
{
    if (at_end)
        printf("destructor: %d\n", at_end(4)), fflush(stdout);
    if (loud)
        printf("library closed, %d things\n", things), fflush(stdout);
}
