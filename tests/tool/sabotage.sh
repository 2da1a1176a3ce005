#!/bin/sh
# Take one defence out of the code at a time and see its test turn red.
#
#	tests/tool/sabotage.sh [NAME…]      all of sabotage.tab, or these
#
# Each line of sabotage.tab is NAME | FILES | SED | TEST.  The tree is copied;
# for each line SED is applied to FILES in the copy, the programs are built
# there, and TEST must fail: arguments of pytest, or "unit NAME" for a program of
# tests/unit.  A SED that changes nothing, a build that fails, and a test that
# stays green are defects.  With
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

# usage: run_unit NAME; 2 when it does not build
run_unit() {
	program=$work/out/tests/unit/$1
	make -s -C "$work/tree" -j2 O="$work/out" "$program" \
		>"$work/test.log" 2>&1 || return 2
	"$work/tree/tests/unit/run.sh" "$program" >"$work/test.log" 2>&1
}

run() {
	case $1 in "unit "*)
		run_unit "${1#unit }"
		return
		;;
	esac
	# shellcheck disable=SC2086 # the test is a list of arguments
	(cd "$work/tree" && export GAFF_BIN="$work/out" &&
		eval /usr/bin/python3 -B -m pytest -q -x "$1") >"$work/test.log" 2>&1
}

mkdir "$work/tree"
(cd "$root" && tar -cf - --exclude=./build --exclude=./.git .) |
	tar -xf - -C "$work/tree" || exit 1
if ! build; then
	tail -n 20 "$work/build.log"
	echo "sabotage: the unchanged tree does not build" >&2
	exit 1
fi

# usage: edit_files SED FILE...; fails when nothing changes
edit_files() {
	edit=$1
	shift
	rm -rf "$work/saved"
	(cd "$work/tree" && mkdir "$work/saved" &&
		cp --parents "$@" "$work/saved" && sed -i -E "$edit" "$@")
	for file; do
		cmp -s "$work/tree/$file" "$work/saved/$file" || return 0
	done
	return 1
}

# usage: try NAME FILES SED TEST; prints a verdict
try() {
	name=$1 files=$2 test=$4
	if [ "${SABOTAGE_GREEN:-}" = 1 ] && ! run "$test"; then
		echo "DEFECT $name: red without sabotage"
		tail -n 15 "$work/test.log"
		return 1
	fi
	verdict=1
	# shellcheck disable=SC2086 # a list of files
	if ! edit_files "$3" $files; then
		echo "DEFECT $name: the edit changes nothing in $files"
	elif ! build; then
		echo "DEFECT $name: does not build"
		tail -n 5 "$work/build.log"
	else
		run "$test"
		case $? in
		1)
			echo "red    $name: $(grep -m1 -E '^E  |^\[  FAILED' \
				"$work/test.log" | cut -c 1-90)"
			verdict=0
			;;
		0) echo "DEFECT $name: $test stays green" ;;
		*)
			echo "DEFECT $name: could not run $test"
			tail -n 5 "$work/test.log"
			;;
		esac
	fi
	# touched, so that they are built again
	for file in $files; do
		cp "$work/saved/$file" "$work/tree/$file"
	done
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
