/* SPDX-License-Identifier: MIT
 *
 * Recipe -> x86-64 code for the System V convention: choice of registers,
 * frame, order of hot and cold code, jump lengths. Knows recipes and plans,
 * refuses to know types. Rules: psABI x86-64 1.0, 3.2 (calling sequence).
 *
 * The code is emitted twice: first with long jumps everywhere, then with short
 * ones where the first round showed that they reach (code only shrinks, so
 * what reached still does).
 */
#include "arch/x64/thunk.h"

#include "arch/arch.h"
#include "arch/x64/entry.h"
#include "core/base/bits.h"
#include "core/target/target.h"

#include <string.h>

const uint8_t x64_arg_gpr[X64_N_GPR] = {X_RDI, X_RSI, X_RDX, X_RCX, X_R8, X_R9};

static const uint8_t saved_order[X64_N_SAVED] = {X_RBX, X_R12, X_R13, X_R14};

/* --- what the recipe needs --------------------------------------------------- */

uint16_t x64_value_mask(const jf_Plan *plan, int arg)
{
    if (arg < 0)
        return 1;
    const jf_PlanValue *v = &plan->args[arg];
    unsigned mask = 0;
    for (uint32_t k = 0; k < v->n; k++) {
        const jf_Piece *p = &plan->pieces[v->first + k];
        if (p->place == JF_IN_GPR)
            mask |= 1u << p->reg;
        else if (p->place == JF_IN_VEC)
            mask |= 1u << (X64_VEC_BIT + p->reg);
    }
    return (uint16_t)mask;
}

/* What an instruction does with registers; bits of jf_Reg. */
static unsigned regs_of(const jf_Ins *in)
{
    unsigned mask = 0;
    switch ((jf_Op)in->op) {
    case JF_OP_JUMP:
    case JF_OP_LABEL:
    case JF_OP_ALIGN:
    case JF_OP_COLD:
    case JF_OP_HOT:
    case JF_OP_USE:
    case JF_OP_ENTER:
        return 0;
    case JF_OP_ARG:
    case JF_OP_ARGLEA:
    case JF_OP_ARGF:
    case JF_OP_PLACE:
    case JF_OP_PLACEF:
    case JF_OP_PLACEM:
    case JF_OP_PLACERET:
    case JF_OP_FOREIGN:
    case JF_OP_RESULTM:
    case JF_OP_RETURN:
    case JF_OP_LEAVE:
        return 1u << in->b;
    case JF_OP_CONST:
    case JF_OP_HELPER:
    case JF_OP_HELPERF:
    case JF_OP_RESULT:
    case JF_OP_RESULTF:
    case JF_OP_CATCH:
        return 1u << in->a;
    default:
        mask = 1u << in->a | 1u << in->b;
    }
    return mask;
}

/* What the first walk over the recipe finds out. */
typedef struct Survey {
    unsigned used;         /* bits of jf_Reg */
    uint16_t saved_placed; /* argument registers placed while a helper runs */
    uint16_t clash[4];     /* by R: argument registers that helper arguments
                              overwrite before one is read from it */
    uint32_t foreign;      /* index of the first FOREIGN; n: none */
    uint32_t hot_helper;   /* index of the first helper in hot code; n: none */
    bool loops;            /* some jump goes back */
    bool helpers;
    bool frame_escapes; /* some address in the frame was taken */
} Survey;

/* Labels placed before the jumps to them make loops. */
static bool has_loops(X64Thunk *t)
{
    const jf_Recipe *r = t->r;
    memset(t->label_at, 0, r->n_labels * sizeof *t->label_at);
    for (uint32_t i = 0; i < r->n; i++) {
        const jf_Ins *in = &r->ins[i];
        if (in->op == JF_OP_LABEL) {
            t->label_at[in->label] = 1;
        } else if (in->op == JF_OP_JUMP || in->op == JF_OP_BRANCH ||
                   in->op == JF_OP_BRANCHM || in->op == JF_OP_COUNTM ||
                   in->op == JF_OP_BRANCHF) {
            if (t->label_at[in->label])
                return true;
        }
    }
    return false;
}

