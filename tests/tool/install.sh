#!/bin/sh
# Install the Debian packages named as arguments that are missing.
#
# Nothing is missing: nothing happens, and nobody needs to be root.  Services
# of new packages are neither started now nor at the next boot.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
policy=/usr/sbin/policy-rc.d
mark='# written by gaff: tests/tool/install.sh'

say() {
	echo "install: $*" >&2
}

is_installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null |
		grep -q '^install ok installed$'
}

# From here on policy-rc.d forbids every start.
forbid_starts() {
	if [ -e "$policy" ] && ! grep -qsF "$mark" "$policy"; then
		# the administrator's own: it stays, if it says the same
		"$policy" gaff-test start >/dev/null 2>&1 && status=0 || status=$?
		[ "$status" = 101 ] && return
		say "$policy lets services start; install by hand:"
		say "  apt-get install --no-install-recommends $missing"
		exit 1
	fi
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy" &&
		chmod 755 "$policy" || exit 1
}

install_missing() {
	# shellcheck disable=SC2086 # one word a package
	apt-get install -y -q --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
		-o Dpkg::Options::=--force-confdef \
		-o Dpkg::Options::=--force-confold $missing </dev/null
}

installed_packages() {
	dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p'
}

# Services of the packages that were not there before.
disable_new() {
	command -v systemctl >/dev/null || return 0
	for package in $(installed_packages | grep -vxF "$before"); do
		for unit in $(dpkg -L "$package" | sed -n \
			's|^.*/lib/systemd/system/\([^/@]*\.service\)$|\1|p'); do
			systemctl --quiet disable "$unit" >/dev/null 2>&1
		done
	done
	return 0
}

if ! command -v dpkg-query >/dev/null; then
	say "no Debian: install what stands for these, then go on:"
	say "  $*"
	exit 1
fi
missing=
for package; do
	is_installed "$package" && continue
	case " $missing " in *" $package "*) continue ;; esac
	missing="${missing:+$missing }$package"
done
[ -z "$missing" ] && exit 0

say "missing: $missing"
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null; then
		# shellcheck disable=SC2086 # one word a package
		exec sudo -- "$0" $missing
	fi
	say "this takes root: run as root"
	say "  apt-get install --no-install-recommends $missing"
	exit 1
fi
# one at a time: they share policy-rc.d
exec 9>/run/lock/gaff-install && flock 9 || exit 1
before=$(installed_packages)
forbid_starts
if ! install_missing; then
	say "trying again with new package lists"
	apt-get update -q </dev/null && install_missing || exit 1
fi
disable_new
for package in $missing; do
	is_installed "$package" || { say "$package is still missing"; exit 1; }
done
