#include "words.h"

#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789-_./:=,@%+";

int
words_quote(struct buf *out, const char *word)
{
	if (word[0] != '\0' && word[strspn(word, plain)] == '\0')
		return buf_add_str(out, word);
	(void)buf_add_char(out, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			(void)buf_add_str(out, "'\\''");
		else
			(void)buf_add_char(out, *word);
	return buf_add_char(out, '\'');
}
