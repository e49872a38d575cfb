#!/bin/bash
# caisson check: the verdict and the advice of -t; with --probe it talks to the registry behind the configuration.
source "$(dirname "$0")/lib.sh"
gate_is_nginx && exit 0 # it has no such thing

make_user
make_certificates
start_registry
use_example 5-complete.conf
conf=$work/conf.d/registry.conf
backend=http://127.0.0.1:$registry_port
place=$conf:$(grep -n 'server 127.0.0.1' "$conf" | cut -d: -f1)
check=("$CAISSON" check -c "$work/nginx.conf" -p "$work/")

proves "without --probe it is -t"
expect_success "${check[@]}"
expect_equal "what it says" "$("$CAISSON" -t -c "$work/nginx.conf" -p "$work/" 2>&1)" "$output"
expect_lacks "what it says" '[probe]' "$output"

proves "a registry behind a right configuration: one good line for each thing that was seen"
expect_success "${check[@]}" --probe
expect_contains "what it says" "[probe] ok: $place: $backend: GET /v2/ is answered with 200 and registry/2.0" "$output"
expect_matches "what it says" "\[probe\] ok: $place: $backend: an upload's Location is https://[^ ]*:$gate_port/v2/caisson-check/blobs/uploads/[^ ]*, where clients are" "$output"
expect_equal "uploads that are left" "" "$(find "$data" -path '*_uploads/*' -name data)"

proves "with -q only what is wrong is said"
expect_success "${check[@]}" --probe -q
expect_equal "what it says" "" "$output"

proves "a Host without its port, and a scheme that is not passed on, are seen in the Location"
cp "$conf" "$work/good"
sed -i "s|proxy_set_header *Host .*|proxy_set_header Host \$host;|" "$conf"
expect_failure "${check[@]}" --probe
expect_matches "what it says" "\[probe\] FAILED: $place: .*Host \\\$http_host" "$output"
sed "/X-Forwarded-Proto/d" "$work/good" >"$conf"
expect_failure "${check[@]}" --probe
expect_matches "what it says" "\[probe\] FAILED: [^ ]*: $backend: an upload's Location is http://.*X-Forwarded-Proto" "$output"

proves "a backend that is no registry, one that nobody answers for, and one whose name nobody knows"
start wiki python3 -c "
import http.server
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()"
wait_for wiki 20 "the wiki listens" test -s "$work/logs/wiki.log"
sed "s|server 127.0.0.1:$registry_port;|server 127.0.0.1:$(head -n 1 "$work/logs/wiki.log");|" "$work/good" >"$conf"
expect_failure "${check[@]}" --probe
expect_contains "what it says" "GET /v2/ is answered with 404: a registry says 200, or 401" "$output"
sed "s|server 127.0.0.1:$registry_port;|server 127.0.0.1:1;|" "$work/good" >"$conf"
expect_failure "${check[@]}" --probe
expect_contains "what it says" "[probe] FAILED: $place: http://127.0.0.1:1: " "$output"
sed "s|server 127.0.0.1:$registry_port;|server no-such-name.invalid:5000;|" "$work/good" >"$conf"
expect_failure "${check[@]}" --probe
expect_matches "what it says" '\[probe\] FAILED: .*resolve' "$output"

proves "the registry inside is not asked by this"
new_data_folder
use_example 6-embedded.conf
expect_success "${check[@]}" --probe
expect_contains "what it says" "the registry inside" "$output"

proves "a configuration that fails -t is not probed"
echo 'foo;' >>"$conf"
expect_failure "${check[@]}" --probe
expect_lacks "what it says" '[probe]' "$output"
