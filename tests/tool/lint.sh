#!/bin/bash
# Check how the sources look (clang-format), what clang-tidy finds, and sizes.
# Arguments are the compiler's flags.
set -u
product=(cli/*.c fcgi/*.c shared/*.c worker/*.c)
shopt -s nullglob
all=("${product[@]}" {cli,fcgi,shared,worker}/*.h {bench,tests/*}/*.[ch])
status=0

# usage: each NAME FILE... -- COMMAND...: run COMMAND FILE for each file
each() {
	local name=$1 files=() passed
	shift
	while [ "$1" != -- ]; do
		files+=("$1")
		shift
	done
	shift
	# a line "ok" from each that passes, all of the others' output
	passed=$(printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I {} \
		bash -c 'file=$1; shift
			out=$("${@//@FILE@/$file}" 2>&1) && echo ok ||
				printf "%s\n" "$out" >&2' _ {} "$@" | grep -c ok)
	echo "$name: $passed passed, $((${#files[@]} - passed)) failed"
	[ "$passed" -eq "${#files[@]}" ] || status=1
}

each format "${all[@]}" -- clang-format-14 --dry-run -Werror @FILE@
tests/tool/sizes.sh "${product[@]}" {cli,fcgi,shared,worker}/*.h bench/*.[ch] ||
	status=1
each tidy "${product[@]}" -- clang-tidy-14 --quiet @FILE@ -- "$@"
exit $status
