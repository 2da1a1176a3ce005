#!/bin/bash
# Run the tests against the providers' own SDKs.  Arguments are the Debian
# packages that bring node and npm.
#
# The SDKs come from the npm registry into build/interop, once for each state of
# tests/interop/package-lock.json; none of their install scripts runs.
set -u
there=build/interop
lock=tests/interop/package-lock.json
# written last, removed first: it is there when all of it is
installed=$there/node_modules/.gaff-installed

# usage: fail SENTENCE...: say it; a part that could not run has failed
fail() {
	printf 'interop: %s\n' "$@" 'INTEROP=0 leaves this part of make check out' \
		'0 passed, 1 failed' >&2
	exit 1
}

install_sdks() {
	mkdir -p "$there" && rm -f "$installed" &&
		cp tests/interop/package.json "$lock" "$there" &&
		(cd "$there" && npm ci --ignore-scripts --no-audit --no-fund \
			--loglevel=error </dev/null) &&
		cp "$lock" "$installed"
}

command -v node >/dev/null && command -v npm >/dev/null ||
	tests/tool/install.sh "$@" || fail "node and npm are missing: install $*"
node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' ||
	fail "node $(node --version) is too old: 18 is needed"
cmp -s "$lock" "$installed" || install_sdks ||
	fail "npm could not install the SDKs from $(npm config get registry 2>/dev/null)" \
		"it needs that registry once; a mirror: npm config set registry URL"
cp tests/interop/sdk.mjs "$there" || exit 1
SUITE=interop JOBS=1 exec tests/tool/integration.sh tests/interop
