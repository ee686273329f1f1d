/* SPDX-License-Identifier: MIT
 *
 * A loop as a recipe: NumPy's inner loop around one foreign call. Knows recipes
 * and plans; where things live in registers and on the stack is the encoder's.
 *
 *   R0..R3   the addresses of the current item, operand by operand, as far as they
 *            go; then, if one is left, how many items are to come
 *   cells    the other addresses, the steps, the count
 *
 * Two or three bodies stand one after the other. `packed` is for operands without
 * gaps: distances are in the instructions. `strided` reads them from cells.
 * `copied` is for results that C writes through a pointer, where that pointer would
 * not do: out of line with the type's alignment, or seen through another argument.
 */
#include "engine/loop_inner.h"

#include <string.h>

enum { N_KEPT = 4, MAX_INLINE_COPY = 64 };

typedef struct Home {
    bool in_reg;
    jf_Reg reg;   /* in_reg */
    int32_t cell; /* otherwise; offset in the frame */
} Home;

typedef enum Body { PACKED, STRIDED, COPIED } Body;

typedef struct Writer {
    jf_Recipe *r;
    const jf_Loop *l;
    const jf_Plan *plan;
    const uint64_t *sizes; /* by operand: bytes of an item; 0: not known */
    Home *at;              /* by operand: address of the current item */
    Home left;             /* items to come */
    bool by_end;           /* this body ends where operand 0 does: a count in memory
                              costs a little more */
    int32_t end_cell;      /* by_end: one item behind the last */
    int32_t fn_cell;       /* address of the function: a call through memory is
                              short, and short loops fit into one cache line */
    int32_t n_cell;        /* with `stop`: how many there were */
    int32_t step_cell;     /* the steps, 8 bytes each */
    int32_t temp;          /* memory for results nobody wants, or for copies */
    uint32_t stopped;      /* label */
} Writer;

/* --- small things ----------------------------------------------------------------- */

static Home in_reg(jf_Reg reg)
{
    return (Home){true, reg, 0};
}

static Home in_cell(jf_Recipe *r)
{
    return (Home){false, JF_NOREG, jf_recipe_frame(r, 8, 8)};
}

/* The register that has the address of operand `o`; T0 is lost if there is none. */
static jf_Reg address_of(Writer *w, int o)
{
    if (w->at[o].in_reg)
        return w->at[o].reg;
    jf_load(w->r, JF_T0, JF_FRAME, w->at[o].cell, 8, false);
    return JF_T0;
}

/* T0 = the temporary, aligned as the result has to be. */
static void temp_address(Writer *w)
{
    uint32_t align = w->plan->result.align;
    jf_lea(w->r, JF_T0, JF_FRAME, w->temp);
    if (align > 16) {
        jf_arith(w->r, JF_OP_ADD, JF_T0, JF_NOREG, align - 1);
        jf_arith(w->r, JF_OP_AND, JF_T0, JF_NOREG, -(uint64_t)align);
    }
}

static void place_whole(Writer *w, uint32_t i, jf_Reg base)
{
    const jf_PlanValue *v = &w->plan->args[i];
    if (!v->n)
        return;
    const jf_Piece *p = &w->plan->pieces[v->first];
    bool word =
        v->is_scalar && !v->is_float && p->place == JF_ON_STACK && p->size < 8;
    if (!word) {
        jf_placem(w->r, (int)i, base, 0);
        return;
    }
    /* the whole stack word gets a defined value */
    jf_load(w->r, JF_T0, base, 0, (int)p->size, p->extend == JF_EXT_SIGN);
    jf_place(w->r, (int)i, JF_T0);
}

/* --- one item --------------------------------------------------------------------- */

static uint64_t fixed_word(const void *p, const jf_Piece *piece)
{
    uint64_t v = 0;
    memcpy(&v, p, piece->size);
    unsigned unused = 64 - 8 * piece->size;
    if (piece->extend == JF_EXT_SIGN)
        v = (uint64_t)((int64_t)(v << unused) >> unused);
    return v;
}

