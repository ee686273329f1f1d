/* SPDX-License-Identifier: MIT
 *
 * What is loaded in this process: which object holds an address, how far its code
 * goes, what is called what. From the loader's list (dl_iterate_phdr) and the tables
 * that the loader itself uses; no file is read. Format: System V gABI chapters 4 and
 * 5, and the GNU hash table as glibc reads it.
 */
#include "proof/elf.h"

#include "os/os.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Executable bytes of one object. */
typedef struct Range {
    uint64_t lo, hi;
    uint32_t object;
} Range;

typedef struct Loaded {
    ElfObject *objects; /* owned */
    Range *ranges;      /* owned; in order */
    uint32_t n_objects, n_ranges, room_objects, room_ranges;
    unsigned long long adds, subs; /* the loader's counters when it was read */
    bool read, failed;
    /* libc's functions that end the process; 0: not there. */
    uint64_t ends[16];
    uint32_t n_ends;
} Loaded;

static Loaded loaded;

/* They end the process and run nothing of anybody else's on the way. Not exit():
 * what atexit() was given may wait for other threads. */
static const char *const end_names[] = {
    "abort",    "__stack_chk_fail", "__assert_fail", "__assert_perror_fail",
    "__assert", "__fortify_fail",   "__chk_fail",    "_exit",
    "_Exit",    "__libc_fatal",
};

/* --- the loader's list ------------------------------------------------------------------ */

static bool more(void **items, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room)
        return true;
    uint32_t wanted = *room ? *room * 2 : 32;
    void *p = jf_realloc(*items, wanted * size);
    if (p) {
        *items = p;
        *room = wanted;
    }
    return p != NULL;
}

static void add_range(Loaded *l, uint64_t lo, uint64_t hi)
{
    if (!more((void **)&l->ranges, l->n_ranges, &l->room_ranges,
              sizeof *l->ranges)) {
        l->failed = true;
        return;
    }
    uint32_t i = l->n_ranges++;
    for (; i && l->ranges[i - 1].lo > lo; i--)
        l->ranges[i] = l->ranges[i - 1];
    l->ranges[i] = (Range){lo, hi, l->n_objects};
}

static int see_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
    Loaded *l = ctx;
    (void)size;
    if (!more((void **)&l->objects, l->n_objects, &l->room_objects,
              sizeof *l->objects)) {
        l->failed = true;
        return 1;
    }
    ElfObject *o = &l->objects[l->n_objects];
    memset(o, 0, sizeof *o);
    o->base = info->dlpi_addr;
    o->phdrs = (const Elf64_Phdr *)info->dlpi_phdr;
    o->n_phdrs = info->dlpi_phnum;
    o->path = info->dlpi_name ? info->dlpi_name : "";
    for (uint32_t i = 0; i < o->n_phdrs; i++) {
        const Elf64_Phdr *h = &o->phdrs[i];
        if (h->p_type == PT_LOAD &&
            (h->p_flags & (PF_X | PF_R | PF_W)) == (PF_X | PF_R))
            add_range(l, o->base + h->p_vaddr, o->base + h->p_vaddr + h->p_filesz);
    }
    l->n_objects++;
    l->adds = info->dlpi_adds;
    l->subs = info->dlpi_subs;
    return l->failed;
}

static void loaded_free(Loaded *l)
{
    for (uint32_t i = 0; i < l->n_objects; i++)
        jf_free(l->objects[i].order);
    jf_free(l->objects);
    jf_free(l->ranges);
    memset(l, 0, sizeof *l);
}

void elf_forget(void)
{
    loaded_free(&loaded);
}

/* What was there before and still is keeps its tables: the list only grew. */
static void keep(Loaded *before)
{
    for (uint32_t i = 0; i < loaded.n_objects && i < before->n_objects; i++) {
        ElfObject *old = &before->objects[i], *new = &loaded.objects[i];
        if (old->base != new->base || old->phdrs != new->phdrs)
            return;
        *new = *old;
        old->order = NULL;
        if (new->is_libc) {
            memcpy(loaded.ends, before->ends, sizeof loaded.ends);
            loaded.n_ends = before->n_ends;
        }
    }
}

typedef struct Hold {
    void (*work)(void *ctx, bool closed);
    void *ctx;
    bool done;
} Hold;

