#include "pattern.h"

/* The pattern is used up: does the text end here too? */
static bool
ends(const char *text, bool dotted)
{
	return *text == '\0' || (dotted && *text == '.');
}

bool
pattern_match(const char *pattern, const char *text, bool dotted)
{
	const char *star = NULL; /* behind the last `*` seen */
	const char *from = NULL; /* where its run ends for now */

	for (;;) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
		} else if (*pattern == '\0' && ends(text, dotted)) {
			return true;
		} else if (*pattern != '\0' && *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL && *from != '\0') {
			pattern = star;
			text = ++from;
		} else {
			return false;
		}
	}
}

bool
pattern_list_match(char *const *patterns, size_t n, const char *text,
    bool dotted, const char **by)
{
	bool only_exclusions = true;

	*by = NULL;
	for (size_t i = 0; i < n; i++) {
		bool excludes = patterns[i][0] == '!';

		if (pattern_match(patterns[i] + excludes, text, dotted)) {
			*by = patterns[i];
			return !excludes;
		}
		only_exclusions = only_exclusions && excludes;
	}
	return only_exclusions;
}
