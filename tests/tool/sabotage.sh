#!/bin/sh
# Take one defence out of the code at a time and see its test turn red.
#
#	tests/tool/sabotage.sh [NAME…]      all of sabotage.tab, or these
#
# Each line of sabotage.tab is NAME | FILE | SED | TEST.  The tree is copied;
# for each line SED is applied to FILE in the copy, the programs are built
# there, and TEST (arguments of pytest) must fail.  A SED that changes nothing,
# a build that fails, and a test that stays green are defects.  With
# SABOTAGE_GREEN=1 each test is first seen green on the unchanged copy.
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
table=$here/sabotage.tab
work=$(mktemp -d /tmp/sabotage.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
chmod 755 "$work"

build() {
	make -s -C "$work/tree" -j2 O="$work/out" all tools >"$work/build.log" 2>&1
}

run() {
	# shellcheck disable=SC2086 # the test is a list of arguments
	(cd "$work/tree" && eval GAFF_BIN="$work/out" /usr/bin/python3 -m pytest \
	    -q -x "$1") >"$work/test.log" 2>&1
}

mkdir "$work/tree"
(cd "$root" && tar -cf - --exclude=./build --exclude=./.git .) |
	tar -xf - -C "$work/tree" || exit 1
if ! build; then
	tail -n 20 "$work/build.log"
	echo "sabotage: the unchanged tree does not build" >&2
	exit 1
fi

# one line of the table; prints a verdict
try() {
	name=$1 file=$work/tree/$2 edit=$3 test=$4
	if [ "${SABOTAGE_GREEN:-}" = 1 ] && ! run "$test"; then
		echo "DEFECT $name: red without sabotage"
		tail -n 15 "$work/test.log"
		return 1
	fi
	cp "$file" "$work/saved"
	sed -i -E "$edit" "$file"
	verdict=0
	if cmp -s "$file" "$work/saved"; then
		echo "DEFECT $name: the edit changes nothing in $2"
		verdict=1
	elif ! build; then
		echo "DEFECT $name: does not build"
		tail -n 5 "$work/build.log"
		verdict=1
	else
		run "$test"
		case $? in
		1) echo "red    $name: $(grep -m1 '^E  ' "$work/test.log" |
			cut -c 1-90)" ;;
		0) echo "DEFECT $name: $test stays green"; verdict=1 ;;
		*) echo "DEFECT $name: pytest could not run $test"
			tail -n 5 "$work/test.log"
			verdict=1 ;;
		esac
	fi
	cp "$work/saved" "$file"
	return $verdict
}

failed=0
while IFS='|' read -r name file edit test; do
	case $name in '#'* | '') continue ;; esac
	name=$(echo "$name" | xargs)
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	# keep backslashes: no xargs on the edit
	edit=$(printf '%s' "$edit" | sed 's/^ *//; s/ *$//')
	try "$name" "$(echo "$file" | xargs)" "$edit" \
	    "$(printf '%s' "$test" | sed 's/^ *//; s/ *$//')" </dev/null ||
		failed=1
done <"$table"
exit $failed
