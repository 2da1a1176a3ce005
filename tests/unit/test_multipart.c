#include <string.h>

#include "../../shared/multipart.h"
#include "support.h"

#define PART(name, text)                                                       \
	"--b\r\nContent-Disposition: form-data; name=\"" name                  \
	"\"\r\n\r\n" text "\r\n"
#define END "--b--\r\n"

static void
expect(const char *body, const char *text)
{
	const char *value = NULL;
	size_t len = 0;
	bool found = multipart_get(body, strlen(body), "json", &value, &len);

	assert_int_equal(found, text != NULL);
	if (text) {
		assert_int_equal(len, strlen(text));
		assert_memory_equal(value, text, len);
	}
}

static void
test_one_field(void **state)
{
	(void)state;
	expect(PART("json", "{}") END, "{}");
	expect(PART("a", "1") PART("json", "{\r\n--c}") END, "{\r\n--c}");
	expect(PART("json", "") PART("b", "2") "--b--", "");
	expect("--b\r\ncontent-disposition: form-data; name=\"json\"; "
	       "filename=\"x\"\r\nContent-Type: application/json\r\n\r\n[1]"
	       "\r\n" END,
	    "[1]");
}

static void
test_nothing_to_give(void **state)
{
	(void)state;
	expect("", NULL);
	expect("json={}", NULL);
	expect("--", NULL);
	expect("--\r\n", NULL);
	expect(END, NULL);
	expect(PART("other", "{}") END, NULL);
	expect(PART("jso", "{}") PART("jsonx", "{}") END, NULL);
	expect(PART("json", "1") PART("json", "2") END, NULL);
	expect(PART("json", "1"), NULL);
	expect(PART("json", "1") END "more", NULL);
	expect(PART("json", "1") "--bx" PART("a", "1") END, NULL);
	expect(
	    "--b\r\nContent-Disposition: form-data; name=\"json\"\r\n1\r\n" END,
	    NULL);
}

/* Whatever is cut off, nothing is found or what was there all the time. */
static void
test_cut_anywhere(void **state)
{
	static const char body[] = PART("a", "1") PART("json", "{}") "--b--";
	char copy[sizeof(body)];
	const char *value;
	size_t len;

	(void)state;
	for (size_t n = 0; n < sizeof(body) - 1; n++) {
		memcpy(copy, body, n);
		assert_false(multipart_get(copy, n, "json", &value, &len));
	}
}

static void
test_number_of_parts(void **state)
{
	char body[MULTIPART_PARTS_MAX * 64 + 128] = "";

	(void)state;
	for (int i = 1; i < MULTIPART_PARTS_MAX; i++)
		strcat(body, PART("a", "1"));
	strcat(body, PART("json", "{}"));
	size_t len = strlen(body);
	strcat(body, END);
	expect(body, "{}");
	strcpy(body + len, PART("a", "1") END);
	expect(body, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_field),
	    cmocka_unit_test(test_nothing_to_give),
	    cmocka_unit_test(test_cut_anywhere),
	    cmocka_unit_test(test_number_of_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