/* Called for the first object, under the loader's lock: while it runs nothing is
 * unmapped, whoever closes a library meanwhile. The counters stand in every entry. */
static int held(struct dl_phdr_info *info, size_t size, void *ctx)
{
    Hold *h = ctx;
    (void)size;
    bool closed = loaded.read && info->dlpi_subs != loaded.subs;
    if (!loaded.read || closed || info->dlpi_adds != loaded.adds) {
        Loaded before = loaded;
        memset(&loaded, 0, sizeof loaded);
        dl_iterate_phdr(see_object, &loaded);
        loaded.read = !loaded.failed;
        if (before.read && !closed)
            keep(&before);
        loaded_free(&before);
    }
    h->done = loaded.read;
    if (loaded.read)
        h->work(h->ctx, closed);
    return 1;
}

bool elf_hold(void (*work)(void *ctx, bool closed), void *ctx)
{
    Hold h = {work, ctx, false};
    dl_iterate_phdr(held, &h);
    return h.done;
}

/* --- an object's tables ------------------------------------------------------------------- */

bool elf_inside(const ElfObject *o, const void *p, uint64_t n)
{
    uint64_t at = (uint64_t)(uintptr_t)p;
    for (uint32_t i = 0; i < o->n_phdrs; i++) {
        const Elf64_Phdr *h = &o->phdrs[i];
        uint64_t lo = o->base + h->p_vaddr;
        if (h->p_type == PT_LOAD && h->p_flags & PF_R && at >= lo &&
            at - lo <= h->p_memsz && n <= h->p_memsz - (at - lo))
            return true;
    }
    return false;
}

bool elf_defined(const Elf64_Sym *s)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);
    return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && s->st_value &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

const char *elf_string(const ElfObject *o, uint64_t at)
{
    if (at >= o->n_strings || !memchr(o->strings + at, 0, o->n_strings - at))
        return "";
    return o->strings + at;
}

/* An entry of the dynamic section as a pointer: glibc has added the base already,
 * others (and the vDSO) have not. NULL when `n` bytes there are not the object's. */
static const void *table(const ElfObject *o, uint64_t value, uint64_t n)
{
    const void *p = (const void *)(uintptr_t)value;
    if (value && elf_inside(o, p, n))
        return p;
    p = (const void *)(uintptr_t)(o->base + value);
    return value && elf_inside(o, p, n) ? p : NULL;
}

/* Symbols have no count of their own, but the last chain of the GNU hash table ends
 * with the last symbol. */
static uint32_t count_gnu(const ElfObject *o, const uint32_t *hash)
{
    uint32_t buckets = hash[0], first = hash[1], last = 0;
    const uint32_t *bucket = hash + 4 + (uint64_t)hash[2] * 2;
    if (!elf_inside(o, bucket, (uint64_t)buckets * 4))
        return 0;
    for (uint32_t i = 0; i < buckets; i++)
        last = bucket[i] > last ? bucket[i] : last;
    if (last < first)
        return first;
    const uint32_t *chain = bucket + buckets;
    while (elf_inside(o, chain + (last - first), 4) && !(chain[last - first] & 1))
        last++;
    return last + 1;
}

static void set_symbols(ElfObject *o, uint64_t symtab, uint64_t gnu, uint64_t sysv)
{
    const uint32_t *h = table(o, gnu, 16), *old = table(o, sysv, 8);
    uint32_t n = h ? count_gnu(o, h) : old ? old[1] : 0;
    o->gnu_hash = h;
    o->symbols = table(o, symtab, (uint64_t)n * sizeof(Elf64_Sym));
    o->n_symbols = o->symbols ? n : 0;
}

static void set_relro(ElfObject *o)
{
    for (uint32_t i = 0; i < o->n_phdrs; i++) {
        const Elf64_Phdr *h = &o->phdrs[i];
        if (h->p_type != PT_GNU_RELRO)
            continue;
        o->fixed_lo = o->base + h->p_vaddr;
        /* The loader protects whole pages; the rest of the last one stays writable. */
        o->fixed_hi =
            (o->fixed_lo + h->p_memsz) & ~(uint64_t)(jf_os_page_size() - 1);
    }
}

