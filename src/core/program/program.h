/* SPDX-License-Identifier: MIT
 *
 * The program: calls of several C functions, and the arithmetic between them,
 * as a straight line of instructions over typed values; plain data that knows
 * plans and no types. A program is itself a C function: it has a plan of its own
 * by which its parameters come in and its result goes out.
 *
 *   double f(double x, int n) { return g(h(x), n) * 2; }
 *
 *   v0 = PARAM 0        f64      v3 = CALL g(v2, v1)   f64
 *   v1 = PARAM 1        i32      v4 = CONST 2.0        f64
 *   v2 = CALL h(v0)     f64      v5 = MUL v3, v4       f64
 *                                RESULT v5
 *
 * lower.c makes a recipe of it, run.c carries it out where no code may be made;
 * both give the same bits. No operation traps: integers wrap; an integer divided
 * by zero gives 0, and so does its remainder; shifts take the count modulo the
 * width; floats follow IEEE 754. A float is cast to an integer by way of 64 bits,
 * signed, or unsigned for U64 from 2^63 on; one that does not fit them gives 2^63
 * (too big for U64: 0), of which the low bits are taken. Python's // and % of
 * floats are worked out in double.
 */
#ifndef JF_CORE_PROGRAM_PROGRAM_H
#define JF_CORE_PROGRAM_PROGRAM_H

#include "core/base/diag.h"
#include "core/plan/recipe.h"

/* What a value is. Pointers are U64, _Bool is U8 with 0 or 1. */
typedef enum jf_Scalar {
    JF_S_I8, JF_S_U8, JF_S_I16, JF_S_U16, JF_S_I32, JF_S_U32,
    JF_S_I64, JF_S_U64, JF_S_F32, JF_S_F64,
    JF_S_BLOCK /* bytes: struct, union, long double, complex, vector */
} jf_Scalar;

static inline bool jf_scalar_is_float(jf_Scalar k)
{
    return k == JF_S_F32 || k == JF_S_F64;
}
static inline bool jf_scalar_is_signed(jf_Scalar k) /* of integers */
{
    return k < JF_S_F32 && k % 2 == 0;
}
/* Bytes of a scalar; 0 for BLOCK. */
static inline uint32_t jf_scalar_size(jf_Scalar k)
{
    static const uint8_t size[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 0};
    return size[k];
}
/* "i8" ... "f64", "block". */
const char *jf_scalar_name(jf_Scalar k);

/* a, b, c are numbers of values; v is the value the instruction makes. */
#define JF_PROGRAM_OPS(X)                                                      \
    X(PARAM)   /* v = parameter number imm */                                  \
    X(CONST)   /* v = the bits of imm */                                       \
    X(LOCAL)   /* v (U64) = address of `size` zeroed bytes at `align` */       \
    X(ADDRESS) /* v (U64) = address of value a (a copy that stays put) */      \
    X(LOAD)    /* v = [a + off] */                                             \
    X(STORE)   /* [a + off] = b */                                             \
    X(PART)    /* v = the bytes of a (a BLOCK) from off on */                  \
    X(CAST)    /* v = a converted as C converts */                             \
    X(NEG)     /* v = -a; a has v's kind; likewise: */                         \
    X(NOT)     /* v = ~a */                                                    \
    X(ADD)     /* v = a + b; a and b have v's kind; likewise: */               \
    X(SUB) X(MUL)                                                              \
    X(DIV)     /* C's /: towards zero */                                       \
    X(MOD)     /* C's %, integers only */                                      \
    X(FLOORDIV) X(FLOORMOD) /* Python's // and %, integers and floats */       \
    X(AND) X(OR) X(XOR) X(SHL) X(SHR)                                          \
    X(COMPARE) /* v (I32) = a cond(cc) b: 1 or 0; unordered: only NE holds */  \
    X(SELECT)  /* v = a is not zero ? b : c */                                 \
    X(CALL)    /* v = calls[imm]; no v when it gives nothing */                \
    X(RESULT)  /* the program gives a; the last instruction, if any */

typedef enum jf_ProgramOp {
#define X(name) JF_PR_##name,
    JF_PROGRAM_OPS(X)
#undef X
    JF_PR_COUNT
} jf_ProgramOp;

/* Which of a, b, c an operation reads: bits 1, 2, 4. What it does not read may be
 * anything. */
unsigned jf_program_reads(unsigned op);

