#!/bin/bash
# Run each fuzzer in DIR for SECS seconds, from its seeds.  What breaks one is
# left in build/fuzz/found; kept in tests/fuzz/seeds it is tried ever after.
# usage: tests/fuzz/run.sh DIR SECS [SEED]; without SEED, or 0, by chance
set -u
dir=$1 secs=$2 seed=${3:-0} passed=0 failed=0
export ASAN_OPTIONS=detect_leaks=1
mkdir -p build/fuzz/found
for program in "$dir"/fuzz_*[!.][!.od]; do
	name=$(basename "$program")
	corpus=build/fuzz/corpus/$name
	mkdir -p "$corpus"
	if out=$("$program" -seed="$seed" -max_total_time="$secs" -timeout=10 -max_len=4096 \
		-dict=tests/fuzz/fuzz.dict -artifact_prefix="build/fuzz/found/$name-" \
		"$corpus" tests/fuzz/seeds/"$name" 2>&1); then
		passed=$((passed + 1))
		echo "$name: $(grep -c . <(ls "$corpus")) inputs" \
			"$(grep -o 'Done [0-9]* runs' <<<"$out")"
	else
		failed=$((failed + 1))
		tail -40 <<<"$out"
	fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
