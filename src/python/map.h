/* SPDX-License-Identifier: MIT
 *
 * ffi.map(): what its files share. One C function is called once for each item of
 * its operands; what is passed is the item, its address, or the same value every
 * time.
 *
 *   map.c          the method: what it was given, the result, errors
 *   map_operand.c  Python objects as operands: whose items they are, how they lie
 *   map_check.c    operands together: lengths, overlap; each() and same()
 *   map_run.c      one run: the loop, its chunks, and who keeps what is pinned
 */
#ifndef JF_PYTHON_MAP_H
#define JF_PYTHON_MAP_H

#include "python/call.h"

enum { MAP_MAX_PARAMS = 64 };

/* A loop of one function, kept with its type's HostCode for the next time. */
typedef struct MapLoop {
    struct MapLoop *next; /* owned */
    jf_Loop *loop;        /* owned */
    void *address;        /* key: of the function, ... */
    uint64_t by_address;  /* ... the parameters that get addresses, as bits, ... */
    uint8_t stop;         /* ... and whether it stops */
    uint32_t running;     /* runs that use it: not to be freed */
} MapLoop;

typedef struct MapOperand {
    Py_buffer view;   /* obj NULL: nothing is pinned by it */
    PyObject *owner;  /* a NumPy array, or NULL: a reference keeps its memory */
    char *data;
    Py_ssize_t step;  /* bytes */
    Py_ssize_t n;     /* items; -1: one value for all */
    Py_ssize_t size;  /* bytes of an item */
    uint8_t address;  /* C gets the item's address */
    uint8_t written;  /* C, or the loop, writes there */
} MapOperand;

/* One run: everything is checked and pinned when it exists. Python sees it as an
 * object whose chunks any thread may run. */
typedef struct MapRun {
    PyObject_VAR_HEAD
    State *st;           /* a reference */
    CDataObject *fn;     /* owned */
    MapLoop *loop;       /* `running` counts us; NULL before */
    HostCode *code;      /* whose loops these are; borrowed from the type */
    Temp *temps;
    PyObject *out;       /* owned; NULL: the function returns nothing */
    Py_ssize_t n;        /* items */
    uint32_t n_params;
    uint8_t stop;
    uint8_t hold;        /* keep the GIL */
    uint8_t closed;
    uint32_t active;     /* chunks being run */
    MapOperand *ops;     /* n_params + 1: the last is `out`; in the same block */
    char **at;           /* n_params + 1 */
    intptr_t *steps;     /* n_params + 1 */
    char *cells;         /* values that are the same each time */
} MapRun;

/* each(x), same(x): the type says which. */
typedef struct MapWrapper {
    PyObject_HEAD PyObject *value; /* owned */
} MapWrapper;

/* --- map_operand.c --------------------------------------------------------------- */

/* Pin parameter `i`, or write it to its cell. 0, or -1 with an exception that names
 * it. */
int jpy_map_operand(MapRun *r, uint32_t i, PyObject *value, char *cell);
/* Pin `value` as what takes the results. */
int jpy_map_out(MapRun *r, PyObject *value);

/* --- map_check.c ------------------------------------------------------------------ */

/* How many items there are: sets r->n. -1 with a ValueError: lengths differ, or
 * nothing says how many. */
int jpy_map_length(MapRun *r);
/* -1 with a ValueError when something would be written where it is read as another
 * item. */
int jpy_map_overlap(MapRun *r);
/* each(x), same(x). */
PyObject *jpy_map_each(PyObject *module, PyObject *value);
PyObject *jpy_map_same(PyObject *module, PyObject *value);

/* --- map_run.c --------------------------------------------------------------------- */

/* Room for the operands of `fn`, a non-NULL pointer to a function that is not
 * variadic. NULL with an exception. */
MapRun *jpy_map_new(State *st, CDataObject *fn);
/* Find or make the loop; what is not known before the operands are. */
int jpy_map_prepare(MapRun *r);
/* Run everything, with a look at signals now and then. *done receives the number of
 * items before the one that stopped it. -1 with an exception (KeyboardInterrupt). */
int jpy_map_all(MapRun *r, Py_ssize_t *done);
/* Give back what is pinned, unless a thread is at it: then the end of the object
 * does. */
void jpy_map_close(MapRun *r);
extern PyType_Spec jpy_map_spec;

#endif
