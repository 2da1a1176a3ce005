#!/bin/sh
# Build the Debian packages of version $1 in build/deb and let lintian look at
# them.  The tree is copied, without build/ and .git, and debian/ put beside it.
set -eu
cd "$(dirname "$0")/../.."
tree=build/deb/gaff-$1
unset MAKEFLAGS MFLAGS MAKELEVEL

rm -rf build/deb
mkdir -p "$tree"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$tree"
cp -r conf/debian "$tree/debian"
rm "$tree/debian/build.sh"
cd "$tree"
[ "$(dpkg-parsechangelog -S Version)" = "$1" ] || {
	echo "deb: conf/debian/changelog is not about version $1" >&2
	exit 1
}
log=../build.log
DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -b -us -uc -j2 >"$log" 2>&1 || {
	tail -n 30 "$log" >&2
	exit 1
}
lintian --allow-root --fail-on error,warning ../gaff_*.changes
cd ..
ls -- *.deb
