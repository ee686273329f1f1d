/* SPDX-License-Identifier: MIT
 *
 * The records of C types, as plain data that front ends may read and only the
 * core may write. Records never move.
 *
 *   kind      to          length/u            size            example
 *   -------   ---------   -----------------   -------------   ----------------
 *   VOID      -           -                   unknown         void
 *   BOOL      -           u.name              1               _Bool
 *   INT       -           u.name              1..16           uint16_t, __int128
 *   CHAR      -           u.name              1, 2, 4         char, wchar_t
 *   FLOAT     -           u.name              2..16           double
 *   COMPLEX   (part)      u.name              2 * part        double _Complex
 *   VALIST    -           u.name              target's        va_list
 *   ENUM      integer     u.en                of `to`         enum color
 *   PTR       pointee     -                   pointer         char const *
 *   ARRAY     element     length or UNKNOWN   length * elem   int[4], int[]
 *   VECTOR    element     length (lanes)      lanes * elem    float x 4
 *   FUNC      result      u.func              unknown         int(char *)
 *   STRUCT    -           u.rec               once laid out   struct stat
 *   UNION     -           u.rec               once laid out   union sigval
 *
 * Qualifiers live on the edge that points at the qualified thing: `quals` of a
 * PTR is the pointee's, of an ARRAY the element's. `canon` is the same type
 * with every qualifier inside removed and `()` read as `(void)`; hosts that know
 * no `const` compare `canon`. Structural types (PTR, ARRAY, VECTOR, FUNC) are
 * interned: equal types are the same record, per universe.
 *
 * Ownership. `refs` counts for types with no `group`; a type with a group lives
 * as long as the group and passes its references on to it. See type.h.
 */
#ifndef JF_TYPE_RECORD_H
#define JF_TYPE_RECORD_H

#include "core/base/conf.h"
#include "core/target/target.h"

#define JF_UNKNOWN UINT64_MAX /* a size or length that is not known */

typedef enum jf_Kind {
    JF_VOID, JF_BOOL, JF_INT, JF_CHAR, JF_FLOAT, JF_COMPLEX, JF_VALIST,
    JF_ENUM, JF_PTR, JF_ARRAY, JF_VECTOR, JF_FUNC, JF_STRUCT, JF_UNION
} jf_Kind;

/* jf_Type.flags */
enum {
    JF_T_SIGNED = 1,     /* INT, CHAR, ENUM: values below zero exist */
    JF_T_VARIADIC = 2,   /* FUNC: `...` after the parameters */
    JF_T_OLDSTYLE = 4,   /* FUNC: declared `()`, nothing said of parameters */
    JF_T_STDCALL = 8,    /* FUNC: __stdcall (matters on i386 only) */
    JF_T_LAID_OUT = 16   /* STRUCT, UNION: size, align, offsets are final */
};

/* Qualifiers. */
enum { JF_Q_CONST = 1, JF_Q_VOLATILE = 2, JF_Q_RESTRICT = 4, JF_Q_ATOMIC = 8 };

/* One list of primitives: id, spelling, kind, signedness, size class.
 * Signedness: 0 unsigned, 1 signed, 2 as the target's char, 3 as its wchar_t.
 * ORDER PRIM: parse's specifier tables and cffi's names rely on spellings only. */
