#!/bin/bash
# The well-known guide to a private registry behind nginx, stage by stage: each file of conf/examples/ answers curl as
# the guide promises, and as nginx does.
source "$(dirname "$0")/lib.sh"

backend=${1:-external}
use_backend "$backend"
make_user
: >"$work/conf.d/ca.crt" # not needed before TLS
url() { echo "$1://localhost:$gate_port/v2/"; }

# Every stage works with the registry inside as well: by that one line.
example() {
  use_example "$1"
  if [[ $backend == embedded ]]; then sed -i "s|server 127.0.0.1:1;|registry $data;|" "$work/conf.d/registry.conf"; fi
}

# Ours in front of the registry inside is a registry's.
our_401='<html>
<head><title>401 Authorization Required</title></head>
<body>
<center><h1>401 Authorization Required</h1></center>'
our_type=text/html
if [[ $backend == embedded ]]; then
  our_401='{"errors":[{"code":"UNAUTHORIZED"'
  our_type='application/json; charset=utf-8'
fi

expect_registry() { # what a registry says to whom it lets in
  expect_equal "status" 200 "$http_status"
  expect_equal "body" '{}' "$http_body"
  # nginx lets the registry's copy and the configured one through
  gate_is_nginx || expect_equal "version headers" registry/2.0 "$(header Docker-Distribution-Api-Version)"
}

expect_challenge() {
  expect_equal "status" 401 "$http_status"
  expect_equal "challenge" 'Basic realm="registry.localhost"' "$(header WWW-Authenticate)"
  expect_equal "version header" registry/2.0 "$(header Docker-Distribution-Api-Version)"
  expect_contains "body" "$our_401" "$(tr -d '\r' <<<"$http_body")"
  expect_equal "content type" "$our_type" "$(header Content-Type)"
}

example 1-plain.conf
start_gate
proves "stage 1: the registry answers over plain HTTP on a port without TLS"
http GET "$(url http)"
expect_registry
expect_equal "version header" registry/2.0 "$(header Docker-Distribution-Api-Version)"

proves "outside /v2/ there is nothing"
http GET "http://localhost:$gate_port/v1/_ping"
expect_equal "status" 404 "$http_status"

example 2-basic-auth.conf
restart_gate
proves "stage 2: without a password our own 401 comes, and names the registry"
http GET "$(url http)"
expect_challenge
proves "a wrong password is refused the same way"
http GET "$(url http)" --user "$user:wrong"
expect_challenge
proves "an unknown user is refused the same way"
http GET "$(url http)" --user "nobody:$password"
expect_challenge
proves "the right password opens"
http GET "$(url http)" --user "$user:$password"
expect_registry

example 3-user-agent.conf
restart_gate
for agent in docker/1.3.0 docker/1.4.1 docker/1.5.0 'Go 1.1 package http'; do
  proves "stage 3: $agent gets 404 before any password is asked"
  http GET "$(url http)" -A "$agent"
  expect_equal "status" 404 "$http_status"
  expect_equal "challenge" "" "$(header WWW-Authenticate)"
done
for agent in docker/1.5.0-dev docker/1.6.0 \
  'docker/20.10.24+dfsg1 go/go1.19.8 git-commit/5d6db84 kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Docker-Client/20.10.24 \(linux\))'; do
  proves "$agent gets through to the password"
  http GET "$(url http)" -A "$agent"
  expect_challenge
  http GET "$(url http)" -A "$agent" --user "$user:$password"
  expect_registry
done

rm "$work/conf.d/ca.crt"
make_certificates
for spelling in 4-tls.conf 4-tls-old-spelling.conf; do
  example $spelling
  restart_gate
  proves "stage 4, $spelling: the certificate's authority vouches for the answer"
  http GET "$(url https)"
  expect_registry
  proves "who does not trust the authority gets no answer"
  expect_failure curl -sS --max-time 20 --cacert /etc/ssl/certs/ca-certificates.crt "$(url https)"
  expect_contains "curl's error" "certificate" "$output"
  proves "plain HTTP on the TLS port is told so"
  http GET "$(url http)"
  expect_equal "status" 400 "$http_status"
  expect_contains "body" "The plain HTTP request was sent to HTTPS port" "$http_body"
done

example "$complete_example"
restart_gate
proves "stage 5: all together"
http GET "$(url https)" -A docker/1.5.0
expect_equal "status" 404 "$http_status"
http GET "$(url https)"
expect_challenge
http GET "$(url https)" --user "$user:$password"
expect_registry

proves "the upload's Location leads back to where the client came in"
http POST "$(url https)tutorial/image/blobs/uploads/" --user "$user:$password"
expect_equal "status" 202 "$http_status"
expect_matches "Location" "^https://localhost:$gate_port/v2/tutorial/image/blobs/uploads/" "$(header Location)"

proves "the access log has a line for it, and no log has the password"
stop gate QUIT
expect_equal "exit status after QUIT" 0 "$status"
expect_matches "access log" "127.0.0.1 - $user \[.*\] \"POST /v2/tutorial/image/blobs/uploads/ HTTP/1.1\" 202 " \
  "$(cat "$work/logs/access.log")"
secrets=$(printf '%s' "$user:$password" | base64)
expect_lacks "the logs" "$password" "$(cat "$work"/logs/*)"
expect_lacks "the logs" "$secrets" "$(cat "$work"/logs/*)"
