/* SPDX-License-Identifier: MIT
 *
 * Type names that need no declaration: the fixed-width and POSIX ones, the
 * Windows ones, FILE. A session that declares such a name itself overrides them.
 * Sources: C11 7.19 and 7.20; the headers sys/types.h and bits/types.h of the
 * systems named; Microsoft's "Windows Data Types".
 */
#include <string.h>

#include "core/parse/parser.h"

/* Spelled as a primitive or as another built-in name. ORDER SYSTEM */
typedef struct Row {
    const char *name;
    const char *base; /* Linux x86-64; also elsewhere where NULL stands */
    uint8_t stars;    /* 1: pointer to it */
    uint8_t quals;    /* of the pointee */
} Row;

/* clang-format off */
#define P(name, to) {name, to, 1, 0}
#define PC(name, to) {name, to, 1, JF_Q_CONST}
#define T(name, to) {name, to, 0, 0}

static const Row rows[] = {
    T("bool", "_Bool"),
    T("__builtin_va_list", "va_list"), T("__gnuc_va_list", "va_list"),
    T("__int128_t", "__int128"), T("__uint128_t", "unsigned __int128"),
    T("__int8_t", "signed char"), T("__uint8_t", "unsigned char"),
    T("__int16_t", "short"), T("__uint16_t", "unsigned short"),
    T("__int32_t", "int"), T("__uint32_t", "unsigned int"),
    T("__int64_t", "int64_t"), T("__uint64_t", "uint64_t"),
    T("__wchar_t", "wchar_t"), T("__size_t", "size_t"),
    T("u_char", "unsigned char"), T("u_short", "unsigned short"),
    T("u_int", "unsigned int"), T("u_long", "unsigned long"),
    T("uint", "unsigned int"), T("ushort", "unsigned short"),
    T("ulong", "unsigned long"), T("unchar", "unsigned char"),
    T("quad_t", "long long"), T("u_quad_t", "unsigned long long"),
    T("u_int8_t", "uint8_t"), T("u_int16_t", "uint16_t"),
    T("u_int32_t", "uint32_t"), T("u_int64_t", "uint64_t"),
    T("_Fcomplex", "float _Complex"), T("_Dcomplex", "double _Complex"),
    P("caddr_t", "char"),
    /* Windows */
    T("ATOM", "WORD"), T("BOOL", "int"), T("BOOLEAN", "BYTE"),
    T("BYTE", "unsigned char"), T("CCHAR", "char"), T("CHAR", "char"),
    T("COLORREF", "DWORD"), T("DWORD", "unsigned long"),
    T("DWORD32", "unsigned int"), T("DWORD64", "unsigned long long"),
    T("DWORDLONG", "ULONGLONG"), T("DWORD_PTR", "ULONG_PTR"),
    T("FLOAT", "float"), T("HACCEL", "HANDLE"), T("HALF_PTR", "int"),
    P("HANDLE", "void"), T("HBITMAP", "HANDLE"), T("HBRUSH", "HANDLE"),
    T("HCOLORSPACE", "HANDLE"), T("HCONV", "HANDLE"), T("HCONVLIST", "HANDLE"),
    T("HCURSOR", "HANDLE"), T("HDC", "HANDLE"), T("HDDEDATA", "HANDLE"),
    T("HDESK", "HANDLE"), T("HDROP", "HANDLE"), T("HDWP", "HANDLE"),
    T("HENHMETAFILE", "HANDLE"), T("HFILE", "int"), T("HFONT", "HANDLE"),
    T("HGDIOBJ", "HANDLE"), T("HGLOBAL", "HANDLE"), T("HHOOK", "HANDLE"),
    T("HICON", "HANDLE"), T("HINSTANCE", "HANDLE"), T("HKEY", "HANDLE"),
    T("HKL", "HANDLE"), T("HLOCAL", "HANDLE"), T("HMENU", "HANDLE"),
    T("HMETAFILE", "HANDLE"), T("HMODULE", "HANDLE"), T("HMONITOR", "HANDLE"),
    T("HPALETTE", "HANDLE"), T("HPEN", "HANDLE"), T("HRESULT", "LONG"),
    T("HRGN", "HANDLE"), T("HRSRC", "HANDLE"), T("HSZ", "HANDLE"),
    T("HWND", "HANDLE"), T("INT", "int"), T("INT16", "short"),
    T("INT32", "int"), T("INT64", "long long"), T("INT8", "signed char"),
    T("INT_PTR", "long long"), T("LANGID", "WORD"), T("LCID", "DWORD"),
    T("LCTYPE", "DWORD"), T("LGRPID", "DWORD"), T("LONG", "long"),
    T("LONG32", "int"), T("LONG64", "long long"), T("LONGLONG", "long long"),
    T("LONG_PTR", "long long"), T("LPARAM", "LONG_PTR"), P("LPBOOL", "BOOL"),
    P("LPBYTE", "BYTE"), P("LPCOLORREF", "DWORD"), PC("LPCSTR", "char"),
    PC("LPCVOID", "void"), PC("LPCWSTR", "WCHAR"), P("LPDWORD", "DWORD"),
    P("LPHANDLE", "HANDLE"), P("LPINT", "int"), P("LPLONG", "long"),
    P("LPSTR", "CHAR"), P("LPVOID", "void"), P("LPWORD", "WORD"),
    P("LPWSTR", "WCHAR"), T("LRESULT", "LONG_PTR"), P("PBOOL", "BOOL"),
    P("PBOOLEAN", "BOOLEAN"), P("PBYTE", "BYTE"), P("PCHAR", "CHAR"),
    PC("PCSTR", "CHAR"), PC("PCWSTR", "WCHAR"), P("PDWORD", "DWORD"),
    P("PDWORD32", "DWORD32"), P("PDWORD64", "DWORD64"),
    P("PDWORDLONG", "DWORDLONG"), P("PDWORD_PTR", "DWORD_PTR"),
    P("PFLOAT", "FLOAT"), P("PHALF_PTR", "HALF_PTR"), P("PHANDLE", "HANDLE"),
    P("PHKEY", "HKEY"), P("PINT", "int"), P("PINT16", "INT16"),
    P("PINT32", "INT32"), P("PINT64", "INT64"), P("PINT8", "INT8"),
    P("PINT_PTR", "INT_PTR"), T("PLCID", "PDWORD"), P("PLONG", "LONG"),
    P("PLONG32", "LONG32"), P("PLONG64", "LONG64"), P("PLONGLONG", "LONGLONG"),
    P("PLONG_PTR", "LONG_PTR"), P("PSHORT", "SHORT"), P("PSIZE_T", "SIZE_T"),
    P("PSSIZE_T", "SSIZE_T"), P("PSTR", "CHAR"), P("PUCHAR", "UCHAR"),
    P("PUHALF_PTR", "UHALF_PTR"), P("PUINT", "UINT"), P("PUINT16", "UINT16"),
    P("PUINT32", "UINT32"), P("PUINT64", "UINT64"), P("PUINT8", "UINT8"),
    P("PUINT_PTR", "UINT_PTR"), P("PULONG", "ULONG"), P("PULONG32", "ULONG32"),
    P("PULONG64", "ULONG64"), P("PULONGLONG", "ULONGLONG"),
    P("PULONG_PTR", "ULONG_PTR"), P("PUSHORT", "USHORT"), P("PVOID", "void"),
    P("PWCHAR", "WCHAR"), P("PWORD", "WORD"), P("PWSTR", "WCHAR"),
    T("QWORD", "unsigned long long"), T("SC_HANDLE", "HANDLE"),
    T("SC_LOCK", "LPVOID"), T("SERVICE_STATUS_HANDLE", "HANDLE"),
    T("SHORT", "short"), T("SIZE_T", "ULONG_PTR"), T("SSIZE_T", "LONG_PTR"),
    T("UCHAR", "unsigned char"), T("UHALF_PTR", "unsigned int"),
    T("UINT", "unsigned int"), T("UINT16", "unsigned short"),
    T("UINT32", "unsigned int"), T("UINT64", "unsigned long long"),
    T("UINT8", "unsigned char"), T("UINT_PTR", "unsigned long long"),
    T("ULONG", "unsigned long"), T("ULONG32", "unsigned int"),
    T("ULONG64", "unsigned long long"), T("ULONGLONG", "unsigned long long"),
    T("ULONG_PTR", "unsigned long long"), T("USHORT", "unsigned short"),
    T("USN", "LONGLONG"), T("VOID", "void"), T("WCHAR", "wchar_t"),
    T("WINSTA", "HANDLE"), T("WORD", "unsigned short"), T("WPARAM", "UINT_PTR"),
    T("FILE", NULL), /* opaque, and every session's */
};