static uint16_t helper_bit(X64Thunk *t, const jf_Ins *in)
{
    if (in->op == JF_OP_ARGF) {
        if (in->c > 1)
            t->error = "a helper with more than two floating-point arguments";
        return (uint16_t)(1u << (X64_VEC_BIT + (in->c & 1)));
    }
    if (in->c >= X64_N_GPR) {
        t->error = "a helper with more than six arguments";
        return 0;
    }
    return (uint16_t)(1u << in->c);
}

/* Argument registers that instruction `in` fills for the foreign call. */
static uint16_t places_of(const X64Thunk *t, const jf_Ins *in)
{
    switch ((jf_Op)in->op) {
    case JF_OP_PLACE:
    case JF_OP_PLACEF:
    case JF_OP_PLACEM:
        JF_ASSERT(t->plan && in->c < t->plan->n_args);
        return x64_value_mask(t->plan, in->c);
    case JF_OP_PLACERET:
        JF_ASSERT(t->plan && t->plan->sret == JF_SRET_GPR0);
        return x64_value_mask(t->plan, -1);
    default:
        return 0;
    }
}

/* One instruction of the walk below; `*placed` and `*args` are what came before. */
static void survey_one(X64Thunk *t, Survey *s, uint32_t i, bool cold,
                       uint16_t *placed, uint16_t *args)
{
    const jf_Ins *in = &t->r->ins[i];
    if (in->op == JF_OP_LEA && in->b == JF_FRAME)
        s->frame_escapes = true;
    switch ((jf_Op)in->op) {
    case JF_OP_ARGLEA:
    case JF_OP_ARG:
    case JF_OP_ARGF:
        if (in->b <= JF_R3)
            s->clash[in->b] |= *args;
        *args |= helper_bit(t, in);
        break;
    case JF_OP_HELPER:
    case JF_OP_HELPERF:
        s->saved_placed |= *placed;
        s->helpers = true;
        if (!cold && s->hot_helper == t->r->n)
            s->hot_helper = i;
        *args = 0;
        break;
    case JF_OP_FOREIGN:
        JF_ASSERT(t->plan);
        if (s->foreign == t->r->n)
            s->foreign = i;
        *placed = 0;
        break;
    case JF_OP_USE:
        x64_use(t, i);
        break;
    default:
        *placed |= places_of(t, in);
    }
}

/* Walk in written order; fills placed[], busy[], last_use[]. */
static Survey survey(X64Thunk *t)
{
    Survey s = {.foreign = t->r->n, .hot_helper = t->r->n};
    uint16_t placed = 0, args = 0;
    bool cold = false;
    for (uint32_t i = 0; i < t->r->n; i++) {
        const jf_Ins *in = &t->r->ins[i];
        t->placed[i] = placed;
        t->busy[i] = args ? args : placed;
        unsigned regs = regs_of(in);
        s.used |= regs;
        for (int k = 0; k < 4; k++)
            if (regs >> k & 1)
                t->last_use[k] = i;
        if (in->op == JF_OP_COLD || in->op == JF_OP_HOT)
            cold = in->op == JF_OP_COLD;
        survey_one(t, &s, i, cold, &placed, &args);
    }
    s.loops = has_loops(t);
    if (x64_is_function(t) && s.used & 0xf)
        t->error = "registers that are kept, in a recipe that is a C function";
    return s;
}

/* --- registers ----------------------------------------------------------------- */

/* May argument register `g` hold Rk until its last use? Not if a PLACE fills it
 * before, not if a helper's arguments overwrite it and Rk is read after that,
 * and not if the last use itself fills it while still reading. */
static bool may_lend(const X64Thunk *t, const Survey *s, int k, int g)
{
    uint32_t last = t->last_use[k];
    const jf_Ins *in = &t->r->ins[last];
    unsigned no = t->placed[last] | s->clash[k];
    if (in->op == JF_OP_PLACEM) {
        const jf_PlanValue *v = &t->plan->args[in->c];
        uint32_t size = t->plan->pieces[v->first].size;
        bool one_load = v->n == 1 && !v->indirect && jf_is_pow2(size);
        no |= one_load ? 0 : places_of(t, in);
    }
    return !(no >> g & 1);
}

