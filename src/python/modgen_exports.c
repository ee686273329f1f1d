/* SPDX-License-Identifier: MIT
 *
 * What the wrappers of generated modules call (jiffi_exports): every argument that
 * is not of the plainest kind, results, errors, errno and the GIL. Arguments go
 * the way of jpy_argument(), as in calls without a compiler, so that both accept
 * the same and say the same.
 */
#include "python/modgen.h"
#include "python/numpy.h"

#include <string.h>

/* --- arguments ------------------------------------------------------------------------ */

/* Room for any scalar. */
typedef union Cell {
    char bytes[32];
    uint64_t bits;
    void *pointer;
    long double aligned;
} Cell;

/* A scalar argument of at most `size` bytes. */
static int scalar(PyObject *self, int i, PyObject *o, Cell *cell)
{
    Temp *temps = NULL;
    memset(cell, 0, sizeof *cell);
    int bad = jpy_argument((CDataObject *)self, o, (size_t)i, cell, &temps);
    JF_ASSERT(!temps);
    return bad;
}

static int to_int(PyObject *self, int i, PyObject *o, unsigned size, int is_signed,
                  unsigned long long *bits)
{
    Cell cell;
    if (scalar(self, i, o, &cell) < 0)
        return -1;
    unsigned long long v = 0;
    switch (size) {
    case 1:
        v = is_signed ? (unsigned long long)*(int8_t *)&cell : *(uint8_t *)&cell;
        break;
    case 2:
        v = is_signed ? (unsigned long long)*(int16_t *)&cell : *(uint16_t *)&cell;
        break;
    case 4:
        v = is_signed ? (unsigned long long)*(int32_t *)&cell : *(uint32_t *)&cell;
        break;
    default:
        v = cell.bits;
        break;
    }
    *bits = v;
    return 0;
}

static int to_double(PyObject *self, int i, PyObject *o, double *v)
{
    Cell cell;
    if (scalar(self, i, o, &cell) < 0)
        return -1;
    CTypeObject *ct = jpy_function_ctype((CDataObject *)self, i);
    if (!ct)
        return -1;
    *v = V_IS_FLOAT(ct->code) ? jpy_read_float(ct->code, cell.bytes) : 0;
    Py_DECREF((PyObject *)ct);
    return 0;
}

static int to_value(PyObject *self, int i, PyObject *o, void *type, void *out)
{
    CTypeObject *ct = type;
    if (ct->size < 0 && jpy_layout(ct) < 0)
        return -1;
    if (CData_Check(ct->st, o) && ((CDataObject *)o)->ctype == ct &&
        ct->code == V_RECORD && ((CDataObject *)o)->data) {
        memcpy(out, ((CDataObject *)o)->data, (size_t)ct->size);
        return 0;
    }
    if (ct->code == V_RECORD || (size_t)ct->size > sizeof(Cell)) {
        Temp *temps = NULL;
        int bad = jpy_argument((CDataObject *)self, o, (size_t)i, out, &temps);
        JF_ASSERT(!temps);
        return bad;
    }
    Cell cell;
    if (scalar(self, i, o, &cell) < 0)
        return -1;
    memcpy(out, &cell, ct->size < 0 ? 0 : (size_t)ct->size);
    return 0;
}

static int to_pointer(PyObject *self, int i, PyObject *o, void *type, void **p,
                      jiffi_temps **temps)
{
    CTypeObject *ct = type;
    if (jpy_is_ndarray(ct->st, o)) {
        const jf_Type *fn = jpy_function_type((CDataObject *)self);
        uint64_t wants = jpy_item_wants(ct, fn->u.func->params[i]->quals);
        if (wants && (*p = jpy_numpy_data(o, wants)) != NULL)
            return 0;
    }
    if (CData_Check(ct->st, o) && ((CDataObject *)o)->ctype == ct) {
        *p = ((CDataObject *)o)->data;
        return 0;
    }
    if (PyBytes_CheckExact(o) && ct->is_byte_ptr && ct->item_code != V_BOOL) {
        *p = PyBytes_AS_STRING(o);
        return 0;
    }
    return jpy_argument((CDataObject *)self, o, (size_t)i, p, (Temp **)temps);
}

static void free_temps(jiffi_temps *temps)
{
    jpy_temps_free((Temp *)temps);
}

/* --- results ---------------------------------------------------------------------------- */

static PyObject *from_pointer(void *type, void *p)
{
    return jpy_cdata(type, p);
}

static PyObject *from_value(void *type, const void *value)
{
    CTypeObject *ct = type;
    if (ct->code == V_RECORD || ct->code == V_ARRAY)
        return jpy_layout(ct) < 0 ? NULL : jpy_cdata_copy(ct, value);
    return jpy_to_object(ct, (char *)value, NULL);
}

static PyObject *long_big(long v)
{
    return jpy_long_big(v);
}

/* In cffi's flavour as Python says it of functions written in C. */
static PyObject *bad_count(PyObject *self, Py_ssize_t given)
{
    CDataObject *fn = (CDataObject *)self;
    FunctionInfo *f = jpy_function_info(fn);
    if (!fn->ctype->st->cffi || !f)
        return jpy_arity_error(fn, given);
    unsigned wanted = f->fn->u.func->n_params;
    const char *name = f->def.ml_name;
    if (wanted > 1)
        return PyErr_Format(PyExc_TypeError, "%s expected %u arguments, got %zd",
                            name, wanted, given);
    return PyErr_Format(PyExc_TypeError, "%s() takes %s (%zd given)", name,
                        wanted ? "exactly one argument" : "no arguments", given);
}

/* --- around the call ---------------------------------------------------------------------- */

