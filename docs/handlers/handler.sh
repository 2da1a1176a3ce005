#!/bin/sh
# A handler in sh: writes each order into a file of its own, once.  Needs jq.
#	run = /usr/local/bin/handler.sh
#	env = ORDERS=/var/lib/shop/orders

# Any command that fails ends this with its code: it is tried again.
set -eu

# What is wrong now will be wrong for ever: 100, and it becomes a dead letter.
number=$(jq -er .order.number) || exit 100
agent=$(printf %s "$GAFF_HEADERS" | jq -r '.["user-agent"] // "-"')

# One file for an event: a second run writes the same file again.  Renamed, it
# is there whole or not at all.
path=$ORDERS/$GAFF_EVENT_ID
printf '%s %s %s\n' "$GAFF_TYPE" "$number" "$agent" >"$path.$$"
mv "$path.$$" "$path"