/* A caller-saved register for light Rk, `*taken` by hardware number; -1: none
 * left. Its own parameter register is best. The other parameters' registers
 * are not used: the prologue would have to order its moves. */
static int light_register(X64Thunk *t, const Survey *s, int k, unsigned *taken)
{
    static const uint8_t scratch[] = {JF_T2, JF_T1};
    int hw = k < 3 && may_lend(t, s, k, k) ? x64_arg_gpr[k] : -1;
    for (size_t m = 0; m < JF_COUNT(scratch) && hw < 0; m++)
        if (!(s->used >> scratch[m] & 1) && !(*taken >> t->hw[scratch[m]] & 1))
            hw = t->hw[scratch[m]];
    for (int g = X64_N_GPR - 1; g >= 3 && hw < 0; g--)
        if (may_lend(t, s, k, g) && !(*taken >> x64_arg_gpr[g] & 1))
            hw = x64_arg_gpr[g];
    if (hw >= 0)
        *taken |= 1u << hw;
    return hw;
}

static void choose_registers(X64Thunk *t, const Survey *s)
{
    t->hw[JF_T0] = X_RAX;
    t->hw[JF_T1] = X_R10;
    t->hw[JF_T2] = X_R11;
    t->hw[JF_F0] = 8;
    t->hw[JF_F1] = 9;
    unsigned taken = 0;
    for (int k = 0; k < 4; k++) {
        if (!(s->used >> k & 1))
            continue;
        bool light = !s->loops && t->last_use[k] <= s->hot_helper &&
                     t->last_use[k] <= s->foreign;
        int hw = light ? light_register(t, s, k, &taken) : -1;
        if (hw >= 0) {
            t->is_light |= (uint8_t)(1u << k);
            for (int g = 0; g < X64_N_GPR; g++)
                if (x64_arg_gpr[g] == hw)
                    t->light_mask |= (uint16_t)(1u << g);
        } else {
            hw = saved_order[t->n_saved++];
        }
        t->hw[k] = (uint8_t)hw;
    }
}

static uint32_t spill_size(uint16_t mask, int lights)
{
    uint32_t n = 8u * (unsigned)lights;
    for (int k = 0; k < X64_N_GPR; k++)
        n += mask >> k & 1 ? 8 : 0;
    n = (uint32_t)jf_round_up(n, 16);
    for (int k = 0; k < X64_N_VEC; k++)
        n += mask >> (X64_VEC_BIT + k) & 1 ? 16 : 0;
    return n;
}

/* Room for the arguments of every call. */
static uint32_t stack_area(const X64Thunk *t)
{
    if (!t->r->n_plans)
        return t->plan->stack_size;
    uint32_t most = 0;
    for (uint32_t k = 0; k < t->r->n_plans; k++)
        if (most < t->r->plans[k]->stack_size)
            most = t->r->plans[k]->stack_size;
    return most;
}

static void choose_frame(X64Thunk *t, const Survey *s)
{
    bool foreign = s->foreign < t->r->n;
    t->calls = s->helpers || foreign;
    t->spill_mask = s->saved_placed;
    int lights = 0;
    for (int k = 0; k < 4 && s->helpers; k++)
        lights += t->is_light >> k & 1;
    uint32_t n = 8u * t->n_saved;
    if (t->r->frame_size)
        n = (uint32_t)jf_round_up(n + t->r->frame_size, 16);
    t->cells = -(int32_t)n;
    uint32_t spill = spill_size(t->spill_mask, lights);
    if (spill)
        n = (uint32_t)jf_round_up(n, 16) + spill;
    t->spill = -(int32_t)n;
    if (foreign)
        n += stack_area(t);
    if (t->calls)
        n = (uint32_t)jf_round_up(n, 16);
    t->frame = n;
}

/* --- scratch ------------------------------------------------------------------ */

