#!/bin/bash
# Certificates, keys and password files that change on disk are taken up by the running gate: no reload, no new worker.
source "$(dirname "$0")/lib.sh"

make_user
make_certificates
chmod 600 "$work/conf.d/domain.key" "$work/conf.d/registry.password" # the worker may read neither
new_data_folder
use_example 6-embedded.conf
sed -i 's|^  listen .*|&\n  location = /metrics { prometheus_metrics; }|' "$work/conf.d/registry.conf"
start_gate
v2=https://localhost:$gate_port/v2/

fingerprint_of() { openssl x509 -noout -fingerprint -sha256 <"$1"; }
served() { # the certificate that new connections get
  openssl s_client -connect "localhost:$gate_port" -servername localhost </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256
}
worker() { pgrep -P "${pid_of[gate]}"; }
serves() { [[ $(served) == "$1" ]]; }
logged() { gate_log | grep -qF "$1"; }

# A new pair by the same authority, in $work/new.
make_new_pair() {
  rm -rf "$work/new"
  mkdir "$work/new"
  cp "$work/conf.d/ca.crt" "$work/conf.d/ca.key" "$work/new"
  "$source_root/certs-example/make" "$work/new" >/dev/null
  chmod 600 "$work/new/domain.key"
}

before=$(served)
worker_before=$(worker)
expect_equal "the certificate" "$(fingerprint_of "$work/conf.d/domain.crt")" "$before"

# When the certificate ends, as Prometheus is told.
end_in_metrics() {
  curl -sS --fail --cacert "$work/conf.d/ca.crt" "https://localhost:$gate_port/metrics" |
    sed -n 's/^caisson_certificate_not_after_timestamp_seconds{.*} //p'
}
end_of() { date -d "$(openssl x509 -noout -enddate <"$1" | cut -d= -f2)" +%s; }
same_end() { [[ $(printf '%.0f' "$(end_in_metrics)") == "$(end_of "$1")" ]]; }

proves "days until the certificate ends are logged, and its end is exported"
expect_matches "the log" 'domain.crt" expires in [0-9]+ days, on 20' "$(gate_log)"
expect_success same_end "$work/conf.d/domain.crt"

proves "while only the certificate of a pair has changed, the old pair is served, and the log says why"
make_new_pair
cat "$work/new/domain.crt" >"$work/conf.d/domain.crt"
wait_until 20 "the gate notices" logged 'domain.crt" changed and cannot be used as it is'
expect_contains "the log" "key values mismatch" "$(gate_log)"
expect_equal "the certificate" "$before" "$(served)"

proves "when the key follows, both are in force"
cat "$work/new/domain.key" >"$work/conf.d/domain.key"
wait_until 20 "the new certificate is served" serves "$(fingerprint_of "$work/new/domain.crt")"
expect_lacks "the log" "PRIVATE KEY" "$(gate_log)"
expect_success same_end "$work/new/domain.crt"

proves "a pair that is renamed into place is in force"
make_new_pair
mv "$work/new/domain.key" "$work/new/domain.crt" "$work/conf.d/"
wait_until 20 "the new certificate is served" serves "$(fingerprint_of "$work/conf.d/domain.crt")"

proves "a broken certificate changes nothing"
before=$(served)
cp "$work/conf.d/domain.crt" "$work/kept.crt"
echo "no certificate" >"$work/conf.d/domain.crt"
wait_until 20 "the gate notices" logged 'no start line'
expect_equal "the certificate" "$before" "$(served)"
mv "$work/kept.crt" "$work/conf.d/domain.crt"

proves "a worker that is replaced has what is in force"
kill -KILL "$worker_before"
replaced() { [[ $(worker) != "$worker_before" && -n $(worker) ]]; }
wait_until 20 "the worker is replaced" replaced
expect_equal "the certificate" "$before" "$(served)"
worker_before=$(worker)

proves "mounted secrets, a folder behind a symbolic link that is swapped, are taken up"
make_new_pair
mv "$work/conf.d/domain.key" "$work/conf.d/domain.crt" "$work/"
mkdir "$work/conf.d/secret.1" "$work/conf.d/secret.2"
cp -p "$work/domain.key" "$work/domain.crt" "$work/conf.d/secret.1"
cp -p "$work/new/domain.key" "$work/new/domain.crt" "$work/conf.d/secret.2"
ln -s secret.1 "$work/conf.d/secret"
ln -s secret/domain.crt secret/domain.key "$work/conf.d/"
expect_equal "the certificate" "$before" "$(served)"
ln -sfn secret.2 "$work/conf.d/secret"
wait_until 20 "the new certificate is served" serves "$(fingerprint_of "$work/new/domain.crt")"

proves "a user who is added to a password file that only root may read is let in, and kept out when removed"
status_for() { http GET "$v2" --user "$1" && echo "$http_status"; }
is_answered() { [[ $(status_for "$1") == "$2" ]]; }
expect_equal "status" 401 "$(status_for newcomer:secret)"
htpasswd -nbBC 5 newcomer secret >>"$work/conf.d/registry.password"
wait_until 20 "the newcomer is let in" is_answered newcomer:secret 200
expect_equal "status" 200 "$(status_for "$user:$password")"
sed -i '/^newcomer:/d' "$work/conf.d/registry.password"
wait_until 20 "the newcomer is kept out" is_answered newcomer:secret 401

proves "all of it by the same worker"
expect_equal "the worker" "$worker_before" "$(worker)"

# It was killed above.
expect_no_crash() { :; }
