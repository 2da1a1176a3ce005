#!/bin/sh
# Run the integration tests (arguments go to pytest) with the programs in
# GAFF_BIN, JOBS files at a time: most of them wait.  A skipped test is a failure, and so is a sanitizer's report.
# SUITE is what the tests are called in the line with their counts.
set -u
export GAFF_BIN="${GAFF_BIN:-build}" PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
chmod 1777 "$work" # the programs under test may run as somebody else
export ASAN_OPTIONS="log_path=$work/report:exitcode=99"
export UBSAN_OPTIONS="log_path=$work/report:print_stacktrace=1"

/usr/bin/python3 -m pytest -q -c tests/integration/pytest.ini --rootdir . \
	--junitxml="$work/results.xml" \
	-n "${JOBS:-4}" --dist loadfile "${@:-tests/integration}" </dev/null
status=$?
/usr/bin/python3 - "$work" "$status" "${SUITE:-integration}" <<'PYTHON'
import glob, sys
import xml.etree.ElementTree as xml

work, status, suite = sys.argv[1], int(sys.argv[2]), sys.argv[3]
reports = sorted(glob.glob(work + "/report.*"))
for report in reports:
    print(open(report, errors="replace").read())
try:
    suites = xml.parse(work + "/results.xml").getroot().iter("testsuite")
    counts = [(int(s.get("tests")), int(s.get("skipped")),
               int(s.get("failures")) + int(s.get("errors"))) for s in suites]
    tests, skipped, failed = map(sum, zip(*counts))
except (OSError, ValueError, xml.ParseError) as error:
    print("no results:", error)
    tests, skipped, failed = 0, 0, 1
passed = max(tests - skipped - failed, 0)
failed += skipped + len(reports)
if failed == 0 and (status != 0 or passed == 0):
    failed = 1
print(f"{suite}: {passed} passed, {failed} failed"
      f" ({skipped} skipped, {len(reports)} sanitizer reports)")
sys.exit(failed != 0)
PYTHON