X64Mem x64_operand(const X64Thunk *t, int base, int32_t off)
{
    if (base == JF_FRAME)
        return x64_at(X_RBP, t->cells + off);
    if (base == JF_THREAD)
        return x64_at(X_FS, off);
    JF_ASSERT(base <= JF_T2);
    return x64_at(t->hw[base], off);
}

X64Scratch x64_scratch(X64Thunk *t, uint32_t i, uint16_t also, int no1, int no2)
{
    unsigned taken = t->busy[i] | t->light_mask | also;
    for (int k = X64_N_GPR - 1; k >= 0; k--) {
        X64Scratch s = {x64_arg_gpr[k], false};
        if (!(taken >> k & 1) && s.reg != no1 && s.reg != no2)
            return s;
    }
    X64Scratch s = {X_RAX, true};
    if (s.reg == no1 || s.reg == no2)
        s.reg = X_R10;
    if (s.reg == no1 || s.reg == no2)
        s.reg = X_R11;
    x64_movq_to(t->b, X64_TMP, s.reg);
    return s;
}

void x64_scratch_done(X64Thunk *t, X64Scratch s)
{
    if (s.aside)
        x64_movq_from(t->b, s.reg, X64_TMP);
}

/* --- frame -------------------------------------------------------------------- */

/* Touch every page of a big frame on the way down, so that a guard page below
 * the stack is never jumped over. */
static void grow_stack(X64Thunk *t, uint32_t size)
{
    enum { STEP = 4096 };
    if (size >= STEP) {
        x64_const(t->b, X_R11, size / STEP);
        size_t loop = t->b->n;
        x64_alu_imm(t->b, X_SUB, X_RSP, STEP);
        x64_alu_mem_imm(t->b, X_OR, x64_at(X_RSP, 0), 0);
        x64_alu_imm(t->b, X_SUB, X_R11, 1);
        x64_patch(t->b, x64_jcc(t->b, X_CC_NE, true), true, loop);
        size %= STEP;
    }
    if (size)
        x64_alu_imm(t->b, X_SUB, X_RSP, (int32_t)size);
}

static void prologue(X64Thunk *t, unsigned used)
{
    static const uint8_t params[3] = {X_RDI, X_RSI, X_RDX};
    x64_push(t->b, X_RBP);
    x64_mov(t->b, X_RBP, X_RSP);
    for (int k = 0; k < t->n_saved; k++)
        x64_push(t->b, saved_order[k]);
    grow_stack(t, t->frame - 8u * t->n_saved);
    for (int k = 0; k < 3; k++)
        if ((used >> k & 1) && t->hw[k] != params[k])
            x64_mov(t->b, t->hw[k], params[k]);
}

static void leave_frame(X64Thunk *t)
{
    uint32_t extra = t->frame - 8u * t->n_saved;
    if (extra && !t->n_saved) {
        x64_leave(t->b);
    } else {
        if (extra)
            x64_alu_imm(t->b, X_ADD, X_RSP, (int32_t)extra);
        for (int k = t->n_saved; k-- > 0;)
            x64_pop(t->b, saved_order[k]);
        x64_pop(t->b, X_RBP);
    }
}

/* Without a frame since `from`, up to here. */
static void note_exit(X64Thunk *t, size_t from)
{
    uint32_t pair[2] = {(uint32_t)(from - t->start),
                        (uint32_t)(t->b->n - t->start)};
    if (t->exits)
        jf_buf_put(t->exits, pair, sizeof pair);
}

void x64_epilogue(X64Thunk *t)
{
    leave_frame(t);
    size_t from = t->b->n;
    x64_ret(t->b);
    note_exit(t, from);
}

/* Helper and return in one. */
static void tail(X64Thunk *t, uint64_t helper)
{
    leave_frame(t);
    size_t from = t->b->n;
    x64_const(t->b, X_RAX, helper);
    x64_jmp_reg(t->b, X_RAX);
    note_exit(t, from);
    t->in_args = false;
    t->flags_reg = -1;
}

/* --- jumps -------------------------------------------------------------------- */

