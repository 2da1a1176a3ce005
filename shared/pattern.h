/*
 * pattern - lists of globs for sources and types
 *
 * `*` is any run of characters; `pull_request` also matches
 * `pull_request.opened`; `!pattern` excludes; the first that matches decides.
 * When none does, a list without any inclusion (an empty one too) matches
 * everything, and any other nothing.  Pure.
 */

#ifndef SHARED_PATTERN_H
#define SHARED_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* One glob (without `!`) against a text; `dotted` lets it match the text up to
 * a dot too. */
bool pattern_match(const char *pattern, const char *text, bool dotted);

/* What a list says; *by is the pattern that decided, or NULL. */
bool pattern_list_match(char *const *patterns, size_t n, const char *text,
    bool dotted, const char **by);

#endif