#define JF_PRIMS(X)                                                            \
    X(VOID, "void", JF_VOID, 0, JF_C_NONE)                                     \
    X(BOOL, "_Bool", JF_BOOL, 0, JF_C_1)                                       \
    X(CHAR, "char", JF_CHAR, 2, JF_C_1)                                        \
    X(SCHAR, "signed char", JF_INT, 1, JF_C_1)                                 \
    X(UCHAR, "unsigned char", JF_INT, 0, JF_C_1)                               \
    X(SHORT, "short", JF_INT, 1, JF_C_2)                                       \
    X(USHORT, "unsigned short", JF_INT, 0, JF_C_2)                             \
    X(INT, "int", JF_INT, 1, JF_C_4)                                           \
    X(UINT, "unsigned int", JF_INT, 0, JF_C_4)                                 \
    X(LONG, "long", JF_INT, 1, JF_C_LONG)                                      \
    X(ULONG, "unsigned long", JF_INT, 0, JF_C_LONG)                            \
    X(LLONG, "long long", JF_INT, 1, JF_C_8)                                   \
    X(ULLONG, "unsigned long long", JF_INT, 0, JF_C_8)                         \
    X(INT128, "__int128", JF_INT, 1, JF_C_16)                                  \
    X(UINT128, "unsigned __int128", JF_INT, 0, JF_C_16)                        \
    X(FLOAT, "float", JF_FLOAT, 1, JF_C_F32)                                   \
    X(DOUBLE, "double", JF_FLOAT, 1, JF_C_F64)                                 \
    X(LDOUBLE, "long double", JF_FLOAT, 1, JF_C_LDOUBLE)                       \
    X(FLOAT16, "_Float16", JF_FLOAT, 1, JF_C_F16)                              \
    X(FLOAT32, "_Float32", JF_FLOAT, 1, JF_C_F32)                              \
    X(FLOAT64, "_Float64", JF_FLOAT, 1, JF_C_F64)                              \
    X(FLOAT32X, "_Float32x", JF_FLOAT, 1, JF_C_F64)                            \
    X(FLOAT64X, "_Float64x", JF_FLOAT, 1, JF_C_LDOUBLE)                        \
    X(FLOAT128, "_Float128", JF_FLOAT, 1, JF_C_F128)                           \
    X(CFLOAT, "float _Complex", JF_COMPLEX, 1, JF_C_CF32)                      \
    X(CDOUBLE, "double _Complex", JF_COMPLEX, 1, JF_C_CF64)                    \
    X(CLDOUBLE, "long double _Complex", JF_COMPLEX, 1, JF_C_CLDOUBLE)          \
    X(WCHAR, "wchar_t", JF_CHAR, 3, JF_C_WCHAR)                                \
    X(CHAR8, "char8_t", JF_INT, 0, JF_C_1)                                     \
    X(CHAR16, "char16_t", JF_CHAR, 0, JF_C_2)                                  \
    X(CHAR32, "char32_t", JF_CHAR, 0, JF_C_4)                                  \
    X(INT8, "int8_t", JF_INT, 1, JF_C_1)                                       \
    X(UINT8, "uint8_t", JF_INT, 0, JF_C_1)                                     \
    X(INT16, "int16_t", JF_INT, 1, JF_C_2)                                     \
    X(UINT16, "uint16_t", JF_INT, 0, JF_C_2)                                   \
    X(INT32, "int32_t", JF_INT, 1, JF_C_4)                                     \
    X(UINT32, "uint32_t", JF_INT, 0, JF_C_4)                                   \
    X(INT64, "int64_t", JF_INT, 1, JF_C_8)                                     \
    X(UINT64, "uint64_t", JF_INT, 0, JF_C_8)                                   \
    X(INTPTR, "intptr_t", JF_INT, 1, JF_C_PTR)                                 \
    X(UINTPTR, "uintptr_t", JF_INT, 0, JF_C_PTR)                               \
    X(PTRDIFF, "ptrdiff_t", JF_INT, 1, JF_C_PTR)                               \
    X(SIZE, "size_t", JF_INT, 0, JF_C_PTR)                                     \
    X(SSIZE, "ssize_t", JF_INT, 1, JF_C_PTR)                                   \
    X(INTMAX, "intmax_t", JF_INT, 1, JF_C_8)                                   \
    X(UINTMAX, "uintmax_t", JF_INT, 0, JF_C_8)                                 \
    X(LEAST8, "int_least8_t", JF_INT, 1, JF_C_1)                               \
    X(ULEAST8, "uint_least8_t", JF_INT, 0, JF_C_1)                             \
    X(LEAST16, "int_least16_t", JF_INT, 1, JF_C_2)                             \
    X(ULEAST16, "uint_least16_t", JF_INT, 0, JF_C_2)                           \
    X(LEAST32, "int_least32_t", JF_INT, 1, JF_C_4)                             \
    X(ULEAST32, "uint_least32_t", JF_INT, 0, JF_C_4)                           \
    X(LEAST64, "int_least64_t", JF_INT, 1, JF_C_8)                             \
    X(ULEAST64, "uint_least64_t", JF_INT, 0, JF_C_8)                           \
    X(FAST8, "int_fast8_t", JF_INT, 1, JF_C_1)                                 \
    X(UFAST8, "uint_fast8_t", JF_INT, 0, JF_C_1)                               \
    X(FAST16, "int_fast16_t", JF_INT, 1, JF_C_FAST16)                          \
    X(UFAST16, "uint_fast16_t", JF_INT, 0, JF_C_FAST16)                        \
    X(FAST32, "int_fast32_t", JF_INT, 1, JF_C_FAST32)                          \
    X(UFAST32, "uint_fast32_t", JF_INT, 0, JF_C_FAST32)                        \
    X(FAST64, "int_fast64_t", JF_INT, 1, JF_C_8)                               \
    X(UFAST64, "uint_fast64_t", JF_INT, 0, JF_C_8)                             \
    X(VALIST, "va_list", JF_VALIST, 0, JF_C_VALIST)