static void fix_later(X64Thunk *t, size_t at, uint32_t label)
{
    t->fix[t->n_fix].at = (uint32_t)at;
    t->fix[t->n_fix].label = label;
    t->n_fix++;
}

/* A jump that is never taken and never short: what reads it is the unwinder. */
void x64_landing(X64Thunk *t, uint32_t label)
{
    t->is_short[t->n_fix] = false;
    fix_later(t, x64_nop_distance(t->b), label);
}

void x64_jump(X64Thunk *t, uint32_t label)
{
    fix_later(t, x64_jmp(t->b, t->is_short[t->n_fix]), label);
}

void x64_jump_if(X64Thunk *t, X64Cc cc, uint32_t label)
{
    fix_later(t, x64_jcc(t->b, cc, t->is_short[t->n_fix]), label);
}

/* A loop that lies within one line of the cache runs up to two cycles per round
 * faster than one that does not (measured on Zen). */
static void align(X64Thunk *t)
{
    size_t pad = (X64_LINE - (t->b->n - t->start) % X64_LINE) % X64_LINE;
    while (pad) {
        size_t step = pad > 9 ? 9 : pad;
        x64_nop(t->b, (int)step);
        pad -= step;
    }
}

static void emit_one(X64Thunk *t, uint32_t i)
{
    switch ((jf_Op)t->r->ins[i].op) {
    case JF_OP_ALIGN:
        align(t);
        break;
    case JF_OP_LABEL:
        t->label_at[t->r->ins[i].label] = (uint32_t)t->b->n;
        t->flags_reg = -1;
        break;
    case JF_OP_PLACE:
    case JF_OP_PLACEF:
    case JF_OP_PLACEM:
    case JF_OP_PLACERET:
        x64_op_place(t, i);
        t->flags_reg = -1;
        break;
    case JF_OP_ARG:
    case JF_OP_ARGLEA:
    case JF_OP_ARGF:
    case JF_OP_HELPER:
    case JF_OP_HELPERF:
        x64_op_helper(t, i);
        t->flags_reg = -1;
        break;
    case JF_OP_FOREIGN:
    case JF_OP_RESULT:
    case JF_OP_RESULTF:
    case JF_OP_RESULTM:
    case JF_OP_CATCH:
        x64_op_result(t, i);
        t->flags_reg = -1;
        break;
    default:
        x64_op_plain(t, i);
    }
}

static bool is_helper_arg(const jf_Ins *in)
{
    return in->op == JF_OP_ARG || in->op == JF_OP_ARGLEA || in->op == JF_OP_ARGF;
}

/* May the helper call at `i` be a jump? If the result is returned at once and
 * nobody has been given the address of something in the frame. */
static bool is_tail(const X64Thunk *t, const Survey *s, uint32_t i)
{
    const jf_Ins *in = &t->r->ins[i];
    if (in->op != JF_OP_HELPER || i + 1 >= t->r->n || s->frame_escapes)
        return false;
    for (uint32_t k = i; k-- > 0 && is_helper_arg(&t->r->ins[k]);)
        if (t->r->ins[k].op == JF_OP_ARGLEA && t->r->ins[k].b == JF_FRAME)
            return false;
    const jf_Ins *next = in + 1;
    return next->op == JF_OP_RETURN && in->a != JF_NOREG && next->b == in->a;
}

/* Everything, in its order: prologue, hot code, cold code. */
static void emit_all(X64Thunk *t, const Survey *s)
{
    t->b->n = t->start;
    t->n_fix = 0;
    if (t->exits)
        t->exits->n = 0;
    prologue(t, s->used);
    for (int round = 0; round < 2; round++) {
        bool cold = false;
        t->flags_reg = -1;
        t->in_args = false;
        for (uint32_t i = 0; i < t->r->n; i++) {
            uint8_t op = t->r->ins[i].op;
            if (op == JF_OP_USE)
                x64_use(t, i); /* written order: hot and cold alike */
            else if (op == JF_OP_COLD || op == JF_OP_HOT)
                cold = op == JF_OP_COLD;
            else if (cold != (round == 1))
                continue;
            else if (is_tail(t, s, i))
                tail(t, t->r->ins[i++].imm); /* the RETURN goes with it */
            else
                emit_one(t, i);
        }
    }
}