#undef P
#undef PC
#undef T

/* What systems do not agree on. NULL: as on Linux x86-64. ORDER SYSTEM */
enum { SYS_LINUX, SYS_A64, SYS_I386, SYS_APPLE, SYS_WIN, SYS_COUNT };

static const struct {
    const char *name;
    const char *base[SYS_COUNT];
} posix_rows[] = {
    {"off_t", {"long", 0, 0, "long long", 0}},
    {"off64_t", {"long", 0, "long long", "long long", "long long"}},
    {"loff_t", {"long", 0, "long long", "long long", "long long"}},
    {"time_t", {"long", 0, 0, 0, "long long"}},
    {"clock_t", {"long", 0, 0, "unsigned long", 0}},
    {"suseconds_t", {"long", 0, 0, "int", 0}},
    {"useconds_t", {"unsigned int", 0, 0, 0, 0}},
    {"clockid_t", {"int", 0, 0, "unsigned int", 0}},
    {"timer_t", {"uintptr_t", 0, 0, 0, 0}},
    {"pid_t", {"int", 0, 0, 0, "long long"}},
    {"uid_t", {"unsigned int", 0, 0, 0, 0}},
    {"gid_t", {"unsigned int", 0, 0, 0, 0}},
    {"id_t", {"unsigned int", 0, 0, 0, 0}},
    {"mode_t", {"unsigned int", 0, 0, "unsigned short", "unsigned short"}},
    {"dev_t", {"unsigned long", 0, "unsigned long long", "int", "unsigned int"}},
    {"ino_t", {"unsigned long", 0, 0, "unsigned long long", "unsigned short"}},
    {"ino64_t", {"unsigned long", 0, "unsigned long long", 0, 0}},
    {"nlink_t", {"unsigned long", "unsigned int", "unsigned int", "unsigned short",
                 "short"}},
    {"blksize_t", {"long", "int", 0, "int", 0}},
    {"blkcnt_t", {"long", 0, 0, "long long", 0}},
    {"blkcnt64_t", {"long", 0, "long long", "long long", 0}},
    {"fsblkcnt_t", {"unsigned long", 0, 0, "unsigned int", 0}},
    {"fsfilcnt_t", {"unsigned long", 0, 0, "unsigned int", 0}},
    {"key_t", {"int", 0, 0, 0, 0}},
    {"socklen_t", {"unsigned int", 0, 0, 0, "int"}},
    {"sa_family_t", {"unsigned short", 0, 0, "unsigned char", 0}},
    {"in_port_t", {"uint16_t", 0, 0, 0, 0}},
    {"in_addr_t", {"uint32_t", 0, 0, 0, 0}},
    {"nfds_t", {"unsigned long", 0, 0, "unsigned int", 0}},
    {"rlim_t", {"unsigned long", 0, 0, "unsigned long long", 0}},
    {"sig_atomic_t", {"int", 0, 0, 0, 0}},
    {"wint_t", {"unsigned int", 0, 0, "int", "unsigned short"}},
    {"wctype_t", {"unsigned long", 0, 0, "unsigned int", "unsigned short"}},
    {"register_t", {"long", 0, "int", 0, 0}},
    {"daddr_t", {"int", 0, 0, 0, 0}},
    {"pthread_t", {"unsigned long", 0, 0, "uintptr_t", "uintptr_t"}},
    {"pthread_key_t", {"unsigned int", 0, 0, "unsigned long", 0}},
    {"max_align_t", {"long double", 0, 0, 0, 0}},
    {"nl_catd", {"intptr_t", 0, 0, 0, 0}},
};
/* clang-format on */

