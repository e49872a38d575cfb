#!/bin/bash
# Cuts the power of the disk under the registry inside, in the middle of pushes, and looks whether anything that was
# acknowledged is lost: kill_loop.py says how. It first shows that it would notice: a gate with one of three planted bugs
# must be found out. Without root's rights, or where no disk can be made of a file, there is nothing to see (77).
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
can_cut() { # FILE-SYSTEM
  rm -f "$work/try.img"
  in_own_mounts bash -e -c 'for do in mount cut unmount; do "$0/loop_disk.py" $do "$1/try.img" "$1/disk" $2; done' \
    "$here" "$work" "$1" >"$work/log" 2>&1
}
if [[ $(id -u) != 0 ]] || ! can_cut ext4; then
  echo "no disk here whose power could be cut: $(tail -n 1 "$work/log" 2>/dev/null || echo 'it takes root')"
  exit 77
fi

cut_power() { in_own_mounts "$here/kill_loop.py" --gate "$1" --power-cuts --kills "$cuts" --seed "$seed" "${@:2}"; }

# plant NAME <C-CODE: $work/NAME is the gate with these functions in place of the system's.
plant() {
  { echo '#define _GNU_SOURCE'; cat; } | cc -shared -fPIC -o "$work/$1.so" -x c - -ldl -lpthread
  printf '#!/bin/sh\nLD_PRELOAD=%s exec %q "$@"\n' "$work/$1.so" "$CAISSON" >"$work/$1"
  chmod 755 "$work" "$work/$1" "$work/$1.so"
}

expect_found_out() { # COMMAND...
  if "$@" >"$work/log" 2>&1; then
    echo "FAILED: nobody noticed" >&2
    exit 1
  fi
  grep -m 1 FAILED "$work/log" | cut -c1-200
}

echo "- a gate that does not sync is found out"
plant no_syncs <<'C'
int fsync(int fd) { return fd < 0; }
int fdatasync(int fd) { return fd < 0; }
C
expect_found_out cut_power "$work/no_syncs"

echo "- a gate that gives a file its name before its bytes are on disk is found out"
plant early_names <<'C'
#include <dlfcn.h>
#include <unistd.h>
static __thread int waiting = -1;
int fdatasync(int fd) {
  if (waiting >= 0) close(waiting);
  waiting = dup(fd);
  return 0;
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  int (*rename_it)(int, const char*, int, const char*) = dlsym(RTLD_NEXT, "renameat");
  int (*sync_it)(int) = dlsym(RTLD_NEXT, "fdatasync");
  int result = rename_it(from_folder, from, to_folder, to);
  usleep(100000);
  if (waiting >= 0 && (sync_it(waiting), close(waiting)) == 0) waiting = -1;
  return result;
}
C
expect_found_out cut_power "$work/early_names"

echo "- a gate that answers before a tag has its name is found out, by kills alone"
plant early_answers <<'C'
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
struct job { int from_folder, to_folder; char *from, *to; };
static int (*rename_it)(int, const char*, int, const char*);
static void* later(void* argument) {
  struct job* job = argument;
  usleep(300000);
  rename_it(job->from_folder, job->from, job->to_folder, job->to);
  return 0;
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  rename_it = dlsym(RTLD_NEXT, "renameat");
  if (!strstr(to, "/current/link")) return rename_it(from_folder, from, to_folder, to);
  struct job* job = malloc(sizeof *job);
  *job = (struct job){from_folder, to_folder, strdup(from), strdup(to)};
  pthread_t thread;
  return pthread_create(&thread, 0, later, job);
}
C
expect_found_out "$here/kill_loop.py" --gate "$work/early_answers" --kills 50 --seed "$seed"

for file_system in ext4 xfs; do
  if ! can_cut "$file_system"; then
    echo "- no $file_system here"
    continue
  fi
  echo "- what was acknowledged is there after every power cut, on $file_system"
  cut_power "$CAISSON" --file-system "$file_system"
done
