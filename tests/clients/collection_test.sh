#!/bin/bash
# Collecting garbage as registry:2 does, and without what people hold against it: each of its faults is acted out, with
# docker-registry as the witness before and after. Beside a gate that serves the same folder.
source "$(dirname "$0")/lib.sh"

: >"$work/conf.d/ca.crt"
new_data_folder
cd "$work"
export XDG_RUNTIME_DIR=$HOME
blobs=$data/docker/registry/v2/blobs
repositories=$data/docker/registry/v2/repositories
for seed in one two three; do "$source_root/tests/clients/make_oci_layout.py" "layout-$seed" "$seed" >/dev/null; done

push() { # LAYOUT REPOSITORY:TAG [skopeo's options]
  local layout=$1 to=$2
  shift 2
  expect_success skopeo --insecure-policy copy -q "$@" --dest-tls-verify=false "oci:$layout:multi" "docker://$at/$to"
}
expect_whole() { # LAYOUT REPOSITORY:TAG
  rm -rf back
  expect_success skopeo --insecure-policy copy -q --all --src-tls-verify=false "docker://$at/$2" oci:back:multi
  expect_success diff -r "$1/blobs" back/blobs
}
# Everything was pushed long ago, and nobody asked for it since.
# What was deleted lies in _removed while it is taken apart.
make_old() { find "$data" -type f ! -path '*/_removed/*' -exec touch -d '3 hours ago' {} +; }
theirs() { docker-registry garbage-collect "$@" 2>/dev/null; }
ours() { expect_success "$CAISSON" registry garbage-collect "$@" "$work/ours.yml"; }
files() { (cd "$data" && find . -type f ! -path '*/_trash/*' | sort); }
owned_by_gate() { if [[ $(id -u) == 0 ]]; then chown -R www-data: "$data"; fi; }
start_gate_on_data() {
  owned_by_gate
  use_example 1-plain.conf
  sed -i "s|server 127.0.0.1:[0-9]*;|registry $data; registry_delete on;|" "$work/conf.d/registry.conf"
  start_gate
  at=localhost:$gate_port
}

start_registry
sed 's|127.0.0.1:0|127.0.0.1:5000|' "$work/registry.yml" >"$work/ours.yml" # nobody listens there
at=localhost:$registry_port
push layout-one guide/app:v1
push layout-two guide/app:v2
push layout-two guide/other:latest
http DELETE "http://$at/v2/guide/app/manifests/$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$at/guide/app:v1")"
stop registry
make_old

proves "the lines are docker-registry's own, and so is what is marked"
for options in -d "-d -m" "--dry-run --delete-untagged" -dm; do
  # shellcheck disable=SC2086
  expected=$(theirs $options "$work/registry.yml" | sort)
  before=$(files)
  # shellcheck disable=SC2086
  output=$("$CAISSON" registry garbage-collect $options "$work/ours.yml" 2>/dev/null) || fail "it ended with $?"
  expect_equal "lines of garbage-collect $options" "$expected" "$(sort <<<"$output")"
  expect_equal "files after a dry run" "$before" "$(files)"
done
expect_matches "lines" "[1-9][0-9]* blobs and 0 manifests eligible" "$output"

proves "it takes what docker-registry takes, and the links to it as well, which that one leaves"
cp -a "$data" copy
theirs -m <(sed "s|$data|$work/copy|" "$work/registry.yml") >/dev/null
expected=$(cd copy/docker/registry/v2/blobs && find . -name data | sort)
links=$(find "$repositories/guide/app/_layers" -name link | wc -l)
ours -m
expect_equal "blobs" "$expected" "$(cd "$blobs" && find . -name data | sort)"
expect_equal "links of docker-registry" "$links" "$(find copy/docker/registry/v2/repositories/guide/app/_layers -name link | wc -l)"
(($(find "$repositories/guide/app/_layers" -name link | wc -l) < links)) || fail "no link went"

proves "a tagged image of many platforms stays whole with --delete-untagged, which docker-registry's destroys"
start_gate_on_data
push layout-three guide/multi:latest --all
make_old
expect_contains "what docker-registry would do" "manifest eligible" "$(theirs -d -m "$work/registry.yml")"
ours -m
expect_whole layout-three guide/multi:latest

proves "beside a gate that serves: what went is 404 at once, and can be pushed again"
head -c 100000 /dev/urandom >orphan
orphan=sha256:$(sha256sum <orphan | cut -d' ' -f1)
upload_orphan() {
  http POST "http://$at/v2/guide/app/blobs/uploads/"
  http PUT "$(header Location)?digest=$orphan" -H 'Content-Type: application/octet-stream' --data-binary @orphan
  expect_equal "status" 201 "$http_status"
}
upload_orphan
make_old
ours
expect_contains "output" "blob eligible for deletion: $orphan" "$output"
http HEAD "http://$at/v2/guide/app/blobs/$orphan"
expect_equal "status" 404 "$http_status"
upload_orphan
http HEAD "http://$at/v2/guide/app/blobs/$orphan"
expect_equal "status" 200 "$http_status"