static void place_fixed(Writer *w, uint32_t i)
{
    const jf_PlanValue *v = &w->plan->args[i];
    const void *value = w->l->args[i].fixed;
    if (v->n == 1 && v->is_scalar && !v->is_float) {
        uint64_t word = fixed_word(value, &w->plan->pieces[v->first]);
        jf_recipe_put(w->r, JF_INS(.op = JF_OP_PLACE, .c = (uint16_t)i,
                                   .b = JF_NOREG, .imm = word));
    } else {
        jf_const(w->r, JF_T0, (uintptr_t)value);
        place_whole(w, i, JF_T0);
    }
}

static void place_arguments(Writer *w)
{
    for (uint32_t i = 0; i < w->plan->n_args; i++) {
        const jf_LoopArg *a = &w->l->args[i];
        if (a->how == JF_LOOP_FIXED)
            place_fixed(w, i);
        else if (a->how == JF_LOOP_ADDRESS)
            jf_place(w->r, (int)i, address_of(w, a->operand));
        else
            place_whole(w, i, address_of(w, a->operand));
    }
}

/* From the temporary to the operand. */
static void copy_result(Writer *w)
{
    uint64_t size = w->plan->result.size;
    if (size > MAX_INLINE_COPY || w->plan->result.align > 16) {
        jf_Reg to = address_of(w, w->l->result);
        if (to == JF_T0) {
            jf_move(w->r, JF_T1, JF_T0);
            to = JF_T1;
        }
        temp_address(w);
        jf_arg(w->r, 0, to, 0);
        jf_arg(w->r, 1, JF_T0, 0);
        jf_arg(w->r, 2, JF_NOREG, size);
        jf_helper(w->r, JF_NOREG, (uintptr_t)memcpy);
        return;
    }
    jf_Reg to = address_of(w, w->l->result);
    for (uint64_t done = 0; done < size;) {
        uint64_t rest = size - done;
        int step = rest >= 8 ? 8 : rest >= 4 ? 4 : rest >= 2 ? 2 : 1;
        jf_load(w->r, JF_T1, JF_FRAME, w->temp + (int32_t)done, step, false);
        jf_store(w->r, to, (int32_t)done, JF_T1, step);
        done += (uint64_t)step;
    }
}

static void place_result(Writer *w, Body body)
{
    bool temp = w->l->result < 0 || body == COPIED;
    if (temp)
        temp_address(w);
    jf_Reg to = temp ? JF_T0 : address_of(w, w->l->result);
    jf_recipe_put(w->r, JF_INS(.op = JF_OP_PLACERET, .b = to));
}

static bool in_x87(const jf_Plan *plan)
{
    return plan->result.n && plan->pieces[plan->result.first].place == JF_IN_X87;
}

/* The integer just returned, in the place it was stored or in rax's stead. */
static void stop_if(Writer *w, bool stored)
{
    const jf_PlanValue *v = &w->plan->result;
    if (v->size > 8) { /* two registers: in memory they are easier to look at */
        jf_Reg from = JF_FRAME;
        if (stored) {
            jf_Reg at = address_of(w, w->l->result);
            jf_load(w->r, JF_T1, at, 8, 8, false);
            jf_load(w->r, JF_T0, at, 0, 8, false);
        } else {
            jf_load(w->r, JF_T1, from, w->temp + 8, 8, false);
            jf_load(w->r, JF_T0, from, w->temp, 8, false);
        }
        jf_arith(w->r, JF_OP_OR, JF_T0, JF_T1, 0);
    }
    jf_branch(w->r, JF_T0, JF_NE, JF_NOREG, 0, w->stopped);
}

static void take_scalar(Writer *w)
{
    const jf_PlanValue *v = &w->plan->result;
    int size = (int)v->size;
    jf_recipe_put(w->r, JF_INS(.op = JF_OP_RESULT, .a = JF_T0));
    if (w->l->result >= 0) {
        jf_Reg to = w->at[w->l->result].reg;
        if (!w->at[w->l->result].in_reg) {
            to = JF_T1;
            jf_load(w->r, to, JF_FRAME, w->at[w->l->result].cell, 8, false);
        }
        jf_store(w->r, to, 0, JF_T0, size);
    }
    if (!w->l->stop)
        return;
    if (size < 8)
        jf_extend(w->r, JF_T0, JF_T0, size, false);
    stop_if(w, w->l->result >= 0);
}

