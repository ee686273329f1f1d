/* SPDX-License-Identifier: MIT
 *
 * libffi told the C types themselves: the way for CPUs without a plan, and
 * (JIFFI_JIT=natural) for testing that way elsewhere. Refused by name: what
 * libffi has no words for (unions, bit-fields, packed structs, vectors,
 * __int128), and what this copy of libffi is found to pass wrongly.
 */
#include "engine/ffi_shape.h"

#include "core/layout/layout.h"
#include "core/target/target.h"
#include "os/os.h"

#include <alloca.h>
#include <string.h>

enum { MAX_ELEMENTS = 4096 };

/* `t` cannot be passed: "<what> 'struct x'", with the reason. */
static jf_Status refuse(const jf_Type *t, const char *why, jf_Diag *d)
{
    jf_Buf name = JF_BUF_INIT;
    jf_type_print(t, "", 0, &name, NULL);
    jf_diag_set(d, JF_UNSUPPORTED,
                "'%s' cannot be passed or returned by value through libffi: %s",
                name.p && !name.failed ? name.p : "?", why);
    jf_buf_free(&name);
    return JF_UNSUPPORTED;
}

/* --- types -------------------------------------------------------------------------- */

static ffi_type *integer_type(uint64_t size, bool is_signed)
{
    switch (size) {
    case 1:
        return is_signed ? &ffi_type_sint8 : &ffi_type_uint8;
    case 2:
        return is_signed ? &ffi_type_sint16 : &ffi_type_uint16;
    case 4:
        return is_signed ? &ffi_type_sint32 : &ffi_type_uint32;
    case 8:
        return is_signed ? &ffi_type_sint64 : &ffi_type_uint64;
    default:
        return NULL;
    }
}

/* The formats libffi knows: float, double, and the C compiler's long double. */
static ffi_type *float_type(const jf_Type *t)
{
    if (t->prim == JF_P_LDOUBLE || t->prim == JF_P_FLOAT64X)
        return &ffi_type_longdouble;
    return t->size == 4 ? &ffi_type_float : t->size == 8 ? &ffi_type_double : NULL;
}

static ffi_type *complex_type(const jf_Type *t)
{
    return t->prim == JF_P_CFLOAT     ? &ffi_type_complex_float
           : t->prim == JF_P_CDOUBLE  ? &ffi_type_complex_double
           : t->prim == JF_P_CLDOUBLE ? &ffi_type_complex_longdouble
                                      : NULL;
}

static jf_Status type_make(Shape *s, const jf_Type *t, ffi_type **out, jf_Diag *d);

/* Members in order; arrays are written out, since libffi has none. */
static jf_Status struct_elements(Shape *s, const jf_Type *whole, const jf_Type *t,
                                 uint64_t times, ffi_type **list, uint32_t *n,
                                 jf_Diag *d)
{
    while (t->kind == JF_ARRAY) {
        if (t->length == JF_UNKNOWN)
            return refuse(whole, "it ends in an array of unknown length", d);
        times *= t->length;
        t = t->to;
    }
    if (times > MAX_ELEMENTS || *n + times > MAX_ELEMENTS)
        return refuse(whole, "it has too many members", d);
    ffi_type *e = NULL;
    jf_Status st = times ? type_make(s, t, &e, d) : JF_OK;
    for (uint64_t k = 0; st == JF_OK && k < times; k++)
        list[(*n)++] = e;
    return st;
}

static jf_Status struct_make(Shape *s, const jf_Type *t, ffi_type **out, jf_Diag *d)
{
    const jf_Record *rec = t->u.rec;
    uint32_t n = 0;
    ffi_type **list = jf_alloc(MAX_ELEMENTS * sizeof *list);
    if (!list)
        return ffi_no_memory(d);
    jf_Status st = JF_OK;
    for (uint32_t i = 0; st == JF_OK && i < rec->n_fields; i++) {
        const jf_Field *f = &rec->fields[i];
        if (f->bits >= 0)
            st = refuse(t, "it has bit-fields", d);
        else
            st = struct_elements(s, t, f->type, 1, list, &n, d);
    }
    ffi_type *f = NULL;
    if (st == JF_OK && n == 0)
        st = refuse(t, "it is empty", d);
    if (st == JF_OK) {
        f = jf_arena_calloc(&s->arena, sizeof *f + (n + 1) * sizeof *list);
        st = f ? JF_OK : ffi_no_memory(d);
    }
    if (st == JF_OK) {
        size_t *offsets = NULL;
        f->type = FFI_TYPE_STRUCT;
        f->elements = (ffi_type **)(f + 1);
        memcpy(f->elements, list, n * sizeof *list);
        /* Lays the struct out as libffi sees it: it must agree with C. */
        if (ffi_get_struct_offsets(FFI_DEFAULT_ABI, f, offsets) != FFI_OK ||
            f->size != t->size || f->alignment != t->align)
            st = refuse(t, "it is packed or aligned in a special way", d);
    }
    jf_free(list);
    *out = f;
    return st;
}

