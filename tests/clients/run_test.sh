#!/bin/bash
# scripts/run, as a newcomer meets it: what it prints is true, a second start changes nothing, Ctrl-C ends it.
source "$(dirname "$0")/lib.sh"

gate_port=$(free_port)
state=$work/state
registry=localhost:$gate_port
export CAISSON

run() { # in a process group of its own, so that it can get a Ctrl-C of its own
  start run setsid "$source_root/scripts/run" --port "$gate_port" --state "$state" --data "$data" "$@"
  wait_for run 60 "it says what to type next" grep -q 'Ctrl-C ends it' "$work/logs/run.log"
  said=$(cat "$work/logs/run.log")
  cp "$state/ca.crt" "$work/conf.d/ca.crt"
}

press_ctrl_c() {
  local group=${pid_of[run]}
  kill -INT -- "-$group"
  stop run CONT
  expect_equal "exit status" 0 "$status"
  all_gone() { ! pgrep --pgroup "$group" --runstates D,R,S,T >/dev/null; }
  wait_until 5 "all its processes end" all_gone
}

files() { find "$state" -type f ! -name '*.log' ! -name caisson.conf ! -name '*.pid' -exec sha256sum {} + | sort; }

proves "a new user's password is shown, and opens"
run
for line in "https://$registry" "docker login $registry --username caisson" "docker push $registry/IMAGE" \
  "docker pull $registry/IMAGE" "docker tag IMAGE $registry/IMAGE" "/etc/docker/certs.d/$registry/ca.crt" \
  "/etc/containers/certs.d/$registry/ca.crt" "/etc/containerd/certs.d/$registry/hosts.toml" "$data"; do
  expect_contains "the text" "$line" "$said"
done
password=$(sed -n 's/^ *Password *\([^ ]*\) .*/\1/p' <<<"$said")
expect_matches "password" '^[A-Za-z0-9]{20}$' "$password"
expect_matches "users" '^caisson:\$2y\$10\$[./A-Za-z0-9]{53}$' "$(cat "$state/users.htpasswd")"
expect_success htpasswd -vb "$state/users.htpasswd" caisson "$password"

for name in localhost 127.0.0.1 '[::1]'; do
  [[ $name != '[::1]' || -s /proc/net/if_inet6 ]] || continue
  http GET "https://$name:$gate_port/v2/" --user "caisson:$password"
  expect_equal "status at $name" 200 "$http_status"
done
http GET "https://$registry/v2/" --user "caisson:no"
expect_equal "status with a wrong password" 401 "$http_status"

proves "no key and no hash is there for everybody to read"
expect_equal "readable files" "" "$(find "$state" \( -name '*.key' -o -name '*.htpasswd' \) -perm /077)"

proves "what was pushed is in the data folder"
printf content >"$work/content"
digest=sha256:$(sha256sum <"$work/content" | cut -d' ' -f1)
http POST "https://$registry/v2/first/blobs/uploads/" --user "caisson:$password"
expect_equal "status" 202 "$http_status"
location=$(header Location)
if [[ $location == *\?* ]]; then location+="&digest=$digest"; else location+="?digest=$digest"; fi
http PUT "$location" --user "caisson:$password" -T "$work/content"
expect_equal "status" 201 "$http_status"
blob=$data/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data
expect_success cmp "$work/content" "$blob"

proves "Ctrl-C ends it, and nothing is left running"
press_ctrl_c

proves "a second start overwrites no certificate, user or image, and shows no password"
before=$(files)
run
expect_equal "files" "$before" "$(files)"
expect_lacks "the text" "  Password" "$said"
http GET "https://$registry/v2/first/blobs/$digest" --user "caisson:$password"
expect_equal "status" 200 "$http_status"
press_ctrl_c

proves "another user is added beside the first"
run --user second.user
second=$(sed -n 's/^ *Password *\([^ ]*\) .*/\1/p' <<<"$said")
http GET "https://$registry/v2/" --user "second.user:$second"
expect_equal "status" 200 "$http_status"
http GET "https://$registry/v2/" --user "caisson:$password"
expect_equal "status" 200 "$http_status"
press_ctrl_c

proves "a port in use ends the start, and nothing is promised"
start occupant python3 -c "
import socket, time
listening = socket.create_server(('0.0.0.0', $gate_port))
print('listens', flush=True)
time.sleep(60)"
wait_for occupant 10 "the port is taken" grep -q listens "$work/logs/occupant.log"
expect_failure timeout 30 "$source_root/scripts/run" --port "$gate_port" --state "$state" --data "$data"
expect_contains "the error" "Address already in use" "$output"
expect_lacks "the text" "docker login" "$output"
