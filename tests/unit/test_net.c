#include <string.h>

#include "../../shared/net.h"
#include "support.h"

static struct net_addr
addr(const char *text)
{
	struct net_addr a;

	if (net_addr_parse(text, &a) != 0)
		fail_msg("<%s> is an address", text);
	return a;
}

static void
test_addr(void **state)
{
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "256.1.1.1",
	    "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "0x7f.1", "2130706433",
	    "1.2.3.4/8", ":::", "2001:db8::1%eth0", "[::1]", "localhost"};
	static const uint8_t v4[16] = {
	    [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
	struct net_addr a = addr("192.0.2.1");

	(void)state;
	assert_memory_equal(a.bytes, v4, 16);
	a = addr("::ffff:192.0.2.1");
	assert_memory_equal(a.bytes, v4, 16);
	a = addr("2001:db8::1");
	assert_int_equal(a.bytes[0], 0x20);
	assert_int_equal(a.bytes[15], 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (net_addr_parse(bad[i], &a) != -1)
			fail_msg("<%s> is no address", bad[i]);
	}
}

struct range_row {
	const char *range;
	const char *inside; /* NULL: the range is malformed */
	const char *outside;
};

static const struct range_row ranges[] = {
    {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
    {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
    {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
    {"192.0.2.77/31", "192.0.2.76", "192.0.2.78"},
    {"192.0.2.1", "192.0.2.1", "192.0.2.0"},
    {"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
    {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
    {"::/0", "2001:db8::1", NULL},
    {"::/0", "203.0.113.9", NULL},
    {"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
    {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
    {"2001:db8::5", "2001:db8::5", "2001:db8::4"},
    {"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"},
    {"10.0.0.0/33", NULL, NULL},
    {"10.0.0.0/-1", NULL, NULL},
    {"10.0.0.0/", NULL, NULL},
    {"10.0.0.0/8/8", NULL, NULL},
    {"10.0.0.0/8 ", NULL, NULL},
    {"10.0.0/8", NULL, NULL},
    {"/8", NULL, NULL},
    {"", NULL, NULL},
    {"::/129", NULL, NULL},
    {"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000/9", NULL, NULL},
};

static void
test_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		const struct range_row *row = &ranges[i];
		struct net_list list = {0};
		struct net_range range;
		struct net_addr a;
		int rc = net_range_parse(row->range, &range);

		if (rc != (row->inside != NULL ? 0 : -1))
			fail_msg("<%s>: rc %d", row->range, rc);
		if (rc != 0)
			continue;
		assert_int_equal(net_list_add(&list, &range), 0);
		a = addr(row->inside);
		if (!net_list_has(&list, &a))
			fail_msg("%s lacks %s", row->range, row->inside);
		if (row->outside != NULL) {
			a = addr(row->outside);
			if (net_list_has(&list, &a))
				fail_msg("%s has %s", row->range, row->outside);
		}
		net_list_clear(&list);
	}
}

static struct net_list
trusting(const char *const texts[])
{
	struct net_list list = {0};
	struct net_range range;

	for (; *texts != NULL; texts++) {
		assert_int_equal(net_range_parse(*texts, &range), 0);
		assert_int_equal(net_list_add(&list, &range), 0);
	}
	return list;
}

static void
test_list_grows(void **state)
{
	struct net_list list = {0};
	struct net_range range;
	struct net_addr a;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		a = addr("10.0.0.0");
		a.bytes[15] = (uint8_t)i;
		range = (struct net_range){a, 128};
		assert_int_equal(net_list_add(&list, &range), 0);
	}
	assert_int_equal(list.n, 100);
	a = addr("10.0.0.99");
	assert_true(net_list_has(&list, &a));
	a = addr("10.0.0.100");
	assert_false(net_list_has(&list, &a));
	net_list_clear(&list);
	assert_int_equal(list.n, 0);
	assert_false(net_list_has(&list, &a));
}

static void
test_list_without_memory(void **state)
{
	struct net_list list = {0};
	struct net_range range = {0};

	(void)state;
	support_fail_alloc(1);
	assert_int_equal(net_list_add(&list, &range), -1);
	support_fail_alloc(0);
	assert_int_equal(list.n, 0);
	assert_null(list.ranges);
}

struct client_row {
	const char *peer;
	const char *forwarded;
	const char *client;
};

/* 10/8 and ::1 are trusted. */
static const struct client_row clients[] = {
    {"203.0.113.9", NULL, "203.0.113.9"},
    {"203.0.113.9", "1.2.3.4", "203.0.113.9"},
    {"10.0.0.1", NULL, "10.0.0.1"},
    {"10.0.0.1", "", "10.0.0.1"},
    {"10.0.0.1", "1.2.3.4", "1.2.3.4"},
    {"10.0.0.1", " 1.2.3.4\t", "1.2.3.4"},
    {"::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"},
    {"::1", "1.2.3.4", "1.2.3.4"},
    {"10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"},
    {"10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"},
    {"10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
    {"10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"},
    {"10.0.0.1", "1.2.3.4, unknown, 10.0.0.2", "10.0.0.2"},
    {"10.0.0.1", "1.2.3.4,,10.0.0.2", "10.0.0.2"},
    {"10.0.0.1", "1.2.3.4,", "10.0.0.1"},
    {"10.0.0.1", ",1.2.3.4", "1.2.3.4"},
    {"10.0.0.1", "1.2.3.4:5678", "1.2.3.4"},
    {"10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"},
    {"10.0.0.1", "[2001:db8::1]", "2001:db8::1"},
    {"10.0.0.1", "[2001:db8::1]x", "10.0.0.1"},
    {"10.0.0.1", "[2001:db8::1", "10.0.0.1"},
    {"10.0.0.1", "2001:DB8:0::1", "2001:db8::1"},
    {"10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"},
    {"10.0.0.1",
	"1234567890123456789012345678901234567890123456789012345678901234",
	"10.0.0.1"},
    {"unix:", "1.2.3.4", "unix:"},
    {"", "1.2.3.4", ""},
};

static void
test_client(void **state)
{
	static const char *const texts[] = {"10.0.0.0/8", "::1", NULL};
	struct net_list trusted = trusting(texts);
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
		const struct client_row *row = &clients[i];

		net_client(
		    row->peer, row->forwarded, &trusted, out, sizeof out);
		if (strcmp(out, row->client) != 0)
			fail_msg("%s via <%s>: expected %s, found %s",
			    row->peer, row->forwarded, row->client, out);
	}
	net_list_clear(&trusted);
}

static void
test_client_fits(void **state)
{
	struct net_list nobody = {0};
	char out[8] = "xxxxxxx";

	(void)state;
	net_client("203.0.113.9", NULL, &nobody, out, sizeof out);
	assert_string_equal(out, "203.0.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addr),
	    cmocka_unit_test(test_range),
	    cmocka_unit_test(test_list_grows),
	    cmocka_unit_test(test_list_without_memory),
	    cmocka_unit_test(test_client),
	    cmocka_unit_test(test_client_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