typedef enum jf_Prim {
#define X(id, name, kind, sign, cls) JF_P_##id,
    JF_PRIMS(X)
#undef X
    JF_P_COUNT,
    JF_P_NONE = 255
} jf_Prim;

typedef struct jf_Type jf_Type;
typedef struct jf_Group jf_Group;
struct jf_Plan; /* core/plan/plan.h */

/* A member of a struct or union. Anonymous members are kept as they are
 * written (name NULL, type a struct or union): calling conventions need them. */
typedef struct jf_Field {
    const char *name;    /* group's name; NULL: anonymous or unnamed bit-field */
    jf_Type *type;       /* borrowed: the group holds it */
    uint64_t offset;     /* bytes from the start; of the storage unit for bits
                            (see jf_bits_read in layout.h) */
    int16_t bits;        /* width of a bit-field; -1: not one */
    uint16_t bit_shift;  /* from the low end of the storage unit (type's size) */
    uint8_t quals;       /* of the member itself */
    uint8_t packed;      /* attribute packed on this member */
    uint8_t dots;        /* declared with [...]; 2: `[][...]`, and the first stays
                            open */
    uint32_t align;      /* bytes asked for by aligned/_Alignas; 0: none */
} jf_Field;

/* jf_Record.flags */
enum {
    JF_R_COMPLETE = 1,  /* the braces were seen */
    JF_R_PARTIAL = 2,   /* `...;` inside: the C compiler knows the rest */
    JF_R_PACKED = 4,    /* attribute packed, or cdef(packed=True) */
    JF_R_OPAQUE_DOTS = 8, /* typedef ... name; */
    JF_R_BUSY = 16,     /* layout in progress: meets itself by value */
    JF_R_DOTS_ARRAY = 32, /* a member declared with [...] */
    JF_R_FLEX = 64,     /* ends in a flexible array, itself or a last member */
    JF_R_DOTS_INT = 128, /* typedef int... name; with JF_R_OPAQUE_DOTS */
    JF_R_DOTS_FLOAT = 256, /* typedef float... name; likewise */
    JF_R_CUSTOM = 512   /* laid out, but not as its declaration says: what else
                           is in it is not known, nor how it is passed by value;
                           an enum: its integer was given, not guessed */
};

/* ... and: not complete yet, jf_Group.complete does it at the first layout. */
enum { JF_R_LAZY = 1024 };

