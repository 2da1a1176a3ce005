#!/bin/sh
# Run each unit test program; one line a program, all output of failing ones.
failed=0 passed=0
for program; do
	name=$(basename "$program")
	if output=$("$program" 2>&1); then
		count=$(printf '%s\n' "$output" | sed -n 's/.*PASSED  \] \([0-9]*\) test.*/\1/p' | tail -1)
		printf '%-28s %s passed\n' "$name" "${count:-?}"
		passed=$((passed + ${count:-0}))
	else
		printf '%s\n%-28s FAILED\n' "$output" "$name"
		failed=$((failed + 1))
	fi
done
echo "unit: $passed passed, $failed programs failed"
[ "$failed" -eq 0 ]
