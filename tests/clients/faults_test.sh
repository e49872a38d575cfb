#!/bin/bash
# A disk that is full, has no inodes left, cannot be written, fails or loses what it took: each is told in the registry's
# words and without a path, nothing is acknowledged that is not there, and afterwards everything goes on. It takes root's
# rights and strace; without them there is nothing to see (77).
if [[ $(id -u) != 0 ]] || ! command -v strace >/dev/null || ! unshare --mount true 2>/dev/null; then
  echo "it takes root's rights, strace, and a namespace of mounts"
  exit 77
fi
[[ ${IN_OWN_MOUNTS:-} == 1 ]] || IN_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
source "$(dirname "$0")/lib.sh"

: >"$work/conf.d/ca.crt"
mkdir "$data"
mount -t tmpfs -o size=64m,nr_inodes=10k none "$data"
at_end() { umount -l "$data"; }
chown www-data: "$data"
use_example 1-plain.conf
sed -i "s|server 127.0.0.1:[0-9]*;|registry $data; registry_delete on;|" "$work/conf.d/registry.conf"
start_gate
v2=http://localhost:$gate_port/v2
worker=$(pgrep -P "${pid_of[gate]}")

media=application/vnd.oci.image.manifest.v1+json
octets=(-H 'Content-Type: application/octet-stream')

begin_upload() { # REPOSITORY
  http POST "$v2/$1/blobs/uploads/"
  expect_equal "status" 202 "$http_status"
  location=$(header Location)
}

new_blob() { # BYTES
  head -c "$1" /dev/urandom >"$work/blob"
  digest=sha256:$(sha256sum <"$work/blob" | cut -d' ' -f1)
}

# The last answer is a refusal with that status; it says why, but not where.
expect_refused() { # STATUS CODE
  expect_equal "status" "$1" "$http_status"
  expect_contains "error" "\"code\":\"$2\"" "$http_body"
  expect_lacks "error" "$data" "$http_body"
  expect_lacks "error" "docker/" "$http_body"
}

expect_absent() { # PATH...
  local path
  for path; do
    http HEAD "$v2/$path"
    expect_equal "status of $path" 404 "$http_status"
  done
}

# What was stored before is served, and what is pushed now is stored.
expect_in_order() { # REPOSITORY
  new_blob 100000
  begin_upload "$1"
  http PUT "$location?digest=$digest" "${octets[@]}" --data-binary "@$work/blob"
  expect_equal "status" 201 "$http_status"
  printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"x/y","size":100000,"digest":"%s"},"layers":[]}' \
    $media "$digest" >"$work/manifest"
  http PUT "$v2/$1/manifests/v1" -H "Content-Type: $media" --data-binary "@$work/manifest"
  expect_equal "status" 201 "$http_status"
  for path in "blobs/$digest" manifests/v1; do
    http GET "$v2/$1/$path"
    expect_equal "status" 200 "$http_status"
  done
}

