/*
 * net - addresses and address lists (CIDR), IPv4 and IPv6
 *
 * IPv4-mapped IPv6 addresses count as IPv4.  Pure.
 */

#ifndef SHARED_NET_H
#define SHARED_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_addr {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct net_range {
	struct net_addr addr;
	unsigned bits; /* 0 to 128 */
};

struct net_list {
	struct net_range *ranges;
	size_t n;
};

/* 0, or -1 when the text is no address (or no address with optional /bits). */
int net_addr_parse(const char *text, struct net_addr *addr);
int net_range_parse(const char *text, struct net_range *range);

/* Append; 0 or -1 without memory. */
int net_list_add(struct net_list *list, const struct net_range *range);
bool net_list_has(const struct net_list *list, const struct net_addr *addr);
void net_list_clear(struct net_list *list);

/*
 * The client's address: `peer` (REMOTE_ADDR) unless it is in `trusted`, then
 * X-Forwarded-For (all headers joined by ",", NULL for none) read from the
 * right past trusted hops; a hop may carry a port.  Garbage stops the walk at
 * the last good hop.  Writes the address in its usual form into `out`, or
 * `peer` as it stands (cut) when that is no address.
 */
void net_client(const char *peer, const char *forwarded_for,
    const struct net_list *trusted, char *out, size_t out_size);

#endif