/* How many bytes more than now may come to stand between two places: padding can
 * grow when what is before it shrinks. */
static int64_t slack(const X64Thunk *t, uint32_t from, uint32_t to)
{
    uint32_t low = from < to ? from : to, high = from < to ? to : from;
    int64_t n = 0;
    for (uint32_t i = 0; t->r->aligned && i + 1 < t->r->n; i++) {
        if (t->r->ins[i].op != JF_OP_ALIGN)
            continue;
        JF_ASSERT(t->r->ins[i + 1].op == JF_OP_LABEL);
        uint32_t at = t->label_at[t->r->ins[i + 1].label];
        if (low < at && at <= high)
            n += X64_LINE;
    }
    return n;
}

/* x64_landing puts its own back to long. */
static void shorten(X64Thunk *t)
{
    for (uint32_t k = 0; k < t->n_fix; k++) {
        uint32_t from = t->fix[k].at + 4, to = t->label_at[t->fix[k].label];
        int64_t d = (int64_t)to - (int64_t)from, more = slack(t, from, to);
        t->is_short[k] = x64_fits8(d < 0 ? d - more : d + more);
    }
}

static void patch(X64Thunk *t)
{
    for (uint32_t k = 0; k < t->n_fix; k++)
        x64_patch(t->b, t->fix[k].at, t->is_short[k], t->label_at[t->fix[k].label]);
}

/* --- the door ----------------------------------------------------------------- */

/* One allocation for all the side tables. */
static void *tables(X64Thunk *t)
{
    size_t n = t->r->n, labels = t->r->n_labels;
    char *p = jf_calloc(n * (2 * sizeof(uint16_t) + sizeof(X64Fix) + 1) +
                        labels * sizeof(uint32_t) + 1);
    if (!p)
        return NULL;
    t->fix = (X64Fix *)p;
    t->label_at = (uint32_t *)(p + n * sizeof(X64Fix));
    t->placed = (uint16_t *)(t->label_at + labels);
    t->busy = t->placed + n;
    t->is_short = (bool *)(t->busy + n);
    return p;
}

static jf_Status encode(const jf_Recipe *r, const jf_Plan *plan, jf_Buf *out,
                        uint32_t *saved, jf_Buf *exits, jf_Diag *d)
{
    if (r->failed)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    X64Thunk t = {.r = r, .plan = plan, .own = plan, .b = out, .start = out->n};
    t.exits = exits;
    void *memory = tables(&t);
    if (!memory)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    Survey s = survey(&t);
    if (!t.error) {
        choose_registers(&t, &s);
        choose_frame(&t, &s);
        emit_all(&t, &s);
        if (!out->failed) {
            shorten(&t);
            emit_all(&t, &s);
            patch(&t);
        }
    }
    jf_free(memory);
    if (t.error)
        return jf_diag_set(d, JF_UNSUPPORTED, "cannot encode %s", t.error);
    if (out->failed)
        return jf_diag_set(d, JF_NOMEM, "out of memory");
    *saved = t.n_saved;
    return JF_OK;
}

const jf_Encoder jf_encoder_x64_sysv = {
    .name = "x86-64 SysV",
    .abi = JF_ABI_SYSV,
    .thunk = encode,
    .entry = x64_entry,
    .stub = x64_stub,
    .stub_size = X64_STUB_SIZE,
    .exit_size = 1, /* ret */
    .trap = 0xcc,   /* int3 */
    /* psABI 3.6.2, figure 3.36: rax 0, rdx 1, rcx 2, rbx 3, rsi 4, rdi 5, rbp 6,
     * rsp 7, then r8 to r15, then the return address. */
    .frame_reg = 6,
    .return_reg = 16,
    .stack_reg = 7,
    .saved_regs = {3, 12, 13, 14},
    .elf_machine = 62, /* EM_X86_64 */
};