typedef struct Dynamic {
    uint64_t of[64]; /* by DT_ number */
    uint64_t gnu, versions, needs, n_needs, defines, n_defines;
    uint64_t soname;
} Dynamic;

static void read_dynamic(const ElfObject *o, Dynamic *d)
{
    memset(d, 0, sizeof *d);
    for (uint32_t i = 0; i < o->n_phdrs; i++) {
        const Elf64_Phdr *h = &o->phdrs[i];
        const Elf64_Dyn *e = (const Elf64_Dyn *)(uintptr_t)(o->base + h->p_vaddr);
        if (h->p_type != PT_DYNAMIC || !elf_inside(o, e, h->p_memsz))
            continue;
        for (uint64_t n = h->p_memsz / sizeof *e; n && e->d_tag != DT_NULL;
             n--, e++) {
            uint64_t v = e->d_un.d_val;
            if (e->d_tag > 0 && e->d_tag < 64)
                d->of[e->d_tag] = v;
            else if (e->d_tag == DT_GNU_HASH)
                d->gnu = v;
            else if (e->d_tag == DT_VERSYM)
                d->versions = v;
            else if (e->d_tag == DT_VERNEED)
                d->needs = v;
            else if (e->d_tag == DT_VERNEEDNUM)
                d->n_needs = v;
            else if (e->d_tag == DT_VERDEF)
                d->defines = v;
            else if (e->d_tag == DT_VERDEFNUM)
                d->n_defines = v;
        }
    }
}

/* libc by its own name, which no other library has. */
static bool names_libc(const char *soname)
{
    return strncmp(soname, "libc.so.", 8) == 0 ||
           strncmp(soname, "libc.musl", 9) == 0 ||
           strncmp(soname, "ld-musl", 7) == 0;
}

static void find_ends(const ElfObject *o)
{
    for (uint32_t i = 1; i < o->n_symbols; i++) {
        const Elf64_Sym *s = &o->symbols[i];
        if (!elf_defined(s) || loaded.n_ends == JF_COUNT(loaded.ends))
            continue;
        const char *name = elf_string(o, s->st_name);
        for (uint32_t k = 0; k < JF_COUNT(end_names); k++)
            if (strcmp(name, end_names[k]) == 0)
                loaded.ends[loaded.n_ends++] = o->base + s->st_value;
    }
}

static void parse(ElfObject *o)
{
    Dynamic d;
    o->parsed = true;
    read_dynamic(o, &d);
    set_relro(o);
    o->strings = table(o, d.of[DT_STRTAB], d.of[DT_STRSZ]);
    o->n_strings = o->strings ? d.of[DT_STRSZ] : 0;
    set_symbols(o, d.of[DT_SYMTAB], d.gnu, d.of[DT_HASH]);
    if (d.of[DT_PLTREL] == DT_RELA)
        o->plt = table(o, d.of[DT_JMPREL], d.of[DT_PLTRELSZ]);
    o->n_plt = o->plt ? d.of[DT_PLTRELSZ] / sizeof(Elf64_Rela) : 0;
    o->relocs = table(o, d.of[DT_RELA], d.of[DT_RELASZ]);
    o->n_relocs = o->relocs ? d.of[DT_RELASZ] / sizeof(Elf64_Rela) : 0;
    o->versions = table(o, d.versions, (uint64_t)o->n_symbols * 2);
    o->needs = table(o, d.needs, 1);
    o->n_needs = o->needs ? (uint32_t)d.n_needs : 0;
    o->defines = table(o, d.defines, 1);
    o->n_defines = o->defines ? (uint32_t)d.n_defines : 0;
    o->is_libc = d.of[DT_SONAME] && names_libc(elf_string(o, d.of[DT_SONAME]));
    if (o->is_libc)
        find_ends(o);
}

uint32_t elf_count(void)
{
    return loaded.n_objects;
}

ElfObject *elf_nth(uint32_t i)
{
    ElfObject *o = &loaded.objects[i];
    if (!o->parsed)
        parse(o);
    return o;
}

