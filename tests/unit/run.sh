#!/bin/sh
# Run each unit test program; one line a program, below it what it counted (its
# lines that begin with a number), and all output of failing ones.
# A test that is skipped, and a program that ends early, count as failed.
export ASAN_OPTIONS="detect_leaks=1" UBSAN_OPTIONS="print_stacktrace=1"
failed=0 passed=0
for program; do
	name=$(basename "$program")
	output=$(timeout 120 "$program" 2>&1 </dev/null)
	status=$?
	count() {
		printf '%s\n' "$output" | grep -c "^\[ *$1 *\] [a-z]"
	}
	good=$(count OK)
	bad=$(printf '%s\n' "$output" |
		sed -n 's/^ *\([0-9]*\) FAILED TEST(S)$/\1/p' | tail -1)
	bad=$((${bad:-0} + $(count SKIPPED)))
	if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$good" -eq 0 ]; }; then
		bad=1
	fi
	[ "$bad" -eq 0 ] || printf '%s\n' "$output" | grep -v '^\[ *\(RUN\|OK\) *\]'
	printf '%-28s %4d passed %4d failed\n' "$name" "$good" "$bad"
	printf '%s\n' "$output" | sed -n 's/^[0-9][0-9]* [a-z]/    &/p'
	passed=$((passed + good)) failed=$((failed + bad))
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
