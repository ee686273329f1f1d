/* SPDX-License-Identifier: MIT
 *
 * Modes, plans kept with their types, and machine code: recipes encoded and
 * sealed. See engine.h.
 */
#include "engine/inner.h"

#include "arch/arch.h"
#include "core/target/target.h"
#include "exec/exec.h"
#include "os/os.h"

#include <string.h>

/* --- modes ----------------------------------------------------------------------- */

static jf_OsOnce engine_once = JF_OS_ONCE;
static Mode chosen_mode;
static jf_ExecCpu cpu;

const char *jf_engine_unknown(void)
{
    return jf_host_target()
               ? NULL
               : "the rules of C on this CPU and system are not known: "
                 "how values are laid out and passed";
}

/* Why no plan can be made here; NULL: plans can be made. */
static const char *no_convention(void)
{
    const jf_Target *t = jf_host_target();
    if (t && t->abi == JF_ABI_I386)
        return "there is no calling convention for i386-linux-gnu";
    return jf_engine_unknown();
}

/* Conventions whose plans libffi can be made to follow; see ffi_planned.c. */
static bool ffi_can_follow(uint8_t abi)
{
    return abi == JF_ABI_SYSV || abi == JF_ABI_AAPCS64;
}

static void engine_start(void)
{
    const jf_Encoder *e = jf_host_encoder();
    if (e) {
        cpu = (jf_ExecCpu){.stub = e->stub,
                           .stub_size = e->stub_size,
                           .trap = e->trap,
                           .frame_reg = e->frame_reg,
                           .return_reg = e->return_reg,
                           .stack_reg = e->stack_reg,
                           .elf_machine = e->elf_machine};
        memcpy(cpu.saved_regs, e->saved_regs, sizeof cpu.saved_regs);
        jf_exec_use(&cpu);
    }
    const char *env = jf_os_getenv("JIFFI_JIT");
    if (no_convention())
        chosen_mode = MODE_NONE;
    else if (jf_exec_enabled())
        chosen_mode = MODE_CODE;
    else if (!engine_ffi_version())
        chosen_mode = MODE_NONE;
    else if ((env && strcmp(env, "natural") == 0) ||
             !ffi_can_follow(jf_host_target()->abi))
        chosen_mode = MODE_NATURAL;
    else
        chosen_mode = MODE_PLANNED;
}

Mode engine_mode(void)
{
    jf_os_once(&engine_once, engine_start);
    return chosen_mode;
}

void jf_features(jf_Features *f)
{
    static const char *const how[] = {
        [MODE_CODE] = "code",
        [MODE_PLANNED] = "libffi",
        [MODE_NATURAL] = "libffi",
        [MODE_NONE] = "none",
    };
    Mode mode = engine_mode();
    f->target = jf_host_target() ? jf_host_target()->name : "unknown";
    f->calls = f->callbacks = how[mode];
    f->why_not = no_convention() ? no_convention() : jf_exec_why_not();
    f->libffi = engine_ffi_version();
}

bool jf_can_compile(void)
{
    return engine_mode() == MODE_CODE;
}

/* --- the universe and its plans -------------------------------------------------- */

static void drop_plan(jf_FuncInfo *f)
{
    jf_call_free(f->call);
    jf_free(f->plan);
}

jf_Universe *jf_engine_universe(const jf_UniverseHooks *hooks)
{
    engine_mode();
    jf_Universe *u = jf_host_target() ? jf_universe_new(jf_host_target()) : NULL;
    if (!u)
        return NULL;
    if (hooks)
        u->hooks = *hooks;
    u->hooks.drop_plan = drop_plan;
    return u;
}

jf_Status jf_plan_of(jf_Universe *u, jf_Type *fn, const jf_Plan **plan, jf_Diag *d)
{
    JF_ASSERT(fn->kind == JF_FUNC);
    if (!fn->u.func->plan) {
        jf_Status st = jf_plan_make(u->target, fn, NULL, 0, &fn->u.func->plan, d);
        if (st != JF_OK)
            return st;
    }
    *plan = fn->u.func->plan;
    return JF_OK;
}

/* --- machine code ---------------------------------------------------------------- */

struct jf_Code {
    jf_Block block; /* converts to and from: the block is all there is */
};

jf_Status jf_compile(const jf_Recipe *r, const jf_Plan *plan, const char *name,
                     jf_Code **code, jf_Diag *d)
{
    if (engine_mode() != MODE_CODE)
        return jf_diag_set(d, JF_UNSUPPORTED, "no machine code here: %s",
                           jf_exec_why_not());
    const jf_Encoder *e = jf_host_encoder();
    jf_Buf bytes = JF_BUF_INIT;
    jf_Frame frame = {0, r->catches ? JF_CAUGHT : r->names ? JF_NAMED : JF_THROUGH};
    jf_Block *block = NULL;
    if (plan && plan->abi != e->abi)
        return jf_diag_set(d, JF_UNSUPPORTED, "a plan of another convention");
    jf_Buf exits = JF_BUF_INIT;
    jf_Status st = e->thunk(r, plan, &bytes, &frame.saved, &exits, d);
    if (!exits.failed) { /* else debuggers know a little less */
        frame.n_exits = (uint32_t)(exits.n / (2 * sizeof *frame.exits));
        frame.exits = (const uint32_t *)(const void *)exits.p;
    }
    if (st == JF_OK)
        st = jf_exec_add(bytes.p, bytes.n, r->aligned ? 64 : 16, frame, name,
                         &block, d);
    jf_buf_free(&exits);
    jf_buf_free(&bytes);
    if (st == JF_OK)
        *code = (jf_Code *)block;
    return st;
}

void *jf_code_entry(const jf_Code *c)
{
    return c->block.entry;
}

size_t jf_code_size(const jf_Code *c)
{
    return c->block.size;
}

const char *jf_code_name(const jf_Code *c)
{
    return jf_exec_block_name(&c->block);
}

void jf_code_rename(jf_Code *c, const char *name)
{
    jf_exec_rename(&c->block, name);
}

void jf_code_free(jf_Code *c)
{
    if (c)
        jf_exec_drop(&c->block);
}
