#!/bin/bash
# A name that nobody looks up, of a receiver of notifications or of a health check: pushes go on, and the end does not
# wait for it.
source "$(dirname "$0")/world.sh" "$@"

# A name server that never answers.
ip link add quiet0 type veth peer name quiet1
ip addr add 192.0.2.2/24 dev quiet0
ip link set quiet0 up
ip link set quiet1 up
echo "nameserver 192.0.2.1" >"$work/resolv.conf"
mount --bind "$work/resolv.conf" "$(realpath /etc/resolv.conf)"

listens() { (exec 3<>/dev/tcp/127.0.0.1/5000) 2>/dev/null; }
asked() { [[ -n $(ss -Hun dst 192.0.2.1) ]]; }
start_with() { # LINE of config.yml
  cat >"$work/registry.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $data}}
http: {addr: "127.0.0.1:5000"}
$1
YAML
  start gate "$CAISSON" registry serve "$work/registry.yml"
  wait_for gate 20 "the registry listens" listens
}
stop_while_asked() {
  wait_until 20 "the name server is asked" asked
  stop gate # which looks for a worker that had to be killed
  expect_contains "the log" "exited with code 0" "$(cat "$work/logs/gate.log")"
}

start_with 'notifications: {endpoints: [{name: lost, url: "http://nowhere.example/", timeout: 30s}]}'
proves "a push does not wait for the name of a receiver"
digest=sha256:$(printf layer | sha256sum | cut -d' ' -f1)
http POST "http://127.0.0.1:5000/v2/app/blobs/uploads/?digest=$digest" --data-binary layer
expect_equal "status" 201 "$http_status"

proves "nor does the end, while it is looked up"
stop_while_asked

proves "nor does it for a health check"
start_with 'health: {http: [{uri: "http://nowhere.example/", timeout: 30s}]}'
stop_while_asked
