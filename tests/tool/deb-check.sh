#!/bin/sh
# Install the packages of build/deb into a small Debian of their own, with
# debootstrap, and run tests/deb there.  Called by `make deb-check`.
#
# The downloaded Debian is kept in build/deb-base.tar; the root itself, its
# processes and its mounts live in namespaces that end with this script.
set -eu
cd "$(dirname "$0")/../.."
base=$PWD/build/deb-base.tar
suite=bookworm
# what the packages, the web server and the tests inside need
with=systemd,lighttpd,curl,ca-certificates

if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null; then
		exec sudo -- "$0"
	fi
	echo "deb-check: this takes root (debootstrap, chroot): run as root" >&2
	exit 1
fi

# The first source of apt's own configuration that is Debian's.
mirror() {
	apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null |
		awk -v suite="$suite" '$2 == suite { print $1; exit }'
}

make_base() {
	url=$(mirror)
	[ -n "$url" ] || { apt-get update -q && url=$(mirror); }
	[ -n "$url" ] || {
		echo "deb-check: apt knows no source of $suite" >&2
		return 1
	}
	debootstrap --variant=minbase --include="$with" "$suite" "$root" \
		"$url" >"$work/log" 2>&1 || {
		tail -n 20 "$work/log" "$root/debootstrap/debootstrap.log" >&2
		return 1
	}
	rm -rf "$root"/var/cache/apt/archives/*.deb
	tar -C "$root" -cf "$base.new" . && mv "$base.new" "$base"
}

work=$(mktemp -d /tmp/gaff-deb.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
root=$work/root
mkdir "$root"
chmod 755 "$work" "$root"
if [ -e "$base" ]; then
	tar -C "$root" -xf "$base"
else
	make_base
fi
# packages come from where this machine has them from
rm -rf "$root/etc/apt"
cp -a /etc/apt "$root/etc/apt"
for file in /etc/resolv.conf /etc/hosts; do
	[ ! -e "$file" ] || cat "$file" >"$root$file"
done
mkdir "$root/packages"
cp build/deb/*.deb "$root/packages"

GAFF_ROOT=$root unshare --mount --pid --fork --kill-child --mount-proc \
	tests/tool/deb-inside.sh
