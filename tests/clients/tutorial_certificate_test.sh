#!/bin/bash
# The guide's own openssl commands make a certificate that has only a common name. Docker refuses it today; the gate
# says so at start, and with what to mend it. The same commands with one more line make one that Docker takes.
source "$(dirname "$0")/world.sh" "$@"

gate_ports=5043
make_user
start_registry
use_example 5-complete.conf
cd "$work/conf.d"

# word for word, but for the answers that openssl would ask for
openssl genrsa -out devdockerCA.key 2048
openssl req -x509 -new -nodes -key devdockerCA.key -days 10000 -out devdockerCA.crt -subj '/CN=my company'
openssl genrsa -out domain.key 2048
openssl req -new -key domain.key -out dev-docker-registry.com.csr -subj "/CN=$domain"
openssl x509 -req -in dev-docker-registry.com.csr -CA devdockerCA.crt -CAkey devdockerCA.key -CAcreateserial \
  -out domain.crt -days 10000 2>/dev/null
cp devdockerCA.crt ca.crt

start_gate
start_engine client
trust client "$domain:5043"
log_in() { on client docker login "https://$domain:5043" --username "$user" --password-stdin <<<"$password"; }

proves "a certificate with a common name only is refused by Docker, in Docker's own words"
expect_failure log_in
expect_contains "docker's error" "x509: certificate relies on legacy Common Name field, use SANs instead" "$output"

if ! gate_is_nginx; then
  proves "the gate warned of it at start, with what to add to the command"
  expect_matches "the log" "\[warn\][^
]*domain\.crt" "$(gate_log)"
  expect_contains "the log" "subjectAltName=DNS:$domain" "$(gate_log)"
fi
stop gate QUIT

proves "with one -extfile line more, Docker logs in"
openssl x509 -req -in dev-docker-registry.com.csr -CA devdockerCA.crt -CAkey devdockerCA.key -CAcreateserial \
  -out domain.crt -days 10000 -extfile <(echo "subjectAltName=DNS:$domain") 2>/dev/null
rm -f "$work/logs/gate.log" "$work/logs/error.log"
start_gate
expect_success log_in
expect_contains "docker's answer" "Login Succeeded" "$output"

if ! gate_is_nginx; then
  proves "and the gate has nothing to warn of"
  expect_lacks "the log" "subjectAltName" "$(gate_log)"
fi