proves "a disk that fills up in the middle of an upload: it goes on from there when there is room"
expect_in_order before
new_blob 30000000
begin_upload full
mount -o remount,size=8m "$data"
http PATCH "$location" "${octets[@]}" -T "$work/blob"
expect_refused 507 UNAVAILABLE
http GET "$location"
expect_equal "status" 204 "$http_status"
kept=$(header Range)
kept=$((${kept#0-} + 1))
((kept > 1000000 && kept < 8388608)) || fail "$kept bytes are kept"
expect_absent "full/blobs/$digest"
mount -o remount,size=64m "$data"
http PATCH "$location" "${octets[@]}" -H "Content-Range: $kept-29999999" -T - < <(tail -c +$((kept + 1)) "$work/blob")
expect_equal "status" 202 "$http_status"
http PUT "$location?digest=$digest"
expect_equal "status" 201 "$http_status"
http GET "$v2/full/blobs/$digest"
expect_success cmp "$work/blob" "$work/body"

proves "a full disk takes no manifest and moves no tag"
http GET "$v2/before/manifests/v1"
cp "$work/body" "$work/old"
sed 's/schemaVersion/annotations":{"a":"b"},"&/' "$work/manifest" >"$work/new"
fill() { dd if=/dev/zero of="$data/fill" bs=4096 status=none 2>/dev/null || true; }
fill
http PUT "$v2/before/manifests/v1" -H "Content-Type: $media" --data-binary "@$work/new"
expect_refused 507 UNAVAILABLE
expect_absent "before/manifests/sha256:$(sha256sum <"$work/new" | cut -d' ' -f1)"
http GET "$v2/before/manifests/v1"
expect_success cmp "$work/old" "$work/body"
rm "$data/fill"
expect_in_order before

proves "no inodes left"
mount -o remount,nr_inodes="$(df --output=iused "$data" | tail -n 1 | tr -d ' ')" "$data"
http POST "$v2/inodes/blobs/uploads/"
expect_refused 507 UNAVAILABLE
http PUT "$v2/before/manifests/v2" -H "Content-Type: $media" --data-binary "@$work/manifest"
expect_refused 507 UNAVAILABLE
expect_absent before/manifests/v2
mount -o remount,nr_inodes=10k "$data"
expect_in_order inodes

proves "on a full disk without inodes a gate starts, images are pulled and deleted, and collection makes room"
expect_in_order doomed
doomed=sha256:$(sha256sum <"$work/manifest" | cut -d' ' -f1)
fill
mount -o remount,nr_inodes="$(df --output=iused "$data" | tail -n 1 | tr -d ' ')" "$data"
restart_gate
expect_contains "the log" "nothing can be pushed" "$(gate_log)"
http GET "$v2/doomed/manifests/v1"
expect_equal "status" 200 "$http_status"
http POST "$v2/doomed/blobs/uploads/"
expect_refused 507 UNAVAILABLE
http DELETE "$v2/doomed/manifests/$doomed"
expect_equal "status" 202 "$http_status"
expect_absent doomed/manifests/v1
stop gate
output=$("$CAISSON" registry garbage-collect --delete-untagged --grace 0s --root "$data" 2>&1) || fail "$output"
expect_contains "the output" "for good, as the disk was full" "$output"
expect_success "$CAISSON" registry trash empty --root "$data"
start_gate
worker=$(pgrep -P "${pid_of[gate]}")
expect_in_order inodes
rm "$data/fill"
mount -o remount,nr_inodes=10k "$data"

proves "a disk that became read-only: what is there is served"
begin_upload readonly
mount -o remount,ro "$data"
http POST "$v2/readonly/blobs/uploads/"
expect_refused 503 UNAVAILABLE
http PATCH "$location" "${octets[@]}" --data-binary x
expect_refused 503 UNAVAILABLE
for path in manifests/v1 "blobs/$digest"; do
  http GET "$v2/inodes/$path"
  expect_equal "status" 200 "$http_status"
done
mount -o remount,rw "$data"
expect_in_order readonly

proves "a folder that the gate may no longer write"
chown root: "$data/docker/registry/v2/repositories"
http POST "$v2/forbidden/blobs/uploads/"
expect_refused 503 UNAVAILABLE
chown www-data: "$data/docker/registry/v2/repositories"
expect_in_order forbidden

# with_fault INJECTION: from now on the gate's system calls fail so, until without_fault.
with_fault() {
  start strace strace -f -qq -o "$work/logs/calls" -p "$worker" -e "trace=${1%%:*}" -e "inject=$1"
  traced() { ! grep -q -h '^TracerPid:[[:space:]]*0$' /proc/"$worker"/task/*/status; }
  wait_until 20 "strace holds the gate" traced
}
without_fault() { stop strace INT; }

proves "a disk that loses what was written: the upload is gone, nobody was told that it is there"
new_blob 100000
begin_upload lost
with_fault fsync,fdatasync:error=EIO
http PUT "$location?digest=$digest" "${octets[@]}" --data-binary "@$work/blob"
without_fault
expect_refused 500 UNKNOWN
expect_absent "lost/blobs/$digest" "${location#*/v2/}"
begin_upload lost
with_fault fsync,fdatasync:error=EIO
http PATCH "$location" "${octets[@]}" --data-binary "@$work/blob"
without_fault
expect_refused 500 UNKNOWN
expect_absent "${location#*/v2/}"
expect_in_order lost

proves "writes that fail: the upload is where it was"
new_blob 100000
begin_upload failing
http PATCH "$location" "${octets[@]}" --data-binary "@$work/blob"
expect_equal "status" 202 "$http_status"
with_fault pwrite64:error=EIO
http PATCH "$location" "${octets[@]}" --data-binary more
without_fault
expect_refused 500 UNKNOWN
http GET "$location"
expect_equal "range" 0-99999 "$(header Range)"
http PUT "$location?digest=$digest"
expect_equal "status" 201 "$http_status"

proves "names that cannot be given: no manifest, no tag"
with_fault renameat,renameat2:error=EIO
http PUT "$v2/failing/manifests/v1" -H "Content-Type: $media" --data-binary "${digest:+$(sed \
  "s/sha256:[0-9a-f]*/$digest/" "$work/manifest")}"
without_fault
expect_refused 500 UNKNOWN
expect_absent failing/manifests/v1
expect_in_order failing

proves "too many open files: come back later"
with_fault openat:error=EMFILE
http HEAD "$v2/before/manifests/v1"
status_of_head=$http_status
http POST "$v2/many/blobs/uploads/"
without_fault
expect_refused 503 UNAVAILABLE
expect_equal "when to come back" 1 "$(header Retry-After)"
expect_equal "status of HEAD" 503 "$status_of_head"
expect_in_order many
