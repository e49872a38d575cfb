#!/bin/bash
# Cuts the power of the disk under the registry inside, in the middle of pushes, and looks whether anything that was
# acknowledged is lost: kill_loop.py says how. It first shows that it would notice: with a gate whose syncs do nothing
# something must be lost. Without root's rights, or where no disk can be made of a file, there is nothing to see (77).
set -Eeuo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CAISSON=${CAISSON:-$here/../../build/proxy/caisson}
cuts=${CUTS:-8}
seed=${SEED:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin:/sbin

in_own_mounts() { unshare --mount --propagation private "$@"; }

mkdir "$work/disk"
can_cut() {
  in_own_mounts bash -e -c 'for do in mount cut unmount; do "$0/loop_disk.py" $do "$1/try.img" "$1/disk"; done' \
    "$here" "$work" >"$work/log" 2>&1
}
if [[ $(id -u) != 0 ]] || ! can_cut; then
  echo "no disk here whose power could be cut: $(tail -n 1 "$work/log" 2>/dev/null || echo 'it takes root')"
  exit 77
fi

cut_power() { in_own_mounts "$here/kill_loop.py" --gate "$1" --power-cuts --kills "$cuts" --seed "$seed"; }

echo "- a gate that does not sync is found out"
cat >"$work/idle_syncs.c" <<'C'
int fsync(int fd) { return fd < 0; }
int fdatasync(int fd) { return fd < 0; }
C
cc -shared -fPIC -o "$work/idle_syncs.so" "$work/idle_syncs.c"
printf '#!/bin/sh\nLD_PRELOAD=%s exec %q "$@"\n' "$work/idle_syncs.so" "$CAISSON" >"$work/careless"
chmod 755 "$work" "$work/careless" "$work/idle_syncs.so"
if cut_power "$work/careless" >"$work/log" 2>&1; then
  echo "FAILED: nothing was lost although nothing was synced" >&2
  exit 1
fi
grep -m 1 FAILED "$work/log"

echo "- what was acknowledged is there after every power cut"
cut_power "$CAISSON"
