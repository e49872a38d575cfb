#!/bin/bash
# nginx is taken out and caisson put in, and back again, while clients push and pull: by USR2 and QUIT, nginx's own way
# to change its binary (tests/integration/new_binary_test.cc has the rules of it).
source "$(dirname "$0")/lib.sh"

make_user
make_certificates
start_registry
use_example 5-complete.conf
v2=https://localhost:$gate_port/v2
curl_gate=(curl -sS --fail --cacert "$work/conf.d/ca.crt" --user "$user:$password")

# The program that both are called as. A running one is not written over: a new file takes its place.
gate=$work/sbin/gate
mkdir "$work/sbin"
install_as_gate() {
  cp "$1" "$gate.new"
  mv "$gate.new" "$gate"
}

master() { cat "$work/gate.pid" 2>/dev/null; }
at_end() {
  local pid
  pid=$(master) && kill -TERM "$pid" && tail --pid="$pid" -f /dev/null
}

server_name() { "${curl_gate[@]}" -o /dev/null -D - "$v2/" | sed -n 's/^Server: *\([a-z]*\).*/\1/Ip'; }

# change_to PROGRAM NAME: ends when only the new one serves. Old connections stay with the old one until they end.
change_to() {
  local old name=$2
  old=$(master)
  install_as_gate "$1"
  kill -USR2 "$old"
  new_master() { [[ -s $work/gate.pid && $(master) != "$old" ]]; }
  wait_until 20 "the new binary serves" new_master
  kill -QUIT "$old"
  only_new() { [[ $(server_name) == "$name" ]]; }
  wait_until 20 "the new binary alone takes connections" only_new
}

location_of() { sed -n 's/^Location: *\([^\r]*\).*/\1/Ip' "$1"; }

# A push whose bytes come through a fifo, so that it lasts as long as we like. Each has a repository of its own:
# docker-registry writes a link that is there already in place, and who reads it at that moment gets a 500.
begin_push() { # NAME
  "${curl_gate[@]}" -X POST -D "$work/$1.head" -o /dev/null "$v2/swap/$1/blobs/uploads/"
  mkfifo "$work/$1.bytes"
  # shellcheck disable=SC2016
  start "$1" bash -c 'exec "${@:2}" <"$1"' push "$work/$1.bytes" "${curl_gate[@]}" -X PATCH -T - -H 'Expect:' \
    -H 'Content-Type: application/octet-stream' -o /dev/null -D "$work/$1.head" "$(location_of "$work/$1.head")"
  exec {push_bytes}>"$work/$1.bytes"
  head -c 3000000 "$work/blob" >&"$push_bytes"
}
finish_push() { # NAME: all of the blob has arrived, and has its digest
  tail -c +3000001 "$work/blob" >&"$push_bytes"
  exec {push_bytes}>&-
  wait "${pid_of[$1]}" || fail "the push ended with $?: $(cat "$work/logs/$1.log")"
  unset "pid_of[$1]"
  expect_success "${curl_gate[@]}" -X PUT "$(location_of "$work/$1.head")&digest=$digest"
}

# Pulls one after the other, each over a connection of its own, until told to stop; none may fail but those that nginx
# drops. It ends without an answer to whose handshake was under way when it was told to quit, and says so in its log.
pull_again_and_again() {
  local pulls=0 status no_answer=52
  while [[ ! -e $work/enough ]]; do
    status=0
    "${curl_gate[@]}" -v -o "$work/pulled" "$v2/swap/first/blobs/$digest" 2>"$work/pull.trace" || status=$?
    if [[ $status == "$no_answer" ]]; then
      echo dropped >>"$work/dropped"
    else
      [[ $status == 0 ]] && cmp "$work/blob" "$work/pulled" || return 1
    fi
    pulls=$((pulls + 1))
  done
  echo "$pulls"
}

install_as_gate "$(command -v nginx)"
expect_success "$gate" -c "$work/nginx.conf" -p "$work"
wait_until 20 "nginx serves" gate_listens
expect_equal "the server" nginx "$(server_name)"
head -c 8000000 /dev/urandom >"$work/blob"
digest=sha256:$(sha256sum <"$work/blob" | cut -d' ' -f1)
begin_push first
finish_push first
pull_again_and_again >"$work/pulls" &
pulling=$!

proves "caisson takes nginx's place in the middle of a push"
begin_push into_caisson
change_to "$CAISSON" caisson
finish_push into_caisson

proves "nginx takes caisson's place in the middle of a push"
begin_push back_to_nginx
change_to "$(command -v nginx)" nginx
finish_push back_to_nginx

proves "meanwhile no pull failed"
touch "$work/enough"
wait "$pulling" || fail "a pull failed: $(tail -n 20 "$work/pull.trace")"
touch "$work/dropped"
dropped=$(wc -l <"$work/dropped")
by_nginx=$(gate_log | grep -c 'open socket #[0-9]* left in connection' || true)
((dropped <= by_nginx)) || fail "$dropped pulls had no answer, $by_nginx of them by nginx: $(gate_log | tail -n 50)"
expect_matches "the number of pulls" '^[1-9]' "$(cat "$work/pulls")"