proves "a blob that waits for its manifest stays, and so does one that somebody was told of"
ours -m
http HEAD "http://$at/v2/guide/app/blobs/$orphan"
expect_equal "status" 200 "$http_status"
make_old
http HEAD "http://$at/v2/guide/app/blobs/$orphan"
ours -m
http HEAD "http://$at/v2/guide/app/blobs/$orphan"
expect_equal "status" 200 "$http_status"

proves "a referrer of what is kept stays, although nothing tags it"
image=$(skopeo inspect --tls-verify=false --raw "docker://$at/guide/multi:latest" | sha256sum | cut -d' ' -f1)
printf '{}' >config
http POST "http://$at/v2/guide/multi/blobs/uploads/"
http PUT "$(header Location)?digest=sha256:$(sha256sum <config | cut -d' ' -f1)" --data-binary @config \
  -H 'Content-Type: application/octet-stream'
cat >signature <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"test/signature",
"config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"digest":"sha256:$(sha256sum <config | cut -d' ' -f1)"},
"layers":[],"subject":{"mediaType":"application/vnd.oci.image.index.v1+json","size":1,"digest":"sha256:$image"}}
JSON
signature=sha256:$(sha256sum <signature | cut -d' ' -f1)
http PUT "http://$at/v2/guide/multi/manifests/$signature" --data-binary @signature \
  -H 'Content-Type: application/vnd.oci.image.manifest.v1+json'
expect_equal "status" 201 "$http_status"
make_old
ours -m
http GET "http://$at/v2/guide/multi/referrers/sha256:$image"
expect_contains "referrers" "$signature" "$http_body"
http GET "http://$at/v2/guide/multi/manifests/$signature"
expect_equal "status" 200 "$http_status"

proves "an empty link does not end it, as it ends docker-registry's"
mkdir -p "$repositories/guide/app/_manifests/revisions/sha256/$(printf '0%.0s' {1..64})"
: >"$repositories/guide/app/_manifests/revisions/sha256/$(printf '0%.0s' {1..64})/link"
expect_failure docker-registry garbage-collect -d "$work/registry.yml"
make_old
ours -m
expect_matches "what it reports" 'is an empty link' "$output"
expect_whole layout-three guide/multi:latest
rm -r "$repositories/guide/app/_manifests/revisions/sha256/$(printf '0%.0s' {1..64})"

proves "a repository with nothing but an unfinished upload is no obstacle"
http POST "http://$at/v2/only/begun/blobs/uploads/"
ours

proves "without a configuration: by --root, by nginx's file, by variables; and a folder that is not there is a failure"
expect_success "$CAISSON" registry garbage-collect --root "$data"
expect_success "$CAISSON" registry garbage-collect "$work/nginx.conf"
expect_success env REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$data" "$CAISSON" registry garbage-collect
expect_failure "$CAISSON" registry garbage-collect --root "$work/nowhere"
expect_failure "$CAISSON" registry garbage-collect --nonsense
expect_contains "the complaint" "unknown flag: --nonsense" "$output"

proves "what root collected can be collected further by who serves"
if [[ $(id -u) == 0 ]]; then
  expect_equal "files of others in the trash" "" "$(find "$data/docker/registry/v2" ! -user www-data)"
fi

proves "what went is listed, comes back with its tag's image, and can be removed for good"
trash() { expect_success "$CAISSON" registry trash "$@" --config "$work/ours.yml"; }
trash empty
push layout-one guide/back:v1 --all
image=$(skopeo inspect --tls-verify=false --raw "docker://$at/guide/back:v1" | sha256sum | cut -d' ' -f1)
http DELETE "http://$at/v2/guide/back/manifests/v1"
make_old
ours -m
http GET "http://$at/v2/guide/back/manifests/sha256:$image"
expect_equal "status" 404 "$http_status"
trash list
expect_matches "list" "^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}  [0-9]+ blobs \([0-9]+ bytes\), [0-9]+ links, 3 manifests, 0 tags$" "$output"
trash list "${output%% *}"
expect_contains "list" "manifest guide/back@sha256:$image" "$output"
trash restore "sha256:$image"
http GET "http://$at/v2/guide/back/manifests/sha256:$image"
expect_equal "status" 200 "$http_status"
http PUT "http://$at/v2/guide/back/manifests/v1" --data-binary @body -H "Content-Type: $(header Content-Type)"
expect_equal "status" 201 "$http_status"
expect_whole layout-one guide/back:v1
trash empty
trash list
expect_equal "list" "" "$output"
expect_failure "$CAISSON" registry trash restore nothing/of/it --config "$work/ours.yml"

proves "afterwards docker-registry serves what is left, and its own collection finds nothing wrong"
stop gate QUIT
make_old
ours
output=$(theirs -d "$work/registry.yml") || fail "docker-registry's ended with $?"
expect_matches "its report" ' 0 blobs and 0 manifests eligible for deletion' "$output"
start_registry
at=localhost:$registry_port
expect_whole layout-three guide/multi:latest