/* RESULTM to the operand, or to the temporary. */
static void take_memory(Writer *w)
{
    jf_Reg to = JF_FRAME;
    int32_t off = w->temp;
    if (w->l->result >= 0 && w->at[w->l->result].in_reg) {
        to = w->at[w->l->result].reg;
        off = 0;
    } else if (w->l->result >= 0) {
        to = JF_T1; /* not T0: it has the result */
        jf_load(w->r, to, JF_FRAME, w->at[w->l->result].cell, 8, false);
        off = 0;
    }
    jf_recipe_put(w->r, JF_INS(.op = JF_OP_RESULTM, .b = to, .off = off));
}

static void take_result(Writer *w, Body body)
{
    const jf_PlanValue *v = &w->plan->result;
    bool wanted = w->l->result >= 0;
    if (w->plan->sret != JF_SRET_NONE) {
        if (body == COPIED)
            copy_result(w);
    } else if (v->is_scalar && !v->is_float && v->size <= 8) {
        if (wanted || w->l->stop)
            take_scalar(w);
    } else if (v->n && (wanted || w->l->stop || in_x87(w->plan))) {
        take_memory(w); /* also when nobody wants it: st0 has to be emptied */
        if (w->l->stop)
            stop_if(w, wanted);
    }
}

/* --- the loop --------------------------------------------------------------------- */

static void advance(Writer *w, int o, Body body)
{
    int32_t step = w->step_cell + 8 * o;
    uint64_t size = w->sizes[o];
    if (w->at[o].in_reg && body == PACKED) {
        jf_arith(w->r, JF_OP_ADD, w->at[o].reg, JF_NOREG, size);
    } else if (w->at[o].in_reg) {
        jf_addm(w->r, w->at[o].reg, JF_FRAME, step);
    } else if (body == PACKED) {
        jf_addto(w->r, JF_FRAME, w->at[o].cell, JF_NOREG, size);
    } else {
        jf_load(w->r, JF_T0, JF_FRAME, step, 8, false);
        jf_addto(w->r, JF_FRAME, w->at[o].cell, JF_T0, 0);
    }
}

static void count_down(Writer *w, uint32_t top)
{
    if (w->by_end) {
        jf_branchm(w->r, JF_FRAME, w->end_cell, JF_NE, JF_R0, 0, top);
        return;
    }
    if (!w->left.in_reg) {
        jf_countm(w->r, JF_FRAME, w->left.cell, top);
        return;
    }
    jf_arith(w->r, JF_OP_SUB, w->left.reg, JF_NOREG, 1);
    jf_branch(w->r, w->left.reg, JF_NE, JF_NOREG, 0, top);
}

/* Addresses out of the list at R0 into their homes; R0's own comes last. */
static void load_addresses(Writer *w)
{
    for (int o = w->l->n_operands; o-- > 0;) {
        jf_Reg to = w->at[o].in_reg ? w->at[o].reg : JF_T0;
        jf_load(w->r, to, JF_R0, 8 * o, 8, false);
        if (!w->at[o].in_reg)
            jf_store(w->r, JF_FRAME, w->at[o].cell, JF_T0, 8);
    }
}

/* The address of operand 0 after its last item; R0 is still the list. */
static void find_end(Writer *w, Body body)
{
    jf_load(w->r, JF_T0, JF_FRAME, w->left.cell, 8, false);
    if (body == PACKED) {
        jf_arith(w->r, JF_OP_MUL, JF_T0, JF_NOREG, w->sizes[0]);
    } else {
        jf_load(w->r, JF_T1, JF_R2, 0, 8, false);
        jf_arith(w->r, JF_OP_MUL, JF_T0, JF_T1, 0);
    }
    jf_addm(w->r, JF_T0, JF_R0, 0);
    jf_store(w->r, JF_FRAME, w->end_cell, JF_T0, 8);
}