/* ... and: in an included scope the same tag is an opaque record, which this one was
 * to define; strict scopes read it, nobody may lay it out. */
enum { JF_R_REOPENED = 2048 };

typedef struct jf_Record {
    const char *tag;       /* as written after struct/union; NULL: none */
    const char *alias;     /* first typedef of a tag-less one; NULL: none */
    jf_Type *outer;        /* without tag or alias: the record that has it as the
                              type of a member, or NULL */
    const char *via;       /* ... and that member's name (NULL: an anonymous one);
                              without `outer` a variable "v" or, of a typedef that
                              is derived from it, "*t" */
    jf_Field *fields;      /* n_fields of them, in order; group's */
    uint32_t n_fields;
    uint16_t flags;        /* JF_R_* */
    uint16_t pack;         /* #pragma pack / cdef(pack=): bytes; 0: natural */
    uint32_t want_align;   /* attribute aligned on the whole; 0: none */
    uint32_t line;         /* of the definition, for messages; 0 unknown */
    uint32_t serial;       /* for anonymous ones: its number in the session */
    void *index;           /* name -> field, for records of many fields; owned
                              by the group; NULL until first needed */
} jf_Record;

typedef struct jf_Enumerator {
    const char *name;
    int64_t value;         /* bit pattern; unsigned if the enum is */
} jf_Enumerator;

typedef struct jf_EnumInfo {
    const char *tag;       /* NULL: none */
    const char *alias;     /* first typedef of a tag-less one */
    jf_Enumerator *items;  /* in order of appearance; group's */
    uint32_t n_items;
    uint16_t flags;        /* JF_R_COMPLETE, JF_R_PARTIAL */
    uint32_t serial;
} jf_EnumInfo;

typedef struct jf_FuncInfo {
    uint32_t n_params;
    struct jf_Plan *plan;  /* made at first use; owned by the type */
    struct jf_Call *call;  /* the engine's, shared by all that call this type
                              with no extra arguments; NULL until then */
    void *host_code;       /* front end's own cache for this signature; the
                              front end frees it in its drop hook */
    jf_Type *params[];     /* n_params of them, after decay */
} jf_FuncInfo;

struct jf_Type {
    uint8_t kind;      /* jf_Kind */
    uint8_t flags;     /* JF_T_* */
    uint8_t quals;     /* PTR: of the pointee; ARRAY: of the element */
    uint8_t prim;      /* jf_Prim, or JF_P_NONE */
    uint32_t align;    /* bytes; 0 while unknown */
    uint64_t size;     /* bytes; JF_UNKNOWN while or if unknown */
    uint64_t length;   /* ARRAY, VECTOR: elements; JF_UNKNOWN for [] */
    jf_Type *to;       /* see the table above */
    jf_Type *canon;    /* without qualifiers; itself where there are none */
    union {
        const char *name;   /* primitives: static spelling */
        jf_FuncInfo *func;  /* FUNC; owned */
        jf_Record *rec;     /* STRUCT, UNION; group's */
        jf_EnumInfo *en;    /* ENUM; group's */
    } u;
    jf_Group *group;   /* whose lifetime it shares; NULL: counts itself */
    size_t refs;       /* references from outside, when group is NULL */
    uint32_t hash;     /* of the structural key */
    uint16_t depth;    /* derivations from here to a name; bounds recursion */
    uint16_t weight;   /* names and derivations when written out; saturates */
    jf_Type *chain;    /* next in the bucket */
    void *host;        /* the front end's own object for this type (its weak
                          reference); it clears it when that object goes */
};

static inline bool jf_is_record(const jf_Type *t)
{
    return t->kind == JF_STRUCT || t->kind == JF_UNION;
}

/* BOOL, INT, CHAR, ENUM: travels as an integer. */
static inline bool jf_is_integral(const jf_Type *t)
{
    return t->kind == JF_BOOL || t->kind == JF_INT || t->kind == JF_CHAR ||
           t->kind == JF_ENUM;
}

#endif
