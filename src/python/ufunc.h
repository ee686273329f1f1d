/* SPDX-License-Identifier: MIT
 *
 * What the files of ufuncs share: what each parameter of the C function is to the
 * ufunc, what its operands are, and the record that a ufunc keeps alive.
 *
 *   double f(const struct P *p, double x, double *w, void *ctx)
 *                   in_="p"                 out="w"  fixed={"ctx": ...}
 *
 *   ufunc     inputs: p, x          outputs: result, w
 *   loop      0: p (address)  1: x (item)  2: result  3: w (address)
 *
 * A parameter that is read and written (inout=) is an input and an output of the
 * ufunc, but one operand of the loop: the output, which gets the input's items
 * before the call. See ufunc_run.c.
 */
#ifndef JF_PYTHON_UFUNC_H
#define JF_PYTHON_UFUNC_H

#include "python/call.h"
#include "python/numpy.h"

/* --- NumPy's side -------------------------------------------------------- */

struct NumpyUfunc;
/* PyUFunc_TypeResolutionFunc: fills `descrs` with new references. 0 or -1. */
typedef int (*UfuncResolver)(struct NumpyUfunc *u, int casting,
                             NumpyArray **operands, PyObject *types,
                             NumpyDescr **descrs);

/* PyUFuncObject up to what is used here; the same from 1.7 on (ufuncobject.h). */
typedef struct NumpyUfunc {
    PyObject_HEAD int nin, nout, nargs, identity;
    void *functions, *data;
    int ntypes, reserved;
    const char *name, *types, *doc;
    void *ptr;
    PyObject
        *obj; /* owned by the ufunc, visited by the collector: our UfuncRecord */
    PyObject *userloops;
    int core_enabled, core_num_dim_ix;
    int *core_num_dims, *core_dim_ixs, *core_offsets;
    char *core_signature;
    UfuncResolver type_resolver;
} NumpyUfunc;

/* --- parameters and operands --------------------------------------------- */

typedef enum UfuncRole {
    ROLE_ITEM,
    ROLE_IN,
    ROLE_OUT,
    ROLE_INOUT,
    ROLE_FIXED
} UfuncRole;

typedef struct UfuncParam {
    uint8_t role;     /* UfuncRole */
    uint16_t operand; /* the loop's; all but FIXED */
    void *cell;       /* FIXED: the value; owned */
} UfuncParam;

/* An input or an output. */
typedef struct UfuncOperand {
    jf_Type *type;     /* of an item, canonical; borrowed from the function's */
    NumpyDescr *descr; /* owned; NULL: `num` says it all */
    int num;           /* NUMPY_* */
    uint32_t size, align;
    int16_t in;         /* an output: the input whose items it gets before the
                          call; -1: none */
    uint8_t is_address; /* C gets where the item is */
    uint8_t is_bool;
    uint8_t is_record;
} UfuncOperand;

/* What belongs to a ufunc: its `obj`. NumPy copies none of the tables. */
typedef struct UfuncRecord {
    PyObject_HEAD State *st; /* a reference */
    CDataObject *fn;         /* owned; NULL once the collector has cleared us */
    jf_Type *type;           /* a reference: FUNC with its qualifiers */
    PyObject *origin;        /* dict: what ffi.ufunc() was given; owned */
    jf_Loop *loop;           /* owned */
    jf_NumPyLoop inner;      /* the loop in NumPy's shape ... */
    void *inner_data;
    uint8_t hold;      /* gil="hold" */
    uint8_t throws;    /* C++ exceptions are caught */
    uint8_t has_bool;  /* an output is _Bool */
    uint8_t is_staged; /* the loop's operands may need copies: run_staged */
    uint8_t has_descr; /* an operand has a structured type */
    uint16_t n_params, n_in, n_out, n_loop;
    UfuncParam *params;            /* n_params; owned */
    UfuncOperand *operands;        /* inputs, then outputs; owned */
    uint16_t *loop_operands;       /* n_loop: index in `operands`; owned */
    Temp *temps;                   /* what values of FIXED need; owned */
    char *types;                   /* owned: one NUMPY_* each operand */
    char *text;                    /* owned: name, NUL, doc */
    const char *doc;               /* in text */
    void *functions[1], *datas[1]; /* NumPy's tables */
} UfuncRecord;

/* --- ufunc_args.c -------------------------------------------------------- */

/* What ffi.ufunc() was given; NULL where nothing was. */
typedef struct UfuncRequest {
    PyObject *out, *inout, *in, *fixed;
} UfuncRequest;

/* Fill in params, operands, loop_operands and the counts of `r`, whose fn and type
 * stand. 0, or -1 with a TypeError that names the parameter. */
int jpy_ufunc_operands(UfuncRecord *r, const UfuncRequest *q);

/* --- ufunc_run.c --------------------------------------------------------- */

UfuncRecord *jpy_ufunc_record(State *st, CDataObject *fn);
/* PyUFuncGenericFunction; `record` is a UfuncRecord. With or without the GIL. */
void jpy_ufunc_run(char **args, const intptr_t *dimensions, const intptr_t *steps,
                   void *record);

#endif