/* --- symbols by address ---------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const ElfOrder *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Without memory an object has no symbols: less is said, nothing wrong is proved. */
static void sort_symbols(ElfObject *o)
{
    o->order = jf_alloc((o->n_symbols ? o->n_symbols : 1) * sizeof *o->order);
    for (uint32_t i = 1; o->order && i < o->n_symbols; i++) {
        const Elf64_Sym *s = &o->symbols[i];
        if (elf_defined(s))
            o->order[o->n_order++] =
                (ElfOrder){s->st_value, s->st_value + s->st_size, i};
    }
    if (o->n_order)
        qsort(o->order, o->n_order, sizeof *o->order, compare);
    for (uint32_t i = 1; i < o->n_order; i++)
        if (o->order[i].end < o->order[i - 1].end)
            o->order[i].end = o->order[i - 1].end;
}

/* The same, with `order`. */
static const ElfObject *with_order(uint32_t i)
{
    ElfObject *o = elf_nth(i);
    if (!o->order)
        sort_symbols(o);
    return o;
}

/* How many symbols begin at `at` or before. */
static uint32_t order_behind(const ElfObject *o, uint64_t at)
{
    uint32_t lo = 0, hi = o->n_order;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (o->order[mid].value <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* --- addresses ------------------------------------------------------------------------------ */

static const Range *range_of(uint64_t address)
{
    uint32_t lo = 0, hi = loaded.n_ranges;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (loaded.ranges[mid].hi <= address)
            lo = mid + 1;
        else
            hi = mid;
    }
    const Range *r = &loaded.ranges[lo];
    return lo < loaded.n_ranges && address >= r->lo ? r : NULL;
}

ElfObject *elf_object(uint64_t address)
{
    for (uint32_t i = 0; i < loaded.n_objects; i++)
        if (elf_inside(&loaded.objects[i], (const void *)(uintptr_t)address, 1))
            return elf_nth(i);
    return NULL;
}

bool elf_code(uint64_t address, Span *span)
{
    const Range *r = range_of(address);
    memset(span, 0, sizeof *span);
    if (!r)
        return false;
    span->code = (const uint8_t *)(uintptr_t)address;
    span->n = (size_t)(r->hi - address);
    return true;
}

bool elf_span(uint64_t address, Span *span)
{
    const Range *r = range_of(address);
    if (!elf_code(address, span))
        return false;
    const ElfObject *o = with_order(r->object);
    uint64_t at = address - o->base;
    uint32_t i = order_behind(o, at);
    if (i && o->order[i - 1].end > at)
        span->symbol = (size_t)(o->order[i - 1].end - at);
    if (span->symbol > span->n)
        span->symbol = span->n;
    return true;
}

bool elf_ends_process(uint64_t address)
{
    const Range *r = range_of(address);
    if (!r || !elf_nth(r->object)->is_libc)
        return false;
    for (uint32_t i = 0; i < loaded.n_ends; i++)
        if (loaded.ends[i] == address)
            return true;
    return false;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Of several names of one address, the one that people write. */
static bool better(const char *name, const char *than)
{
    size_t a = strspn(name, "_"), b = strspn(than, "_");
    size_t n = strlen(name), m = strlen(than);
    return a != b ? a < b : n != m ? n < m : strcmp(name, than) < 0;
}

void elf_name(uint64_t address, char *name, size_t n)
{
    const Range *r = range_of(address);
    snprintf(name, n, "an address outside any library");
    if (!r)
        return;
    const ElfObject *o = with_order(r->object);
    const Elf64_Sym *best = NULL;
    uint64_t at = address - o->base;
    for (uint32_t i = order_behind(o, at); i; i--) {
        const Elf64_Sym *s = &o->symbols[o->order[i - 1].symbol];
        bool holds = at == s->st_value || at - s->st_value < s->st_size;
        if (best ? s->st_value != best->st_value
                 : o->order[i - 1].end <= at && o->order[i - 1].value != at)
            break;
        if (holds && (!best || better(elf_string(o, s->st_name),
                                      elf_string(o, best->st_name))))
            best = s;
    }
    const char *slash = strrchr(o->path, '/');
    const char *file = slash ? slash + 1 : o->path[0] ? o->path : "the program";
    if (!best)
        snprintf(name, n, "%.40s+0x%llx", file, (unsigned long long)at);
    else if (best->st_value == at)
        snprintf(name, n, "%.60s", elf_string(o, best->st_name));
    else
        snprintf(name, n, "%.50s+0x%llx", elf_string(o, best->st_name),
                 (unsigned long long)(at - best->st_value));
}
