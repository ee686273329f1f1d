/* SPDX-License-Identifier: MIT
 *
 * The fuzzer's driver: for every described signature, calls the compiler's
 * callee and is called by the compiler's caller, with random bytes, and compares
 * all bytes that belong to a value (padding does not). It is linked with one
 * generated file and one side (bridge or engine).
 *
 *   driver [first [seed]]    go on from the signature of that index
 *
 * Lines: "at N" before each one, "FAIL N ...", "refused N ...", "done ...".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/layout/layout.h"
#include "side.h"

/* The generated file's. */
typedef struct Row {
    void *fn;               /* callee: copies its arguments to gen_log */
    void (*caller)(void *); /* calls what it is given with gen_in */
    const unsigned *sizes;  /* of result, arguments */
} Row;
extern const char gen_notes[];
extern const Row gen_rows[];
void **gen_log;
void **gen_in;
void *gen_ret;
void *gen_out;

enum { ROUNDS = 3, ROOM = 16384 };

typedef struct Value {
    const jf_Type *t;
    uint8_t *sent, *got, *mask; /* ROOM bytes each */
} Value;

static Value values[MAX_ARGS * 2], result;
static uint32_t n_values;
static const jf_Plan *plan;
static unsigned current, failures, refused, no_callback, checked;
static const char *direction;
static int handled;

/* --- chance ----------------------------------------------------------------- */

static uint64_t state = 88172645463325252u;

