#!/bin/sh
# Check the files named as arguments: functions of at most 60 lines, files of
# at most 600, no call the style does without, nothing left to be done.
for file; do
	awk -v file="$file" '
	function complain(line, text) {
		printf "%s:%d: %s\n", file, line, text
		bad = 1
	}
	# a definition: its name begins a line, its braces stand alone
	/^[a-z_][a-z_0-9]*\(/ { name = $0; sub(/\(.*/, "", name); at = NR }
	/^}$/ && at {
		if (NR - at + 1 > 60)
			complain(at, name "() has " NR - at + 1 " lines, 60 are allowed")
		at = 0
	}
	/(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|gets|atoi|system|popen|strtok)\(/ {
		complain(NR, "a call the style does without: " $0)
	}
	/(^|[^A-Za-z0-9_])(TODO|FIXME|XXX|HACK)([^A-Za-z0-9_]|$)/ {
		complain(NR, "something left to be done: " $0)
	}
	END {
		if (NR > 600)
			complain(1, NR " lines, 600 are allowed")
		exit bad
	}' "$file" && passed=$((passed + 1)) || failed=$((failed + 1))
done
echo "sizes: ${passed:-0} passed, ${failed:-0} failed"
[ "${failed:-0}" -eq 0 ]