/* From wchar_t on they are no keywords: size_t, int8_t, va_list ... ORDER PRIM */
static const char *const prim_words[] = {
#define X(id, name, kind, sign, cls) name,
    JF_PRIMS(X)
#undef X
};

uint32_t jf_parse_builtin_count(void)
{
    return (uint32_t)(JF_COUNT(rows) + JF_COUNT(posix_rows) + JF_P_COUNT -
                      JF_P_WCHAR);
}

/* ORDER BUILTIN: rows, then posix_rows, then primitives from wchar_t on. */
const char *jf_parse_builtin_each(uint32_t i)
{
    if (i < JF_COUNT(rows))
        return rows[i].name;
    i -= (uint32_t)JF_COUNT(rows);
    if (i < JF_COUNT(posix_rows))
        return posix_rows[i].name;
    i -= (uint32_t)JF_COUNT(posix_rows);
    return JF_P_WCHAR + i < JF_P_COUNT ? prim_words[JF_P_WCHAR + i] : NULL;
}

void jf_parse_builtin_names(jf_Names *t)
{
    uint32_t n = jf_parse_builtin_count();
    for (uint32_t i = 0; i < n; i++)
        jf_names_fix(t, jf_parse_builtin_each(i))->builtin = (uint16_t)(i + 1);
}