static uint64_t chance(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Mark the bytes of `t` that belong to a value, and make _Bools 0 or 1. */
static void shape(const jf_Type *t, uint8_t *mask, uint8_t *value)
{
    if (t->kind == JF_ARRAY) {
        for (uint64_t i = 0; t->length != JF_UNKNOWN && i < t->length; i++)
            shape(t->to, mask + i * t->to->size, value + i * t->to->size);
    } else if (jf_is_record(t)) {
        for (uint32_t i = 0; i < t->u.rec->n_fields; i++) {
            const jf_Field *f = &t->u.rec->fields[i];
            if (f->bits < 0)
                shape(f->type, mask + f->offset, value + f->offset);
            else if (f->bits > 0 && f->name)
                jf_bits_write(mask, f, UINT64_MAX);
        }
    } else if (t->kind == JF_COMPLEX) {
        shape(t->to, mask, value);
        shape(t->to, mask + t->to->size, value + t->to->size);
    } else {
        bool x87 = t->kind == JF_FLOAT && t->prim == JF_P_LDOUBLE && t->size != 8 &&
                   plan->abi != JF_ABI_AAPCS64;
        memset(mask, 0xff, x87 ? 10 : (size_t)t->size);
        if (t->kind == JF_BOOL)
            *value &= 1;
    }
}

static void fill(Value *v, const jf_Type *t)
{
    v->t = t;
    size_t n = t->kind == JF_VOID ? 16 : (size_t)t->size + 16;
    for (size_t i = 0; i < n; i++)
        v->sent[i] = (uint8_t)(chance() >> 40);
    memset(v->mask, 0, n);
    memset(v->got, 0x77, n);
    if (t->kind != JF_VOID)
        shape(t, v->mask, v->sent);
}

static void dump(const char *what, const uint8_t *p, uint64_t n)
{
    printf("  %s:", what);
    for (uint64_t i = 0; i < n && i < 64; i++)
        printf(" %02x", p[i]);
    printf("\n");
}

static bool same(const Value *v, const uint8_t *got, const char *what, uint32_t n)
{
    for (uint64_t i = 0; v->t->kind != JF_VOID && i < v->t->size; i++)
        if ((v->sent[i] ^ got[i]) & v->mask[i]) {
            printf("FAIL %u %s: %s %u, byte %u\n", current, direction, what, n,
                   (unsigned)i);
            dump("sent", v->sent, v->t->size);
            dump("got ", got, v->t->size);
            dump("mask", v->mask, v->t->size);
            failures++;
            return false;
        }
    return true;
}

/* --- both directions ------------------------------------------------------------ */

static bool call_c(const Func *f, uint8_t *slots)
{
    direction = "calling C";
    void *log[MAX_ARGS * 2];
    memset(slots, 0x11, plan->slots_size);
    for (uint32_t i = 0; i < n_values; i++) {
        log[i] = values[i].got;
        if (values[i].t->kind == JF_VALIST)
            continue;
        memcpy(slots + plan->args[i].slot, values[i].sent, values[i].t->size);
    }
    gen_log = log;
    gen_ret = result.sent;
    side_call(gen_rows[f->number].fn, slots, result.got);
    for (uint32_t i = 0; i < n_values; i++)
        if (!same(&values[i], values[i].got, "argument", i))
            return false;
    return same(&result, result.got, "result", 0);
}

void side_handler(void *slots, void *ret)
{
    handled++;
    for (uint32_t i = 0; i < n_values; i++)
        if (!same(&values[i], (uint8_t *)slots + plan->args[i].slot, "argument", i))
            break;
    if (result.t->kind != JF_VOID)
        memcpy(ret, result.sent, result.t->size);
}

static bool called_by_c(const Func *f, void *address)
{
    direction = "called by C";
    void *in[MAX_ARGS * 2];
    unsigned before = failures;
    for (uint32_t i = 0; i < n_values; i++)
        in[i] = values[i].sent;
    memset(result.got, 0x77, result.t->kind == JF_VOID ? 16 : result.t->size + 16);
    gen_in = in;
    gen_out = result.got;
    handled = 0;
    gen_rows[f->number].caller(address);
    if (failures != before)
        return false;
    if (handled != 1) {
        printf("FAIL %u %s: handler ran %d times\n", current, direction, handled);
        failures++;
        return false;
    }
    return same(&result, result.got, "result", 0);
}

/* --- one signature --------------------------------------------------------------- */

static bool sizes_agree(const Func *f)
{
    const unsigned *s = gen_rows[f->number].sizes;
    bool ok = result.t->kind == JF_VOID || s[0] == result.t->size;
    for (uint32_t i = 0; i < n_values; i++)
        ok = ok && s[i + 1] == values[i].t->size;
    if (!ok) {
        printf("FAIL %u sizes differ from the compiler's\n", current);
        failures++;
    }
    return ok;
}

static void draw(const Func *f)
{
    n_values = 0;
    for (uint32_t i = 0; i < f->type->u.func->n_params; i++)
        fill(&values[n_values++], f->type->u.func->params[i]);
    for (uint32_t i = 0; i < f->n_extra; i++)
        fill(&values[n_values++], f->extra[i]);
    fill(&result, f->type->to);
}

static bool fits(void)
{
    bool ok = plan->result.size < ROOM - 16;
    for (uint32_t i = 0; i < plan->n_args; i++)
        ok = ok && plan->args[i].size < ROOM - 16;
    return ok;
}

static void one(jf_Universe *u, const Func *f)
{
    jf_Diag d = JF_DIAG_INIT;
    jf_Status st = side_open(u, f, &plan, &d);
    if (st != JF_OK) {
        printf("%s %u %s\n", st == JF_UNSUPPORTED ? "refused" : "FAIL", current,
               d.message);
        refused += st == JF_UNSUPPORTED;
        failures += st != JF_UNSUPPORTED;
        jf_diag_clear(&d);
        return;
    }
    if (!fits()) {
        printf("refused %u 'it' is too large for this test\n", current);
        side_close();
        return;
    }
    void *address = side_callback(u, f, &d);
    uint8_t *slots = aligned_alloc(64, (plan->slots_size + 127) / 64 * 64);
    for (int i = 0; i < ROUNDS; i++) {
        draw(f);
        if (!sizes_agree(f) || !call_c(f, slots) ||
            (address && !called_by_c(f, address)))
            break;
    }
    no_callback += !address;
    checked++;
    free(slots);
    jf_diag_clear(&d);
    side_close();
}

static void room(Value *v)
{
    v->sent = aligned_alloc(64, ROOM);
    v->got = aligned_alloc(64, ROOM);
    v->mask = aligned_alloc(64, ROOM);
}

int main(int argc, char **argv)
{
    unsigned first = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    state += argc > 2 ? strtoull(argv[2], NULL, 10) * 7919 : 0;
    Described d;
    describe_read(side_universe(), gen_notes, &d);
    room(&result);
    for (unsigned i = 0; i < MAX_ARGS * 2; i++)
        room(&values[i]);
    for (uint32_t i = first; i < d.n_funcs; i++) {
        current = i;
        printf("at %u\n", i);
        fflush(stdout);
        one(d.u, &d.funcs[i]);
    }
    printf("done %s: %u checked, %u refused, %u not called back, %u failed\n",
           side_name, checked, refused, no_callback, failures);
    return failures != 0;
}
