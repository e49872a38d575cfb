#!/bin/bash
# A data folder goes over from docker-registry (that is registry:2) to the registry inside, and back, unchanged; and
# docker-registry's own garbage collection finds nothing strange in what the gate wrote.
source "$(dirname "$0")/lib.sh"

: >"$work/conf.d/ca.crt"
new_data_folder
to=(--dest-tls-verify=false)
cd "$work"
export XDG_RUNTIME_DIR=$HOME
copy() { skopeo --insecure-policy copy --all "$@"; }
"$source_root/tests/clients/make_oci_layout.py" layout-1 one >/dev/null
"$source_root/tests/clients/make_oci_layout.py" layout-2 two >/dev/null

use_docker_registry() {
  start_registry
  at=localhost:$registry_port
}

use_gate() {
  if [[ $(id -u) == 0 ]]; then chown -R www-data: "$data"; fi # it was root's docker-registry that wrote there
  use_example 1-plain.conf
  sed -i "s|server 127.0.0.1:[0-9]*;|registry $data;|" "$work/conf.d/registry.conf"
  start_gate
  at=localhost:$gate_port
}

head -c 3000 /dev/urandom >upload
digest=sha256:$(sha256sum <upload | cut -d' ' -f1)

# begin_upload REPOSITORY: of the 3000 bytes, 1000 come now.
declare -A upload_in=()
begin_upload() {
  http POST "http://$at/v2/$1/blobs/uploads/"
  http PATCH "$(header Location)" -H 'Content-Type: application/octet-stream' --data-binary @- < <(head -c 1000 upload)
  expect_equal "status" 202 "$http_status"
  upload_in[$1]=$(header Docker-Upload-UUID)
}

# finish_upload REPOSITORY: the rest comes, and the whole is there.
finish_upload() {
  http GET "http://$at/v2/$1/blobs/uploads/${upload_in[$1]}"
  expect_equal "status" 204 "$http_status"
  expect_equal "range" 0-999 "$(header Range)"
  http PUT "$(header Location)?digest=$digest" -H 'Content-Type: application/octet-stream' --data-binary @- \
    < <(tail -c 2000 upload)
  expect_equal "status" 201 "$http_status"
  http GET "http://$at/v2/$1/blobs/$digest"
  expect_success cmp upload body
}

# Everything that was ever pushed, as it comes out now.
expect_images() { # LAYOUT:REPOSITORY...
  local pair layout repository
  for pair; do
    layout=${pair%%:*} repository=${pair#*:}
    rm -rf back
    expect_success copy --src-tls-verify=false "docker://$at/$repository:v1" oci:back:multi
    expect_success diff -r "$layout/blobs" back/blobs
    http GET "http://$at/v2/$repository/tags/list"
    expect_equal "tags" "{\"name\":\"$repository\",\"tags\":[\"v1\"]}" "$http_body"
  done
}

proves "docker-registry takes images"
use_docker_registry
expect_success copy "${to[@]}" oci:layout-1:multi "docker://$at/guide/one:v1"
expect_success copy "${to[@]}" --format v2s2 oci:layout-1:multi "docker://$at/guide/schema2:v1"
expect_success skopeo inspect --tls-verify=false --raw "docker://$at/guide/schema2:v1"
schema2=$output
http GET "http://$at/v2/_catalog"
catalog=$http_body
begin_upload begun/by/docker-registry
stop registry

proves "what docker-registry wrote, the registry inside serves: indexes, manifests, layers, tags, catalogue"
use_gate
expect_images layout-1:guide/one
expect_success skopeo inspect --tls-verify=false --raw "docker://$at/guide/schema2:v1"
expect_equal "manifest" "$schema2" "$output"
http GET "http://$at/v2/_catalog"
expect_equal "catalogue" "$catalog" "$http_body"

proves "it takes more, beside what was there"
expect_success copy "${to[@]}" oci:layout-2:multi "docker://$at/guide/two:v1"
expect_success copy "${to[@]}" oci:layout-2:multi "docker://$at/guide/one/below:v1"
expect_images layout-1:guide/one layout-2:guide/two layout-2:guide/one/below
begin_upload begun/by/the-gate
stop gate QUIT

proves "docker-registry serves what the registry inside wrote"
use_docker_registry
expect_images layout-1:guide/one layout-2:guide/two layout-2:guide/one/below

proves "its garbage collection goes through without an error, and throws nothing away"
stop registry
before=$(cd "$data/docker/registry/v2/blobs" && find . -name data | sort)
expect_success docker-registry garbage-collect "$work/registry.yml"
expect_contains "its report" " 0 blobs and 0 manifests eligible for deletion" "$output"
expect_equal "blobs" "$before" "$(cd "$data/docker/registry/v2/blobs" && find . -name data | sort)"

proves "after it, all is there still, with either"
use_docker_registry
expect_images layout-1:guide/one layout-2:guide/two layout-2:guide/one/below
stop registry
use_gate
expect_images layout-1:guide/one layout-2:guide/two layout-2:guide/one/below

proves "uploads that were begun go on where they were, whoever began them"
finish_upload begun/by/the-gate
finish_upload begun/by/docker-registry