static void *release_enter(void)
{
    PyThreadState *thread = jpy_gil_let_go();
    jf_os_errno_restore();
    return thread;
}

static void release_leave(void *thread)
{
    jf_os_errno_save();
    jpy_gil_take(thread);
}

static void hold_enter(void)
{
    jf_os_errno_restore();
}

static void hold_leave(void)
{
    jf_os_errno_save();
}

/* --- modules that do not look for exceptions ------------------------------------------------ */

/* Callbacks within their calls see that no call of ours is around them: call.h. */
static PyThreadState *idle_let_go(void)
{
    return jpy_gil_idle(PyEval_SaveThread());
}

static void idle_take(PyThreadState *thread)
{
    PyEval_RestoreThread(jpy_gil_state(thread));
}

static void *idle_enter(void)
{
    jpy_put_aside = idle_let_go();
    jf_os_errno_restore();
    return jpy_put_aside;
}

static void idle_leave(void *thread)
{
    jf_os_errno_save();
    jpy_put_aside = NULL;
    idle_take(thread);
}

/* --- what wrappers look at by themselves --------------------------------------------------- */

JF_STATIC_ASSERT(offsetof(jiffi_cdata, ctype) == offsetof(CDataObject, ctype) &&
                     offsetof(jiffi_cdata, data) == offsetof(CDataObject, data),
                 "cdata begin as modules know them");
JF_STATIC_ASSERT(offsetof(Held, fn) == 0 &&
                     offsetof(Held, trouble) == sizeof(void *) &&
                     sizeof jpy_held.trouble == sizeof(void *) &&
                     (sizeof(void *) != 8 || (offsetof(Held, thread) == 16 &&
                                              offsetof(Held, waiting) == 24)),
                 "held calls are marked as modules know it");

static void hold_begin(PyObject *self)
{
    jpy_held_begin(self);
}

static int failed(void)
{
    return jpy_call_failed();
}

static int call_end(int held)
{
    if (held)
        jpy_held.fn = NULL;
    return jpy_call_failed() ? -1 : 0;
}

/* ORDER WAY. */
static unsigned way(PyObject *self)
{
    FunctionInfo *f = jpy_function_info((CDataObject *)self);
    uint8_t policy = jpy_policy(f);
    unsigned w = !(policy & POLICY_HOLD)       ? JIFFI_RELEASE
                 : !(policy & POLICY_PROVED)   ? JIFFI_HOLD
                 : !(policy & POLICY_NO_ERRNO) ? JIFFI_PROVED
                                               : JIFFI_LEAN;
    return policy & POLICY_OBSERVED ? w | JIFFI_OBSERVED : w;
}

static void tell(const jiffi_module *module, jiffi_near *here)
{
    State *st = jpy_modgen_state(module);
    int32_t error, saved, aside, pending;
    uintptr_t zero;
    unsigned shift;
    jiffi_near near;
    bool looks = jpy_modgen_looks(module);
    if (!st || here->size > sizeof near || !jf_os_errno_offsets(&error, &saved) ||
        !jpy_pending_slot(&pending))
        return; /* a newer module counts on what is not known here */
    near = (jiffi_near){
        .size = here->size,
        .error = error,
        .saved_errno = saved,
        .put_aside = jpy_gil_slot(&aside) ? aside : 0,
        .cdata = {st->cdata_own_type, st->cdata_type, st->cdata_ext_type},
        .from_long = jpy_long,
        .from_double = PyFloat_FromDouble,
        .let_go = looks ? PyEval_SaveThread : idle_let_go,
        .take = looks ? PyEval_RestoreThread : idle_take,
        .pending = pending,
        .hold_begin = hold_begin,
        .held = &jpy_held.fn,
        .failed = failed};
    if (jpy_small_ints(&zero, &shift) &&
        (size_t)1 << shift == sizeof(PyLongObject)) {
        near.zero = (char *)zero;
        near.from_long = long_big;
    }
    memcpy(here, &near, here->size);
}

static jiffi_exports exports = {.abi = JIFFI_MODULE_ABI,
                                .size = sizeof(jiffi_exports),
                                .to_int = to_int,
                                .to_double = to_double,
                                .to_value = to_value,
                                .to_pointer = to_pointer,
                                .free_temps = free_temps,
                                .from_pointer = from_pointer,
                                .from_value = from_value,
                                .bad_count = bad_count,
                                .release_enter = release_enter,
                                .release_leave = release_leave,
                                .hold_enter = hold_enter,
                                .hold_leave = hold_leave,
                                .call_python = jpy_modgen_call_python,
                                .from_long = jpy_long,
                                .tell = tell,
                                .hold_begin = hold_begin,
                                .call_end = call_end,
                                .way = way,
                                .observe = jpy_observe_wrapper};
static jiffi_exports exports_idle; /* for modules that do not look for exceptions */

const struct jiffi_exports *jpy_modgen_exports(const jiffi_module *m)
{
    int32_t error, saved, aside;
    uintptr_t zero;
    unsigned shift;
    if (!exports.zero && jpy_small_ints(&zero, &shift)) {
        exports.zero = (char *)zero;
        exports.small_step = (ptrdiff_t)1 << shift;
    }
    if (!exports.saved_errno && jf_os_errno_offsets(&error, &saved)) {
        exports.saved_errno = saved - error;
        exports.error = error;
        if (jpy_gil_slot(&aside))
            exports.put_aside = aside - error;
    }
    if (jpy_modgen_looks(m))
        return &exports;
    exports_idle = exports;
    exports_idle.put_aside = 0; /* the functions do the work */
    exports_idle.release_enter = idle_enter;
    exports_idle.release_leave = idle_leave;
    return &exports_idle;
}