static unsigned system_of(const jf_Target *t)
{
    return t->abi == JF_ABI_WIN64     ? SYS_WIN
           : t->abi == JF_ABI_APPLE64 ? SYS_APPLE
           : t->arch == JF_ARCH_A64   ? SYS_A64
           : t->arch == JF_ARCH_X86   ? SYS_I386
                                      : SYS_LINUX;
}

/* Half and whole pointers on 32-bit targets. */
static const char *narrow(const Parser *p, const char *base, const char *name)
{
    if (p->u->target->prim[JF_C_PTR].size != 4)
        return base;
    size_t n = strlen(name);
    if (n >= 8 && !strcmp(name + n - 8, "HALF_PTR"))
        return name[0] == 'U' ? "unsigned short" : "short";
    if (n >= 4 && !strcmp(name + n - 4, "_PTR"))
        return name[0] == 'U'                     ? "unsigned long"
               : name[0] == 'I' || name[0] == 'L' ? "long"
                                                  : base;
    return base;
}

static jf_Type *resolve(Parser *p, const char *word, unsigned *quals);

static jf_Type *row_type(Parser *p, uint32_t i, unsigned *quals)
{
    if (i >= JF_COUNT(rows)) {
        i -= (uint32_t)JF_COUNT(rows);
        if (i >= JF_COUNT(posix_rows)) {
            i -= (uint32_t)JF_COUNT(posix_rows);
            return jf_type_prim(p->u, (jf_Prim)(JF_P_WCHAR + i));
        }
        const char *own = posix_rows[i].base[system_of(p->u->target)];
        return resolve(p, own ? own : posix_rows[i].base[SYS_LINUX], quals);
    }
    const Row *r = &rows[i];
    if (!r->base) {
        jf_Type *file = jf_type_file(p->u);
        if (!file)
            jf_parse_nomem(p);
        return file;
    }
    jf_Type *t =
        resolve(p, r->stars ? r->base : narrow(p, r->base, r->name), quals);
    if (t && r->stars) {
        t = jf_parse_hold(p, jf_type_pointer(p->u, t, r->quals));
        *quals = 0;
    }
    return t;
}

/* `word`: the spelling of a primitive, or a row above. */
static jf_Type *resolve(Parser *p, const char *word, unsigned *quals)
{
    for (unsigned i = 0; i < JF_P_WCHAR; i++)
        if (!strcmp(prim_words[i], word))
            return jf_type_prim(p->u, (jf_Prim)i);
    const jf_Name *n = jf_names_find(&p->scope->names, word, strlen(word));
    JF_ASSERT(n && n->builtin);
    return row_type(p, n->builtin - 1u, quals);
}

jf_Type *jf_parse_builtin(Parser *p, const jf_Name *name, unsigned *quals)
{
    JF_ASSERT(name->builtin);
    *quals = 0;
    return row_type(p, name->builtin - 1u, quals);
}