static jf_Status type_make(Shape *s, const jf_Type *t, ffi_type **out, jf_Diag *d)
{
    ffi_type *f = NULL;
    switch ((jf_Kind)t->kind) {
    case JF_VOID:
        f = &ffi_type_void;
        break;
    case JF_BOOL:
    case JF_INT:
    case JF_CHAR:
    case JF_ENUM:
        f = integer_type(t->size, t->flags & JF_T_SIGNED);
        break;
    case JF_FLOAT:
        f = float_type(t);
        break;
    case JF_COMPLEX:
        f = complex_type(t);
        break;
    case JF_PTR:
    case JF_ARRAY:
    case JF_FUNC:
        f = &ffi_type_pointer;
        break;
    case JF_STRUCT:
        return struct_make(s, t, out, d);
    case JF_UNION:
        return refuse(t, "libffi knows no unions", d);
    case JF_VECTOR:
    case JF_VALIST:
        break;
    }
    if (!f)
        return refuse(t, "libffi has no such type", d);
    *out = f;
    return JF_OK;
}

/* --- what this libffi gets wrong ------------------------------------------------------- */

typedef struct Pair {
    long n;
    double x;
} Pair;

static double probe_callee(double x, long a, long b, long c, long d, long e, Pair p)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)p;
    return x;
}

/* Does a struct whose integer half takes the last general register overwrite
 * the first vector register? Copies up to 3.4.4 at least do on x86-64. */
static bool probe_fails(void)
{
    ffi_type *fields[] = {&ffi_type_slong, &ffi_type_double, NULL};
    ffi_type pair = {0, 0, FFI_TYPE_STRUCT, fields};
    ffi_type *types[] = {&ffi_type_double,
                         &ffi_type_slong,
                         &ffi_type_slong,
                         &ffi_type_slong,
                         &ffi_type_slong,
                         &ffi_type_slong,
                         &pair};
    double x = 1.5, result = 0;
    long n = 7;
    Pair p = {8, 2.5};
    void *args[] = {&x, &n, &n, &n, &n, &n, &p};
    ffi_cif cif;
    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 7, &ffi_type_double, types) != FFI_OK)
        return true;
    ffi_call(&cif, FFI_FN(probe_callee), &result, args);
    return result != x;
}

static bool last_register_bug;
static jf_OsOnce probe_once = JF_OS_ONCE;

static void probe(void)
{
    last_register_bug = probe_fails();
}

/* The signatures that meet it: two pieces, one of them the last general
 * register, the other a vector register. */
static bool meets_bug(const jf_Plan *plan, uint32_t i)
{
    const jf_PlanValue *v = &plan->args[i];
    bool last = false, vec = false;
    for (uint32_t k = 0; k < v->n; k++) {
        const jf_Piece *p = &plan->pieces[v->first + k];
        last |= p->place == JF_IN_GPR && p->reg == 5;
        vec |= p->place == JF_IN_VEC;
    }
    return plan->abi == JF_ABI_SYSV && last && vec && last_register_bug;
}

/* --- the shape --------------------------------------------------------------------------- */

static jf_Status arg_shape(Shape *s, uint32_t i, const jf_Type *t, jf_Diag *d)
{
    if (t->kind == JF_VALIST && s->plan->args[i].size == sizeof(void *)) {
        s->args[i] = &ffi_type_pointer; /* an array: its slot holds its address */
        return JF_OK;
    }
    if (meets_bug(s->plan, i))
        return refuse(t,
                      "this libffi corrupts other arguments when the integer "
                      "half of a struct lands in the last register",
                      d);
    return type_make(s, t, &s->args[i], d);
}

