#!/bin/bash
# skopeo copies images in and out, from every kind of source, in every format, with nothing lost on the way.
#   skopeo_test.sh external|embedded
source "$(dirname "$0")/lib.sh"

make_user
make_certificates
use_backend "${1:-external}"
use_example "$complete_example"
start_gate
registry=docker://localhost:$gate_port

# As root skopeo would keep notes in /var/lib/containers; as a user it keeps them in its home.
mkdir "$work/images" "$work/trusted"
multi=$("$source_root/tests/clients/make_oci_layout.py" "$work/images/layout" 1)
layout=oci:layout:multi
cp "$work/conf.d/ca.crt" "$work/trusted/"
as_user=()
if [[ $(id -u) == 0 ]]; then
  as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  chown -R nobody "$work/images" "$HOME"
fi
cd "$work/images"
skopeo() { "${as_user[@]}" env XDG_RUNTIME_DIR="$HOME" skopeo --insecure-policy "$@"; }
to_registry=(--dest-cert-dir "$work/trusted" --dest-creds "$user:$password")
from_registry=(--src-cert-dir "$work/trusted" --src-creds "$user:$password")
inspect=(skopeo inspect --cert-dir "$work/trusted" --creds "$user:$password")

expect_success skopeo copy "$layout" dir:as-dir
expect_success skopeo copy "$layout" docker-archive:archive.tar:guide/image:latest

proves "who does not trust the authority, or has no password, gets nowhere"
expect_failure skopeo copy dir:as-dir "$registry/no:1" --dest-creds "$user:$password"
expect_contains "skopeo's error" "x509: certificate signed by unknown authority" "$output"
expect_failure skopeo copy dir:as-dir "$registry/no:1" --dest-cert-dir "$work/trusted" --dest-creds "$user:wrong"
expect_matches "skopeo's error" "unauthorized|401|invalid username/password" "$output"

# copied_back NAME: the image's folder form as it comes out of the registry
copied_back() {
  expect_success skopeo copy "${from_registry[@]}" "$registry/$1" "dir:back-${1//[:\/]/-}"
  back=back-${1//[:\/]/-}
}

for source in dir:as-dir "$layout" docker-archive:archive.tar; do
  name=from-${source%%:*}
  proves "skopeo copy $source, and back: the same bytes"
  expect_success skopeo copy "${to_registry[@]}" --digestfile pushed "$source" "$registry/$name:v1"
  copied_back "$name:v1"
  expect_equal "manifest's digest" "$(cat pushed)" "sha256:$(sha256sum <"$back/manifest.json" | cut -d' ' -f1)"
  for blob in "$back"/[0-9a-f]*; do
    expect_equal "blob's digest" "$(basename "$blob")" "$(sha256sum <"$blob" | cut -d' ' -f1)"
  done
done
proves "from a folder, the very files come back"
expect_success diff -r as-dir back-from-dir-v1

proves "Docker's own manifest format goes in and out"
expect_success skopeo copy "${to_registry[@]}" --format v2s2 "$layout" "$registry/schema2:v1"
expect_success "${inspect[@]}" --raw "$registry/schema2:v1"
expect_contains "manifest" application/vnd.docker.distribution.manifest.v2+json "$output"

proves "a multi-platform image goes in with all its platforms, and comes back whole"
expect_success skopeo copy --all "${to_registry[@]}" "$layout" "$registry/multi:v1"
expect_success "${inspect[@]}" --raw "$registry/multi:v1"
expect_equal "index" "$(cat "layout/blobs/sha256/${multi#sha256:}")" "$output"
expect_success skopeo copy --all "${from_registry[@]}" "$registry/multi:v1" oci:multi-back:multi
expect_success diff -r layout/blobs multi-back/blobs

proves "one platform of it is found by its platform"
expect_success "${inspect[@]}" --override-arch arm64 --override-os linux --config --raw "$registry/multi:v1"
expect_contains "image's configuration" '"architecture": "arm64"' "$output"

proves "a copy inside the registry arrives in a new repository"
expect_success skopeo copy --all "${from_registry[@]}" "${to_registry[@]}" "$registry/multi:v1" "$registry/deep/er/copy:v2"
expect_success "${inspect[@]}" --format '{{.Digest}} {{.RepoTags}}' "$registry/deep/er/copy:v2"
expect_equal "digest and tags" "$multi [v2]" "$output"
