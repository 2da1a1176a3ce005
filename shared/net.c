#include "net.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

enum { V4_BITS = 96 /* of ::ffff:0:0, before an IPv4 address begins */ };

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool
is_v4(const struct net_addr *addr)
{
	return memcmp(addr->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

int
net_addr_parse(const char *text, struct net_addr *addr)
{
	struct net_addr a;

	if (inet_pton(AF_INET, text, a.bytes + sizeof v4_prefix) == 1)
		memcpy(a.bytes, v4_prefix, sizeof v4_prefix);
	else if (inet_pton(AF_INET6, text, a.bytes) != 1)
		return -1;
	*addr = a;
	return 0;
}

int
net_range_parse(const char *text, struct net_range *range)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct net_range r;
	int64_t bits;

	if (len >= sizeof host)
		return -1;
	memcpy(host, text, len);
	host[len] = '\0';
	if (net_addr_parse(host, &r.addr) != 0)
		return -1;
	/* the written form decides what the bits count from */
	int64_t before = strchr(host, ':') == NULL ? V4_BITS : 0;
	bits = 128 - before;
	if (slash != NULL && units_number(slash + 1, 0, bits, &bits) != 0)
		return -1;
	r.bits = (unsigned)(before + bits);
	*range = r;
	return 0;
}

int
net_list_add(struct net_list *list, const struct net_range *range)
{
	/* room doubles: it is used up when n is a power of two */
	if ((list->n & (list->n - 1)) == 0) {
		size_t room = list->n != 0 ? 2 * list->n : 1;
		struct net_range *ranges =
		    reallocarray(list->ranges, room, sizeof *ranges);

		if (ranges == NULL)
			return -1;
		list->ranges = ranges;
	}
	list->ranges[list->n++] = *range;
	return 0;
}

static bool
range_has(const struct net_range *range, const struct net_addr *addr)
{
	size_t whole = range->bits / 8;
	unsigned rest = range->bits % 8;

	if (memcmp(range->addr.bytes, addr->bytes, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return (range->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest) ==
	       0;
}

bool
net_list_has(const struct net_list *list, const struct net_addr *addr)
{
	for (size_t i = 0; i < list->n; i++) {
		if (range_has(&list->ranges[i], addr))
			return true;
	}
	return false;
}

void
net_list_clear(struct net_list *list)
{
	free(list->ranges);
	*list = (struct net_list){0};
}

/* A hop of X-Forwarded-For: ADDR, V4:PORT, [V6] or [V6]:PORT. */
static int
parse_hop(const char *p, size_t len, struct net_addr *addr)
{
	char text[INET6_ADDRSTRLEN + 8];
	char *host = text;
	char *end;

	while (len > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len >= sizeof text || memchr(p, '\0', len) != NULL)
		return -1;
	memcpy(text, p, len);
	text[len] = '\0';

	if (*host == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return -1;
		*end = '\0';
	} else {
		end = strchr(host, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			*end = '\0';
	}
	return net_addr_parse(host, addr);
}

static void
format_addr(const struct net_addr *addr, char *out, size_t out_size)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (is_v4(addr))
		inet_ntop(
		    AF_INET, addr->bytes + sizeof v4_prefix, text, sizeof text);
	else
		inet_ntop(AF_INET6, addr->bytes, text, sizeof text);
	(void)snprintf(out, out_size, "%s", text);
}

void
net_client(const char *peer, const char *forwarded_for,
    const struct net_list *trusted, char *out, size_t out_size)
{
	const char *hops = forwarded_for != NULL ? forwarded_for : "";
	size_t left = strlen(hops); /* bytes of hops not yet walked */
	struct net_addr addr;
	struct net_addr hop;

	if (net_addr_parse(peer, &addr) != 0) {
		(void)snprintf(out, out_size, "%s", peer);
		return;
	}
	while (left > 0 && net_list_has(trusted, &addr)) {
		const char *comma = memrchr(hops, ',', left);
		size_t start = comma != NULL ? (size_t)(comma + 1 - hops) : 0;

		if (parse_hop(hops + start, left - start, &hop) != 0)
			break;
		addr = hop;
		left = start > 0 ? start - 1 : 0;
	}
	format_addr(&addr, out, out_size);
}