typedef struct jf_ProgramIns {
    uint8_t op;         /* jf_ProgramOp */
    uint8_t cc;         /* jf_Cond of COMPARE: signed and unsigned by kind, so EQ NE
                           LT LE GT GE only */
    uint32_t v;         /* the value made; JF_NO_VALUE */
    uint32_t a, b, c;
    int32_t off;
    uint64_t imm;
} jf_ProgramIns;
#define JF_NO_VALUE UINT32_MAX

typedef struct jf_ProgramValue {
    uint8_t kind;       /* jf_Scalar */
    uint32_t size;      /* bytes; LOCAL: of the memory it points to */
    uint32_t align;     /* a power of two, 4096 at most; likewise */
} jf_ProgramValue;

typedef struct jf_ProgramCall {
    const jf_Plan *plan;    /* of the function's type, or of a variadic call with
                               its extra types; borrowed */
    struct jf_Call *via;    /* the engine's, of the same plan: with it run.c's owner
                               makes the call; borrowed */
    void *address;
    const char *name;       /* for messages and listings; borrowed */
    uint32_t first_arg;     /* in args[] */
} jf_ProgramCall;

/* Sticky: after a failed allocation nothing more is added. */
typedef struct jf_Program {
    const jf_Plan *plan;    /* its own: how it is called; borrowed */
    jf_ProgramIns *ins;     uint32_t n_ins, cap_ins;
    jf_ProgramValue *values; uint32_t n_values, cap_values;
    jf_ProgramCall *calls;  uint32_t n_calls, cap_calls;
    uint32_t *args;         uint32_t n_args, cap_args; /* of all calls */
    char *names;            /* owned; of a copy's calls, or NULL */
    bool failed;
} jf_Program;

void jf_program_init(jf_Program *p, const jf_Plan *plan);
void jf_program_free(jf_Program *p);
/* A copy that owns its names; plans and `via` stay borrowed. Freed like any. */
jf_Status jf_program_copy(const jf_Program *p, jf_Program *copy, jf_Diag *d);
/* A new value; JF_NO_VALUE when memory is out. `size` and `align` are for BLOCK
 * and for LOCAL, 0 otherwise. */
uint32_t jf_program_value(jf_Program *p, jf_Scalar kind, uint32_t size,
                          uint32_t align);
void jf_program_put(jf_Program *p, jf_ProgramIns ins);
/* CALL with `n` = plan->n_args values; returns its result, JF_NO_VALUE for void.
 * `kind`: of the result; a BLOCK gets its size from the plan. */
uint32_t jf_program_call(jf_Program *p, const jf_Plan *plan, struct jf_Call *via,
                         void *address, const char *name, const uint32_t *args,
                         jf_Scalar kind);
/* Everything that lower and run rely on: values defined before use, kinds that
 * agree, sizes that agree with the plans. JF_SEMANTIC with a sentence. */
jf_Status jf_program_check(const jf_Program *p, jf_Diag *d);
/* The listing above, one instruction per line. */
void jf_program_print(const jf_Program *p, jf_Buf *out);

/* lower.c: a recipe for the encoder (entered as the C function that the program
 * is). JF_NOMEM, JF_UNSUPPORTED. */
jf_Status jf_program_lower(const jf_Program *p, jf_Recipe *r, jf_Diag *d);

/* --- run.c: a program carried out over cells in memory ----------------------- */

/* Where things stand in the memory of one run. */
typedef struct jf_ProgramCells {
    uint32_t *at;       /* by value: offset of its cell; owned */
    uint32_t slots;     /* offset of the arguments of the call being made */
    uint32_t ret;       /* ... and of its result */
    uint32_t size;      /* bytes of it all, 16-aligned */
} jf_ProgramCells;
/* Of a checked program. JF_UNSUPPORTED when it takes more than 2^30 bytes. */
jf_Status jf_program_cells(const jf_Program *p, jf_ProgramCells *c, jf_Diag *d);
void jf_program_cells_free(jf_ProgramCells *c);

/* Make the call: arguments in `slots`, result to `ret`, as jf_call does. */
typedef void (*jf_ProgramCaller)(const jf_ProgramCall *call, void *slots, void *ret);
/* `memory`: c->size bytes, 16-aligned; `slots`, `ret`: as a jf_Handler has them. */
void jf_program_run(const jf_Program *p, const jf_ProgramCells *c, void *memory,
                    const void *slots, void *ret, jf_ProgramCaller caller);

#endif