jf_Status ffi_shape_natural(Shape *s, const jf_Plan *plan, const jf_Type *fn,
                            jf_Type *const *extra, jf_Diag *d)
{
    jf_os_once(&probe_once, probe);
    s->plan = plan;
    s->args = jf_arena_calloc(&s->arena, (plan->n_args + 1) * sizeof *s->args);
    if (!s->args)
        return ffi_no_memory(d);
    jf_Status st = type_make(s, fn->to, &s->result, d);
    bool x87 = jf_is_record(fn->to) && plan->result.n &&
               plan->pieces[plan->result.first].place == JF_IN_X87;
    /* 3.4.4 leaves it in st0. Trying would upset the x87 stack: no probe. */
    if (st == JF_OK && x87)
        st = refuse(fn->to, "it loses long double results in structs", d);
    uint32_t fixed = fn->u.func->n_params;
    for (uint32_t i = 0; st == JF_OK && i < plan->n_args; i++)
        st = arg_shape(s, i, i < fixed ? fn->u.func->params[i] : extra[i - fixed],
                       d);
    if (st != JF_OK)
        return st;
    bool variadic = plan->n_args > fixed;
    ffi_status f = variadic ? ffi_prep_cif_var(&s->cif, FFI_DEFAULT_ABI, fixed,
                                               plan->n_args, s->result, s->args)
                            : ffi_prep_cif(&s->cif, FFI_DEFAULT_ABI, plan->n_args,
                                           s->result, s->args);
    if (f != FFI_OK)
        return jf_diag_set(d, JF_UNSUPPORTED, "libffi refuses this signature");
    return JF_OK;
}

/* --- calls and callbacks -------------------------------------------------------------------- */

static bool is_small_integer(const ffi_type *t)
{
    return t->type != FFI_TYPE_STRUCT && t->type != FFI_TYPE_FLOAT &&
           t->type != FFI_TYPE_DOUBLE && t->type != FFI_TYPE_LONGDOUBLE &&
           t->type != FFI_TYPE_COMPLEX && t->size < sizeof(ffi_arg);
}

void ffi_call_natural(const Shape *s, void *fn, void *slots, void *ret)
{
    const jf_Plan *plan = s->plan;
    void **args = alloca((plan->n_args + 1) * sizeof *args);
    for (uint32_t i = 0; i < plan->n_args; i++)
        args[i] = (char *)slots + plan->args[i].slot;
    ffi_cif *cif = (ffi_cif *)(uintptr_t)&s->cif;
    if (plan->result.size > sizeof(ffi_arg)) {
        ffi_call(cif, FFI_FN(fn), ret, args);
        return;
    }
    /* Small integers come widened to a word, which `ret` need not have. */
    _Alignas(16) uint8_t word[FFI_RESULT];
    ffi_call(cif, FFI_FN(fn), word, args);
    if (plan->result.size && ret)
        memcpy(ret, word, (size_t)plan->result.size);
}

/* libffi wants small integer results as a whole word of the right sign. */
static void widen(const ffi_type *t, const void *value, void *result)
{
    uint64_t w = 0;
    memcpy(&w, value, t->size);
    bool is_signed = t->type == FFI_TYPE_SINT8 || t->type == FFI_TYPE_SINT16 ||
                     t->type == FFI_TYPE_SINT32;
    unsigned shift = 64 - 8 * (unsigned)t->size;
    ffi_arg full =
        (ffi_arg)(is_signed ? (uint64_t)((int64_t)(w << shift) >> shift) : w);
    memcpy(result, &full, sizeof full);
}

void ffi_answer_natural(const Shape *s, jf_Callback *cb, void *result, void **args)
{
    const jf_Plan *plan = s->plan;
    uint8_t *slots = alloca(plan->slots_size + 32u);
    slots += -(uintptr_t)slots & 15;
    for (uint32_t i = 0; i < plan->n_args; i++)
        memcpy(slots + plan->args[i].slot, args[i], (size_t)plan->args[i].size);
    uint64_t size = plan->result.size;
    uint8_t *ret = alloca((size_t)(size < 16 ? 16 : size) + 32);
    ret += -(uintptr_t)ret & 15;
    memset(ret, 0, (size_t)(size < 16 ? 16 : size));
    engine_answer(cb, slots, ret);
    if (!size)
        return;
    if (is_small_integer(s->result))
        widen(s->result, ret, result);
    else
        memcpy(result, ret, (size_t)size);
}