static void write_body(Writer *w, Body body)
{
    uint32_t top = jf_recipe_label(w->r);
    if (body != PACKED) {
        for (int o = 0; o < w->l->n_operands; o++) {
            jf_load(w->r, JF_T0, JF_R2, 8 * o, 8, false);
            jf_store(w->r, JF_FRAME, w->step_cell + 8 * o, JF_T0, 8);
        }
    }
    if (w->by_end)
        find_end(w, body);
    load_addresses(w);
    jf_label_top(w->r, top);
    place_arguments(w);
    if (w->plan->sret != JF_SRET_NONE)
        place_result(w, body);
    jf_recipe_put(w->r,
                  JF_INS(.op = JF_OP_FOREIGN, .b = JF_FRAME, .off = w->fn_cell));
    take_result(w, body);
    for (int o = 0; o < w->l->n_operands; o++)
        advance(w, o, body);
    count_down(w, top);
    if (w->l->stop)
        jf_load(w->r, JF_T0, JF_FRAME, w->n_cell, 8, false);
    jf_return(w->r, w->l->stop ? JF_T0 : JF_NOREG, 0);
}

/* How many items were done before the one that stopped. */
static void write_stopped(Writer *w)
{
    jf_Reg left = w->left.reg;
    jf_label(w->r, w->stopped);
    jf_load(w->r, JF_T0, JF_FRAME, w->n_cell, 8, false);
    if (!w->left.in_reg) {
        left = JF_T1;
        jf_load(w->r, left, JF_FRAME, w->left.cell, 8, false);
    }
    jf_arith(w->r, JF_OP_SUB, JF_T0, left, 0);
    jf_return(w->r, JF_T0, 0);
}

/* --- which bodies, and where things live ------------------------------------------- */

static bool may_pack(const Writer *w)
{
    for (int o = 0; o < w->l->n_operands; o++)
        if (w->sizes[o] == 0 || w->sizes[o] > INT32_MAX)
            return false;
    return true;
}

static bool has_address(const jf_Loop *l)
{
    for (uint32_t i = 0; i < l->plan->n_args; i++)
        if (l->args[i].how == JF_LOOP_ADDRESS)
            return true;
    return false;
}

/* Go to `copied` when some item of the result is not where its type may stand. */
static void test_alignment(Writer *w, uint32_t copied)
{
    jf_load(w->r, JF_T0, JF_R0, 8 * w->l->result, 8, false);
    jf_load(w->r, JF_T1, JF_R2, 8 * w->l->result, 8, false);
    jf_arith(w->r, JF_OP_OR, JF_T0, JF_T1, 0);
    jf_arith(w->r, JF_OP_AND, JF_T0, JF_NOREG, w->plan->result.align - 1);
    jf_branch(w->r, JF_T0, JF_NE, JF_NOREG, 0, copied);
}

static void choose_homes(Writer *w)
{
    jf_Recipe *r = w->r;
    int n = w->l->n_operands;
    for (int o = 0; o < n; o++)
        w->at[o] = o < N_KEPT ? in_reg((jf_Reg)(JF_R0 + o)) : in_cell(r);
    w->left = n < N_KEPT ? in_reg(JF_R3) : in_cell(r);
    w->fn_cell = jf_recipe_frame(r, 8, 8);
    w->end_cell = jf_recipe_frame(r, 8, 8);
    w->n_cell = w->l->stop ? jf_recipe_frame(r, 8, 8) : 0;
    w->step_cell = n ? jf_recipe_frame(r, 8u * (uint32_t)n, 8) : 0;
    uint32_t align = w->plan->result.align;
    uint64_t size = w->plan->result.size + (align > 16 ? align : 0);
    w->temp = size ? jf_recipe_frame(r, (uint32_t)size, 16) : 0;
}

static void write_start(Writer *w)
{
    uint32_t some = jf_recipe_label(w->r);
    jf_Reg n = w->left.in_reg ? w->left.reg : JF_T0;
    jf_load(w->r, n, JF_R1, 0, 8, false);
    jf_branch(w->r, n, JF_NE, JF_NOREG, 0, some);
    jf_return(w->r, JF_NOREG, 0);
    jf_label(w->r, some);
    if (!w->left.in_reg)
        jf_store(w->r, JF_FRAME, w->left.cell, n, 8);
    if (w->l->stop)
        jf_store(w->r, JF_FRAME, w->n_cell, n, 8);
    jf_const(w->r, JF_T1, (uintptr_t)w->l->address);
    jf_store(w->r, JF_FRAME, w->fn_cell, JF_T1, 8);
}

