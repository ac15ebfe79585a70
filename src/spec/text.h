/* Comparing and measuring text as this room's grammars need it. */
#ifndef HP_SPEC_TEXT_H
#define HP_SPEC_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Equal but for the letter case of A to Z; no locale has a say. */
bool hp_text_same(const char *a, const char *b);
bool hp_text_starts(const char *text, const char *prefix); /* the same, of a prefix */
/* list: words, each with its NUL, and the literal's own at the end. */
bool hp_text_is_among(const char *text, const char *list);
/* The spellings of Go's strconv.ParseBool; false: it is none of them. */
bool hp_text_bool(const char *text, bool *value);
/* C0 and C1 control characters, DEL, and bytes that are not UTF-8. */
bool hp_text_has_control(const char *text);
size_t hp_text_characters(const char *text); /* code points; a broken byte is one */
/* One of the path's components, split at any of separators, is "..". */
bool hp_text_climbs(const char *path, const char *separators);

#endif
