#!/bin/bash
# Everything that must hold, part by part, with one summary at the end.
# The argument is where to build.  Called by `make check`.  INTEROP=0 leaves out
# the part that needs the npm registry, and the summary says so.
set -u
out=$1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
passed=0 failed=0 summary='' left_out=''

# usage: part NAME COMMAND...; its counts are the lines "…: N passed, N failed"
part() {
	local name=$1 start=$SECONDS status good bad
	shift
	echo "==== $name"
	"$@" </dev/null 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	read -r good bad < <(awk '
		match($0, /^[a-z]+: [0-9]+ passed, [0-9]+ failed/) {
			good += $2; bad += $4
		}
		END { print good + 0, bad + 0 }' "$log")
	# a part that fails, or checks nothing, without a count
	[ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; } && bad=1
	passed=$((passed + good)) failed=$((failed + bad))
	summary+=$(printf '%-24s %5d passed %5d failed %5d s' \
		"$name" "$good" "$bad" $((SECONDS - start)))$'\n'
}

build() {
	make -j2 "$@" all tools unit-programs && echo "build: 1 passed, 0 failed"
}

demo() {
	GAFF_BIN=$(realpath "$out") tests/tool/demo --once &&
		echo "demo: 1 passed, 0 failed"
}

part build build "O=$out"
part unit make "O=$out" unit
part demo demo
part integration make "O=$out" integration
# root has had these among the others
[ "$(id -u)" -eq 0 ] ||
	part "integration, root" sudo make "O=$out" integration-root
if [ "${INTEROP:-1}" = 0 ]; then
	left_out=' (INTEROP=0: interop left out, no SDK of a provider was asked)'
else
	part interop make "O=$out" interop
fi
part "build, sanitizers" build SAN=1 "O=$out/san"
part "unit, sanitizers" make SAN=1 "O=$out/san" unit
part "integration, sanitizers" make SAN=1 "O=$out/san" integration
part packages make deb-check
# the same search each time; chance is for `make fuzz` by hand
part fuzz make fuzz FUZZ_SECS=5 FUZZ_SEED=1
part lint make "O=$out" lint

printf '==== summary\n%s' "$summary"
echo "$passed passed, $failed failed$left_out"
[ "$failed" -eq 0 ]
