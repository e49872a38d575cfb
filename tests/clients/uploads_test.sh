#!/bin/bash
# Every way to bring a blob in with nothing but curl, and what comes out again.   uploads_test.sh external|embedded
source "$(dirname "$0")/lib.sh"

backend=${1:-external}
make_user
make_certificates
use_backend "$backend"
use_example "$complete_example"
start_gate
v2=https://localhost:$gate_port/v2
as_user=(--user "$user:$password")
# Not curl's own type, of a form: docker-registry would look for the digest in the form, and swallow the body.
bytes=(-H 'Content-Type: application/octet-stream' --data-binary)

call() { http "$@" "${as_user[@]}"; }

# new_blob NAME BYTES: $work/NAME, and its digest in $digest
new_blob() {
  head -c "$2" /dev/urandom >"$work/$1"
  digest=sha256:$(sha256sum <"$work/$1" | cut -d' ' -f1)
}

# Opens an upload in repository $1; where it goes on is left in $location.
begin_upload() {
  call POST "$v2/$1/blobs/uploads/"
  expect_equal "status" 202 "$http_status"
  expect_equal "length" 0 "$(header Content-Length)"
  expect_equal "range" 0-0 "$(header Range)"
  location=$(header Location)
  expect_matches "location" "^$v2/$1/blobs/uploads/" "$location"
}

# The location with a parameter more: registries may hand out locations that have some already.
with_digest() { if [[ $location == *\?* ]]; then echo "$location&digest=$1"; else echo "$location?digest=$1"; fi; }

expect_created() {
  expect_equal "status" 201 "$http_status"
  expect_equal "digest" "$digest" "$(header Docker-Content-Digest)"
}

expect_blob() { # REPOSITORY FILE
  expect_success curl -sS --fail --cacert "$work/conf.d/ca.crt" "${as_user[@]}" -o "$work/out" "$v2/$1/blobs/$digest"
  expect_success cmp "$work/$2" "$work/out"
}

proves "a whole blob in one PUT"
new_blob a 5000000
begin_upload curl/one
call PUT "$(with_digest "$digest")" -T "$work/a"
expect_created
expect_equal "location" "$v2/curl/one/blobs/$digest" "$(header Location)"
expect_blob curl/one a

proves "the same when the client asks first whether it may send (Expect: 100-continue)"
new_blob b 3000000
begin_upload curl/one
call PUT "$(with_digest "$digest")" -T "$work/b" -H 'Expect: 100-continue'
expect_created
expect_contains "the answers" "100 Continue" "$http_head"
expect_blob curl/one b

proves "who may not send is told at once, and sends nothing"
sent=$(curl -sS -o /dev/null -w '%{http_code} %{size_upload}' --cacert "$work/conf.d/ca.crt" -T "$work/a" \
  -H 'Expect: 100-continue' --expect100-timeout 20 "$v2/curl/one/blobs/uploads/none")
expect_equal "status and bytes sent" "401 0" "$sent"

proves "a blob of unknown length, in chunks, then an empty PUT: as docker push does it"
new_blob c 20000000
begin_upload curl/two
call PATCH "$location" -T - -H 'Transfer-Encoding: chunked' <"$work/c"
expect_equal "status" 202 "$http_status"
expect_equal "range" 0-19999999 "$(header Range)"
location=$(header Location)
call PUT "$(with_digest "$digest")" -H 'Content-Length: 0'
expect_created
expect_blob curl/two c

proves "piece by piece, with a look at how far it got, the last piece in the PUT"
new_blob d 3000
begin_upload curl/two
for piece in 0 1; do
  call PATCH "$location" -H "Content-Range: $((piece * 1000))-$((piece * 1000 + 999))" "${bytes[@]}" @- \
    < <(dd if="$work/d" bs=1000 skip=$piece count=1 status=none)
  expect_equal "status" 202 "$http_status"
  expect_equal "range" "0-$((piece * 1000 + 999))" "$(header Range)"
  location=$(header Location)
done
call GET "$location"
expect_equal "status" 204 "$http_status"
expect_equal "range" 0-1999 "$(header Range)"
location=$(header Location)
call PUT "$(with_digest "$digest")" -H 'Content-Range: 2000-2999' "${bytes[@]}" @- \
  < <(dd if="$work/d" bs=1000 skip=2 status=none)
expect_created
expect_blob curl/two d

proves "a wrong digest is refused, and nothing is left of it"
new_blob e 1000
begin_upload curl/two
right=$digest
digest=sha256:$(printf 'another' | sha256sum | cut -d' ' -f1)
call PUT "$(with_digest "$digest")" "${bytes[@]}" "@$work/e"
expect_equal "status" 400 "$http_status"
expect_contains "error" '"code":"DIGEST_INVALID"' "$http_body"
for digest in "$digest" "$right"; do
  call HEAD "$v2/curl/two/blobs/$digest"
  expect_equal "status" 404 "$http_status"
