/* SPDX-License-Identifier: MIT
 *
 * What a strict scope refuses: declarations that this parser reads and that
 * cffi's does not, where programs may count on the refusal. The words are those
 * of cffi 2.1 where its documentation or its tests give them.
 */
#include <string.h>

#include "core/parse/parser.h"

void jf_scope_be_strict(jf_Scope *s)
{
    s->strict = true;
}

/* `text`: from behind the name to the end of the line. */
void jf_strict_define(Parser *p, const jf_Name *name, const char *text)
{
    if (!p->scope->strict)
        return;
    const char *end = text;
    while (end < p->text + p->text_size && *end != '\n')
        end++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    jf_parse_fail(p, NULL, JF_SEMANTIC,
                  "only supports one of the following syntax:\n"
                  "  #define %s ...     (literally dot-dot-dot)\n"
                  "  #define %s NUMBER  (with NUMBER an integer constant, "
                  "decimal/hex/octal)\n"
                  "got:\n"
                  "  #define %s %.*s",
                  name->text, name->text, name->text, (int)(end - text), text);
}

void jf_strict_body(Parser *p, const char *at)
{
    if (p->scope->strict)
        jf_parse_fail(p, at, JF_SEMANTIC,
                      "unexpected <FuncDef>: this construct is valid C but not "
                      "valid in cdef()");
}

void jf_strict_open_bits(Parser *p, const jf_Type *rec)
{
    if (p->scope->strict)
        jf_parse_fail(p, NULL, JF_UNSUPPORTED,
                      "%s: using both bitfields and '...;'",
                      jf_parse_spell(p, rec, ""));
}

void jf_strict_late_enum(Parser *p, const jf_Name *tag)
{
    if (p->scope->strict)
        jf_parse_fail(p, NULL, JF_UNSUPPORTED,
                      "enum %s: the '{}' declaration should appear on the first "
                      "time the enum is mentioned, not later",
                      tag->text);
}

void jf_strict_only_dots(Parser *p, const jf_Name *of, const char *at)
{
    bool named = p->scope->strict && of;
    jf_parse_fail(p, at, p->scope->strict ? JF_SEMANTIC : JF_SYNTAX,
                  "%s%sa function with only '(...)' as argument is not correct C",
                  named ? of->text : "", named ? ": " : "");
}

void jf_strict_param(Parser *p, const jf_Name *of, uint32_t i)
{
    if (!p->scope->strict || !of)
        return;
    jf_Token next = jf_parse_ahead(p)->kind;
    if (next == JF_TK_COMMA || next == JF_TK_RPAREN)
        jf_parse_fail(p, p->tok.at, JF_SEMANTIC,
                      "%s arg %u: unknown type '%s' (if you meant to use the old C "
                      "syntax of giving untyped arguments, it is not supported)",
                      of->text, (unsigned)i + 1, p->tok.name->text);
}

/* A type text that is but this one word has no place worth showing. */
void jf_strict_unknown(Parser *p, const jf_Tok *t)
{
    if (!p->scope->strict)
        return;
    size_t n = p->text_size;
    if (p->is_type && t->at == p->text && t->n == n)
        jf_parse_fail(p, NULL, JF_SEMANTIC, "unknown identifier '%s'",
                      t->name->text);
    jf_parse_fail(p, t->at, JF_SYNTAX, "unknown type name '%s'", t->name->text);
}

/* cffi sees what is wrong with a type when it is used, and raises otherwise than
 * for text that is no C. */
void jf_strict_type_text(Parser *p, jf_Status status, const char *message)
{
    if (p->scope->strict && p->is_type)
        jf_parse_fail(p, NULL, status, "%s", message);
}

void jf_strict_partial_bits(Parser *p)
{
    if (p->scope->strict)
        jf_parse_fail(p, NULL, JF_UNSUPPORTED,
                      "a struct with bit-fields cannot be declared with '...;'");
}

bool jf_strict_reopens(const Parser *p, const jf_Type *rec)
{
    return p->scope->strict && !(rec->u.rec->flags & (JF_R_COMPLETE | JF_R_LAZY)) &&
           rec->group != p->group;
}

/* An enumerator of two enums with `...`: cffi refuses it when it writes the module. */
bool jf_strict_counted_again(const Parser *p, const jf_Symbol *old,
                             const jf_Symbol *sym)
{
    const unsigned open = JF_S_ENUMERATOR | JF_S_DOTS;
    return p->scope->strict && old->kind == JF_SYM_CONSTANT &&
           (old->flags & open) == open && old->value == sym->value;
}

bool jf_strict_bad_bits(Parser *p)
{
    if (p->scope->strict && !p->is_type)
        p->unusable = true;
    return p->unusable;
}
