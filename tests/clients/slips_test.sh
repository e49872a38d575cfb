#!/bin/bash
# Set-ups that cannot work end the start with exit status 1 and a line that names the place and the mending.
source "$(dirname "$0")/lib.sh"

registry_port=1
make_user
make_certificates
new_data_folder
conf=$work/conf.d/registry.conf

fresh() { # the complete example, to be spoilt
  gate_ports=$(free_port)
  use_example "${1:-5-complete.conf}"
}

expect_refusal() { # WHAT-THE-MESSAGE-CONTAINS...
  local part
  try_to_start
  expect_equal "exit status" 1 "$status"
  for part; do expect_contains "the refusal" "$part" "$output"; done
}

hint() { if gate_is_nginx; then echo; else echo "$1"; fi; } # what nginx does not say

line_of() { grep -n -m 1 -F -- "$1" "$conf" | cut -d: -f1; }

proves "the file is good before it is spoilt"
fresh
start_gate
stop gate QUIT

proves "the guide's TLS step, which deletes \"server {\" and \"listen\", is refused with the line to mend"
fresh
sed -i -e '/^server {/d' -e '/^  listen /d' "$conf"
expect_refusal "\"server_name\" directive is not allowed here in $conf:$(line_of server_name)" "$(hint 'server {')"

proves "a missing \"listen ... ssl\" beside a certificate is served in plain, as nginx serves it"
fresh
sed -i -e "s/ ssl;/;/" "$conf"
start_gate
http GET "http://localhost:$gate_port/v2/"
expect_equal "status" 401 "$http_status"
stop gate QUIT

proves "an unknown directive is refused by name and place"
fresh
sed -i 's/^  client_max_body_size.*/  client_max_bodysize 0;/' "$conf"
expect_refusal "[emerg]" "unknown directive \"client_max_bodysize\" in $conf:$(line_of client_max_bodysize)" \
  "$(hint client_max_body_size)"

proves "a missing certificate is refused by file"
fresh
mv "$work/conf.d/domain.crt" "$work/conf.d/domain.crt.away"
expect_refusal "[emerg]" "$work/conf.d/domain.crt"
mv "$work/conf.d/domain.crt.away" "$work/conf.d/domain.crt"

proves "a key that is not the certificate's is refused"
fresh
mv "$work/conf.d/domain.key" "$work/conf.d/domain.key.away"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/conf.d/domain.key" 2>/dev/null
expect_refusal "[emerg]" "$work/conf.d/domain.key" "key values mismatch"
mv "$work/conf.d/domain.key.away" "$work/conf.d/domain.key"

proves "a port in use is refused by its number"
fresh
start occupant python3 -c "
import socket, time
listening = socket.create_server(('0.0.0.0', $gate_port))
print('listens', flush=True)
time.sleep(60)"
wait_for occupant 10 "the port is taken" grep -q listens "$work/logs/occupant.log"
expect_refusal "[emerg]" "$gate_port" "Address already in use"
stop occupant

gate_is_nginx && exit 0 # what follows, nginx does not have

proves "all errors of a file are told, not only the first"
fresh
sed -i -e 's/^  client_max_body_size.*/  client_max_bodysize 0;/' -e 's/^    proxy_read_timeout.*/    proxy_read_timeout soon;/' "$conf"
expect_refusal "$conf:$(line_of client_max_bodysize)" "$conf:$(line_of proxy_read_timeout)"

if [[ $(id -u) == 0 ]]; then
  proves "a data folder that the worker cannot write is refused, with the line that mends it"
  fresh 6-embedded.conf
  chown -R root: "$data"
  chmod 755 "$data"
  expect_refusal "[emerg]" "$data" "chown"
fi
