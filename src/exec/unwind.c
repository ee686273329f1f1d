/* SPDX-License-Identifier: MIT
 *
 * Unwind records, so that C++ exceptions and backtrace() pass
 * through emitted code, or stop there. The format is the LSB's .eh_frame (a CIE,
 * an FDE, a terminator), with the DWARF 4 call frame instructions of section 6.4.2.
 */
#include "exec/dwarf.h"
#include "exec/inner.h"

#include "os/os.h"

#include <string.h>

/* Register `reg` was saved `eight` words below the CFA. */
static void saved_at(jf_Buf *b, unsigned reg, unsigned eight)
{
    dwarf_byte(b, CFA_OFFSET | reg);
    dwarf_byte(b, eight);
}

/* The frame of every block: the CFA is the frame register plus 16, the return
 * address and the old frame register lie on top, then the saved registers. */
static void frame_rules(jf_Buf *b, uint32_t saved)
{
    saved_at(b, exec_cpu->frame_reg, 2);
    for (uint32_t k = 0; k < saved; k++)
        saved_at(b, exec_cpu->saved_regs[k], 3 + k);
}

void exec_unwind_write(jf_Buf *out, const void *at, size_t size, jf_Frame frame)
{
    size_t cie = out->n;
    uint32_t saved = frame.saved;
    uint64_t asked = (uint64_t)(uintptr_t)exec_personality(frame.throws);
    dwarf_word(out, 0); /* length, set below */
    dwarf_word(out, 0); /* a CIE */
    dwarf_byte(out, 1); /* version */
    if (asked)
        jf_buf_put(out, "zP", 3);
    else
        dwarf_byte(out, 0); /* no augmentation: addresses are absolute */
    dwarf_byte(out, 1);     /* code alignment */
    dwarf_byte(out, DATA_ALIGN);
    dwarf_byte(out, exec_cpu->return_reg);
    if (asked) {
        dwarf_byte(out, 1 + 8);        /* z: so many bytes of augmentation */
        dwarf_byte(out, DW_EH_ABSPTR); /* P: how the personality is written */
        jf_buf_put(out, &asked, 8);
    }
    dwarf_def_cfa(out, exec_cpu->frame_reg, 16);
    saved_at(out, exec_cpu->return_reg, 1);
    frame_rules(out, saved);
    dwarf_end(out, cie);
    size_t fde = out->n;
    dwarf_word(out, 0);
    dwarf_word(out, (uint32_t)(out->n - cie)); /* back to the CIE */
    uint64_t start = (uint64_t)(uintptr_t)at, length = size;
    jf_buf_put(out, &start, 8);
    jf_buf_put(out, &length, 8);
    if (asked)
        dwarf_byte(out, 0); /* z: no augmentation here */
    dwarf_end(out, fde);
    dwarf_word(out, 0);
}

/* --- the run-time library's unwinder ----------------------------------------------- */

typedef void (*Register)(void *eh_frame);
static Register unwind_register, unwind_deregister;
static jf_OsLib *unwind_library; /* stays open: the unwinder keeps our records */
static jf_OsOnce unwind_once = JF_OS_ONCE;

/* LLVM's libunwind: its __register_frame wants something else. */
#define LLVM_ADD "__unw_add_dynamic_eh_frame_section"
#define LLVM_DROP "__unw_remove_dynamic_eh_frame_section"

static void find_in(const char *library)
{
    jf_OsLib *lib;
    if (jf_os_lib_open(library, 0, &lib, NULL) != JF_OK)
        return;
    bool llvm = jf_os_lib_symbol(lib, LLVM_ADD, NULL) != NULL;
    void *add = jf_os_lib_symbol(lib, llvm ? LLVM_ADD : "__register_frame", NULL);
    void *drop =
        jf_os_lib_symbol(lib, llvm ? LLVM_DROP : "__deregister_frame", NULL);
    if (add && drop) {
        unwind_register = (Register)(uintptr_t)add;
        unwind_deregister = (Register)(uintptr_t)drop;
        unwind_library = lib;
    } else {
        jf_os_lib_close(lib, NULL);
    }
}

/* The unwinder that the C++ libraries of this process use or will use. */
static void unwind_find(void)
{
    find_in(NULL);
    if (!unwind_library)
        find_in("libgcc_s.so.1");
}

jf_OsLib *exec_unwind_library(void)
{
    jf_os_once(&unwind_once, unwind_find);
    return unwind_library;
}

/* A door of LLVM's libunwind, if that is there beside the one above: libc++ may have
 * brought it. It stays then. NULL: it is not. */
static Register second_unwinder(const char *door)
{
    jf_OsLib *lib = jf_os_lib_loaded("libunwind.so.1");
    void *p = lib ? jf_os_lib_symbol(lib, door, NULL) : NULL;
    if (p)
        jf_os_lib_leave(lib);
    jf_os_lib_close(lib, NULL);
    Register f = (Register)(uintptr_t)p;
    return f == unwind_register || f == unwind_deregister ? NULL : f;
}

void exec_unwind_add(Region *r)
{
    jf_os_once(&unwind_once, unwind_find);
    if (!unwind_register)
        return;
    jf_Buf b = JF_BUF_INIT;
    exec_unwind_write(&b, r->base, r->size, r->frame);
    if (b.failed) {
        jf_buf_free(&b);
        return;
    }
    r->unwind = b.p; /* owned by the region from here on */
    unwind_register(r->unwind);
    r->second = second_unwinder(LLVM_ADD);
    if (r->second)
        r->second(r->unwind);
}

void exec_unwind_drop(Region *r)
{
    Register drop = r->second ? second_unwinder(LLVM_DROP) : NULL;
    if (r->unwind)
        unwind_deregister(r->unwind);
    if (drop)
        drop(r->unwind);
    jf_free(r->unwind);
    r->unwind = NULL;
}
