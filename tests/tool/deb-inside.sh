#!/bin/sh
# In namespaces of its own (deb-check.sh): mount what programs in GAFF_ROOT
# expect, then run tests/deb.  The mounts end with the namespace.
set -eu
mount --make-rprivate /
mount --rbind /sys "$GAFF_ROOT/sys"
mount -t proc proc "$GAFF_ROOT/proc"
mount -t tmpfs -o mode=755 run "$GAFF_ROOT/run"
mount -t tmpfs -o mode=755 dev "$GAFF_ROOT/dev"
for name in null zero full random urandom; do
	touch "$GAFF_ROOT/dev/$name"
	mount --bind "/dev/$name" "$GAFF_ROOT/dev/$name"
done
ln -s /proc/self/fd "$GAFF_ROOT/dev/fd"
ln -s fd/0 "$GAFF_ROOT/dev/stdin"
ln -s fd/1 "$GAFF_ROOT/dev/stdout"
ln -s fd/2 "$GAFF_ROOT/dev/stderr"
mkdir -m 1777 "$GAFF_ROOT/dev/shm"
mount -t tmpfs -o mode=1777 shm "$GAFF_ROOT/dev/shm"
JOBS=0 tests/tool/integration.sh -x tests/deb
