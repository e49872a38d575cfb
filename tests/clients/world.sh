# Source this first in a test that needs root: it runs the test again inside namespaces of its own (network, mounts,
# processes), so that ports 443 and 5043 are free, container engines touch nothing of the machine's, and all of it is
# gone with the test, however it ends. Then it sources lib.sh.
#
# A machine in this world is a network namespace behind a veth pair, with an /etc and a /run of its own: machine N has
# the address 10.88.N.2 and reaches the gate as myregistrydomain.com at 10.88.N.1. Docker skips all checks of a
# certificate for a name that resolves into 127.0.0.0/8; here it does not.

if [[ ${CAISSON_TEST_WORLD:-} != entered ]]; then
  if [[ $(id -u) == 0 ]]; then
    exec env CAISSON_TEST_WORLD=entered unshare --net --mount --pid --fork --kill-child --mount-proc \
      --propagation private -- "$0" "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    exec sudo env ${CAISSON:+CAISSON="$CAISSON"} "$0" "$@"
  fi
  echo "$0 needs root: namespaces and container engines. ./scripts/test --without-docker leaves such tests out." >&2
  exit 1
fi
unset CAISSON_TEST_WORLD

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

domain=myregistrydomain.com
ip link set lo up

# Where the machine has no control groups mounted (a bare chroot), mount them as a boot would.
mount_cgroups() {
  if mountpoint -q /sys/fs/cgroup || [[ -n $(ls -A /sys/fs/cgroup 2>/dev/null) ]]; then return; fi
  [[ -e /sys/kernel ]] || mount -t sysfs sysfs /sys
  local subsystem
  if grep -qw cgroup /proc/filesystems; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    for subsystem in $(awk '$1 !~ /^#/ && $4 == 1 { print $1 }' /proc/cgroups); do
      mkdir "/sys/fs/cgroup/$subsystem"
      mount -t cgroup -o "$subsystem" cgroup "/sys/fs/cgroup/$subsystem" 2>/dev/null || rmdir "/sys/fs/cgroup/$subsystem"
    done
    [[ -n $(ls -A /sys/fs/cgroup) ]] && return
    umount /sys/fs/cgroup
  fi
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
}
mount_cgroups

cgroup=caisson-test-${work##*.} # that of the containers; empty when they have ended
at_end() { find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null; }

machine_count=0

# start_machine NAME COMMAND...: a machine that runs COMMAND; its /etc and /run are writable and its own.
start_machine() {
  local name=$1 pid folder=$work/$1
  shift
  machine_count=$((machine_count + 1))
  mkdir -p "$folder/etc" "$folder/home"
  mkfifo "$folder/made" "$folder/go"
  # shellcheck disable=SC2016
  start "$name" unshare --net --mount --propagation private -- bash -c '
    set -e
    folder=$1
    shift
    mount -t tmpfs tmpfs "$folder/etc"
    mkdir "$folder/etc/own" "$folder/etc/work"
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/etc/own,workdir=$folder/etc/work" /etc
    mount -t tmpfs tmpfs /run
    rm -f /etc/resolv.conf
    echo nameserver 127.0.0.1 >/etc/resolv.conf # there is no way out: who asks shall know at once
    if [[ -d /var/lib/containers ]]; then mount -t tmpfs tmpfs /var/lib/containers; fi
    rm -rf /etc/docker
    ip link set lo up
    echo >"$folder/made"
    read -r _ <"$folder/go"
    exec "$@"' machine "$folder" "$@"
  pid=${pid_of[$name]}
  read -r -t 20 _ <>"$folder/made" || fail "machine $name was not made"
  ip link add "to-$machine_count" type veth peer name eth0 netns "$pid"
  ip addr add "10.88.$machine_count.1/24" dev "to-$machine_count"
  ip link set "to-$machine_count" up
  nsenter --target "$pid" --net sh -c "ip addr add 10.88.$machine_count.2/24 dev eth0 && ip link set eth0 up"
  # before it begins: Go's programs read the file once, and believe it for some seconds
  on "$name" sh -c "{ grep -v $domain /etc/hosts; echo ${domain_address:-10.88.$machine_count.1} $domain; } >/run/hosts
    cat /run/hosts >/etc/hosts"
  echo >"$folder/go"
}

# there NAME: what a command stands behind to run on that machine, left in the array $there. (--root: in a chroot, the
# mount namespace alone would lead out of it.)
there() {
  there=(nsenter --target "${pid_of[$1]}" --net --mount --root --wd --
    env HOME="$work/$1/home" DOCKER_HOST="unix://$work/$1/docker.sock")
}

# on MACHINE COMMAND...: runs it there; start_on MACHINE NAME COMMAND...: beside the test, as start does.
on() {
  local there
  there "$1"
  "${there[@]}" "${@:2}"
}
start_on() {
  local there
  there "$1"
  start "$2" "${there[@]}" "${@:3}"
}

# start_engine NAME: a machine with a Docker engine of its own.
start_engine() {
  mkdir -p "$work/$1"
  start_machine "$1" dockerd --host "unix://$work/$1/docker.sock" --data-root "$work/$1/data" \
    --exec-root "$work/$1/exec" --pidfile "$work/$1/docker.pid" \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$cgroup"
  wait_for "$1" 60 "the engine answers" grep -q 'API listen on' "$work/logs/$1.log"
}

# trust NAME HOST[:PORT] [CERTIFICATE]: that machine's Docker, Podman and skopeo trust the authority for that registry.
trust() {
  local folder
  for folder in /etc/docker/certs.d /etc/containers/certs.d; do
    on "$1" mkdir -p "$folder/$2"
    on "$1" cp "${3:-$work/conf.d/ca.crt}" "$folder/$2/ca.crt"
  done
}

distrust() { on "$1" rm -rf "/etc/docker/certs.d/$2" "/etc/containers/certs.d/$2"; }

# A tar of the smallest system that can run `sh` and `ls`.
small_system() {
  local tree=$work/small-system
  if [[ ! -d $tree ]]; then
    mkdir -p "$tree/bin"
    cp /bin/busybox "$tree/bin/"
    ln -s busybox "$tree/bin/sh"
    ln -s busybox "$tree/bin/ls"
  fi
  tar -C "$tree" -c .
}