done

proves "a cancelled upload is gone"
begin_upload curl/two
call DELETE "$location"
expect_equal "status" 204 "$http_status"
call GET "$location"
expect_equal "status" 404 "$http_status"
expect_contains "error" '"code":"BLOB_UPLOAD_UNKNOWN"' "$http_body"

proves "a blob is mounted from a repository that has it, without being sent again"
digest=sha256:$(sha256sum <"$work/c" | cut -d' ' -f1)
call POST "$v2/curl/three/blobs/uploads/?mount=$digest&from=curl/two"
expect_created
expect_blob curl/three c
call POST "$v2/curl/three/blobs/uploads/?mount=$right&from=curl/two"
expect_equal "status for a blob that is not there" 202 "$http_status"

proves "HEAD and Range, as clients resume with them"
call HEAD "$v2/curl/three/blobs/$digest"
expect_equal "status" 200 "$http_status"
expect_equal "length" 20000000 "$(header Content-Length)"
expect_equal "digest" "$digest" "$(header Docker-Content-Digest)"
call GET "$v2/curl/three/blobs/$digest" -H 'Range: bytes=19999990-'
expect_equal "status" 206 "$http_status"
expect_equal "range" "bytes 19999990-19999999/20000000" "$(header Content-Range)"
expect_success cmp "$work/body" <(tail -c 10 "$work/c")
call HEAD "$v2/curl/one/blobs/$digest"
expect_equal "status in a repository without it" 404 "$http_status"

proves "a manifest goes in by tag, and comes out by tag and by digest, byte for byte"
layer=$digest
printf '{}' >"$work/config"
digest=sha256:$(sha256sum <"$work/config" | cut -d' ' -f1)
begin_upload curl/three
call PUT "$(with_digest "$digest")" "${bytes[@]}" "@$work/config"
expect_created
type=application/vnd.oci.image.manifest.v1+json
cat >"$work/manifest" <<JSON
{ "schemaVersion": 2,   "mediaType": "$type",
  "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "$digest"},
  "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "size": 20000000, "digest": "$layer"}]}
JSON
digest=sha256:$(sha256sum <"$work/manifest" | cut -d' ' -f1)
call PUT "$v2/curl/three/manifests/v1" -H "Content-Type: $type" --data-binary "@$work/manifest"
expect_created
expect_equal "location" "$v2/curl/three/manifests/$digest" "$(header Location)"
for reference in v1 "$digest"; do
  call GET "$v2/curl/three/manifests/$reference" -H "Accept: $type"
  expect_equal "status" 200 "$http_status"
  expect_equal "content type" "$type" "$(header Content-Type)"
  expect_equal "digest" "$digest" "$(header Docker-Content-Digest)"
  expect_success cmp "$work/manifest" "$work/body"
done

proves "a manifest whose layer is not in its repository is refused"
call PUT "$v2/curl/one/manifests/v1" -H "Content-Type: $type" --data-binary "@$work/manifest"
expect_equal "status" 400 "$http_status"
expect_contains "error" '"code":"MANIFEST_BLOB_UNKNOWN"' "$http_body"

proves "tags and repositories are listed"
call GET "$v2/curl/three/tags/list"
expect_equal "tags" '{"name":"curl/three","tags":["v1"]}' "$http_body"
call GET "$v2/_catalog"
expect_equal "repositories" '{"repositories":["curl/one","curl/three","curl/two"]}' "$http_body"

[[ $backend == embedded ]] || exit 0 # what docker-registry 2.8 does otherwise

proves "a whole blob in a single POST"
new_blob f 100000
call POST "$v2/curl/four/blobs/uploads/?digest=$digest" "${bytes[@]}" "@$work/f"
expect_created
expect_blob curl/four f

proves "a piece that does not follow the last one is refused, and the upload goes on"
new_blob g 2000
begin_upload curl/four
call PATCH "$location" -H 'Content-Range: 0-999' "${bytes[@]}" "@-" < <(head -c 1000 "$work/g")
expect_equal "status" 202 "$http_status"
call PATCH "$location" -H 'Content-Range: 1500-1999' "${bytes[@]}" "@-" < <(tail -c 500 "$work/g")
expect_equal "status" 416 "$http_status"
expect_equal "range" 0-999 "$(header Range)"
call PUT "$(with_digest "$digest")" -H 'Content-Range: 1000-1999' "${bytes[@]}" "@-" < <(tail -c 1000 "$work/g")
expect_created
expect_blob curl/four g