/* Operand 0 that stays where it is has no end: then the items are counted. */
static void write_strided(Writer *w)
{
    uint32_t counted = jf_recipe_label(w->r);
    if (w->by_end) {
        jf_branchm(w->r, JF_R2, 0, JF_EQ, JF_NOREG, 0, counted);
        write_body(w, STRIDED);
        w->by_end = false;
    }
    jf_label(w->r, counted);
    write_body(w, STRIDED);
}

static void write_loop(Writer *w)
{
    uint32_t strided = jf_recipe_label(w->r), copied = jf_recipe_label(w->r);
    bool memory = w->plan->sret != JF_SRET_NONE && w->l->result >= 0;
    bool always = memory && has_address(w->l);
    w->stopped = jf_recipe_label(w->r);
    choose_homes(w);
    write_start(w);
    w->by_end = !w->left.in_reg && !w->l->stop;
    if (memory && !always && w->plan->result.align > 1)
        test_alignment(w, copied);
    if (!always && may_pack(w)) {
        for (int o = 0; o < w->l->n_operands; o++)
            jf_branchm(w->r, JF_R2, 8 * o, JF_NE, JF_NOREG, w->sizes[o], strided);
        write_body(w, PACKED);
    }
    jf_label(w->r, strided);
    if (!always)
        write_strided(w);
    jf_label(w->r, copied);
    w->by_end = false;
    if (memory)
        write_body(w, COPIED);
    if (w->l->stop)
        write_stopped(w);
}

/* --- the door --------------------------------------------------------------------- */

/* Bytes from one item to the next where there are no gaps. */
static void item_sizes(const jf_Loop *l, const jf_Type *fn, uint64_t *sizes)
{
    for (uint32_t i = 0; i < l->plan->n_args; i++) {
        const jf_LoopArg *a = &l->args[i];
        const jf_Type *t = fn->u.func->params[i];
        if (a->how == JF_LOOP_FIXED || sizes[a->operand])
            continue;
        if (a->how == JF_LOOP_ITEM)
            sizes[a->operand] = l->plan->args[i].size;
        else if (t->kind == JF_PTR && t->to->size != JF_UNKNOWN)
            sizes[a->operand] = t->to->size;
    }
    if (l->result >= 0)
        sizes[l->result] = l->plan->result.size;
}

/* Conventions that pass addresses of copies are not written for: each item would
 * need its own copy. */
static bool can_write(const jf_Plan *plan)
{
    for (uint32_t i = 0; i < plan->n_args; i++)
        if (plan->args[i].indirect)
            return false;
    return plan->result.size <= INT32_MAX / 2;
}

jf_Status engine_loop_code(jf_Loop *l, const jf_Type *fn, const char *name,
                           jf_Diag *d)
{
    if (!can_write(l->plan))
        return jf_diag_set(d, JF_UNSUPPORTED, "a loop over copies on the stack");
    size_t n = l->n_operands ? l->n_operands : 1;
    uint64_t *sizes = jf_calloc(n * (sizeof *sizes + sizeof(Home)));
    if (!sizes)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    Home *at = (Home *)(void *)(sizes + n); /* behind what needs more alignment */
    item_sizes(l, fn, sizes);
    jf_Recipe r = JF_RECIPE_INIT;
    jf_Buf text = JF_BUF_INIT;
    Writer w = {.r = &r, .l = l, .plan = l->plan, .sizes = sizes, .at = at};
    write_loop(&w);
    jf_buf_printf(&text, "jiffi:loop %s", name ? name : "?");
    jf_Status st = text.failed ? jf_diag_set(d, JF_NOMEM, "out of memory")
                               : jf_compile(&r, l->plan, text.p, &l->code, d);
    jf_buf_free(&text);
    jf_recipe_free(&r);
    jf_free(sizes);
    return st;
}
