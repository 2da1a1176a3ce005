#include "acks.h"

#include <stdlib.h>
#include <string.h>

#include "../shared/zsock.h"

static int
compare_links(const void *a, const void *b)
{
	const struct acks_item *x = a, *y = b;

	return memcmp(x->link, y->link, WIRE_LINK_LEN);
}

static void
send_frame(void *socket, uint64_t boot, const struct acks_item *items, size_t n)
{
	struct wire_ack acks[ACKS_MAX];
	struct buf frame = {0};

	for (size_t i = 0; i < n; i++)
		acks[i] = items[i].ack;
	if (wire_put_acks(&frame, boot, acks, n) == 0)
		(void)zsock_send_to(
		    socket, items[0].link, WIRE_LINK_LEN, frame.p, frame.len);
	buf_clear(&frame);
}

void
acks_send(void *socket, uint64_t boot, struct acks_item *items, size_t n)
{
	size_t i, first;

	qsort(items, n, sizeof(items[0]), compare_links);
	for (first = 0; first < n; first = i) {
		for (i = first + 1; i < n; i++)
			if (compare_links(&items[first], &items[i]) != 0)
				break;
		send_frame(socket, boot, items + first, i - first);
	}
}
