#!/bin/bash
# Docker with a token server: log in, push, pull with a second engine, and layers that go from one repository to another.
source "$(dirname "$0")/world.sh" "$@"

make_user
make_certificates
start_engine writer
start_engine reader

mkdir "$work/tokens"
start tokens python3 "$source_root/tests/clients/tokens.py" "$work/tokens" "$domain" "$user" "$password"
wait_for tokens 20 "the token server serves" test -s "$work/tokens/url"
registry=$domain:5043
cat >"$work/registry.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $data}, delete: {enabled: true}}
http: {addr: ":5043", tls: {certificate: $work/conf.d/domain.crt, key: $work/conf.d/domain.key}}
auth:
  token:
    realm: $(cat "$work/tokens/url")
    service: the service
    issuer: the issuer
    rootcertbundle: $work/tokens/signer.crt
YAML
start gate "$CAISSON" registry serve "$work/registry.yml"
listens() { (exec 3<>/dev/tcp/127.0.0.1/5043) 2>/dev/null; }
wait_for gate 20 "the registry listens" listens
for machine in writer reader; do trust $machine "$registry"; done

log_in() { on "$1" docker login "$registry" --username "$user" --password-stdin <<<"$2"; }

proves "docker login asks the token server, which knows the password"
expect_failure log_in writer wrong
expect_contains "docker's error" "unauthorized" "$output"
expect_success log_in writer "$password"
expect_contains "docker's answer" "Login Succeeded" "$output"

proves "docker push prints the image's digest"
small_system | on writer docker import - base >"$work/id"
expect_success on writer docker tag base "$registry/open/app:v1"
expect_success on writer docker push "$registry/open/app:v1"
expect_matches "docker's answer" 'v1: digest: (sha256:[0-9a-f]{64}) size: [0-9]+' "$output"
digest=${BASH_REMATCH[1]}

proves "pushed under another name, the layer is mounted from the first"
expect_success on writer docker tag base "$registry/team/app:v1"
expect_success on writer docker push "$registry/team/app:v1"
expect_contains "docker's answer" "Mounted from open/app" "$output"
expect_contains "docker's answer" "$digest" "$output"

proves "a repository without rights takes no push, and says so"
expect_success on writer docker tag base "$registry/closed/app:v1"
expect_failure on writer docker push "$registry/closed/app:v1"
expect_contains "docker's error" "denied: requested access to the resource is denied" "$output"

proves "a second engine, not logged in, pulls what is open, and nothing else"
expect_success on reader docker pull "$registry/open/app:v1"
expect_contains "docker's answer" "Digest: $digest" "$output"
expect_failure on reader docker pull "$registry/team/app:v1"
expect_matches "docker's error" "denied|unauthorized" "$output"

proves "logged in, it pulls the other, too"
expect_success log_in reader "$password"
expect_success on reader docker pull "$registry/team/app:v1"
expect_success on reader docker run --rm "$registry/team/app:v1" ls /
expect_contains "the container's files" bin "$output"

proves "no token is in a log"
expect_lacks "the log" eyJ "$(cat "$work/logs/gate.log")"
