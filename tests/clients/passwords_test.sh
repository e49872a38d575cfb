#!/bin/bash
# htpasswd files as people's tools write them: every line lets its user in, and nobody else.
source "$(dirname "$0")/lib.sh"

start_registry
use_example 2-basic-auth.conf
: >"$work/conf.d/ca.crt"
file=$work/conf.d/registry.password
password=$'pa\xc3\x9fwort x' # a space and a letter beyond ASCII; no colon, which would end a line of `htpasswd -p`

htpasswd -cb "$file" made-by-htpasswd-c "$password" 2>/dev/null
htpasswd -bB -C 5 "$file" made-by-htpasswd-B "$password" 2>/dev/null
htpasswd -bs "$file" made-by-htpasswd-s "$password" 2>/dev/null
htpasswd -bd "$file" made-by-htpasswd-d "$password" 2>/dev/null
htpasswd -bp "$file" made-by-htpasswd-p "$password" 2>/dev/null
for scheme in apr1 5 6; do
  echo "made-by-openssl-$scheme:$(openssl passwd "-$scheme" "$password")" >>"$file"
done
printf 'made-by-argon2:%s\n' "$(printf %s "$password" | argon2 somesalt -id -t 1 -m 10 -p 1 -e)" >>"$file"
printf '# a comment\n\ntestuser test123\n' >>"$file"
start_gate
said_at_start=$(gate_log)

log_in() { http GET "http://localhost:$gate_port/v2/" --user "$1:$2"; }

for user in $(sed -n 's/^\(made-by-[^:]*\):.*/\1/p' "$file"); do
  # nginx knows no argon2, and takes a line of `htpasswd -p` only with {PLAIN} before the password
  if gate_is_nginx && [[ $user == made-by-argon2 || $user == made-by-htpasswd-p ]]; then continue; fi
  proves "$user: the password opens, another does not"
  log_in "$user" "$password"
  expect_equal "status" 200 "$http_status"
  log_in "$user" "another"
  expect_equal "status" 401 "$http_status"
  log_in "$user" ""
  expect_equal "status" 401 "$http_status"
done
expect_equal "users tried" 9 "$(grep -c '^made-by' "$file")"

proves "a line of another user does not help"
log_in "made-by-htpasswd" "$password"
expect_equal "status" 401 "$http_status"

proves "a line without a colon lets nobody in"
for name in testuser 'testuser test123' '# a comment'; do
  log_in "$name" test123
  expect_equal "status" 401 "$http_status"
  log_in "$name" ""
  expect_equal "status" 401 "$http_status"
done

if ! gate_is_nginx; then
  proves "the gate warned of that line: where it stands, and how to make a right one"
  line=$(grep -n '^testuser' "$file" | cut -d: -f1)
  warning=$(grep -F "$file:$line" <<<"$said_at_start" || true)
  expect_contains "the warning" "[warn]" "$warning"
  expect_contains "the warning" "htpasswd" "$warning"
  expect_lacks "the log" "test123" "$said_at_start"
fi

proves "a changed file counts from the next request on"
printf 'newcomer:%s\n' "$(openssl passwd -apr1 fresh)" >"$file"
wait_until 10 "the newcomer gets in" eval 'log_in newcomer fresh; [[ $http_status == 200 ]]'
log_in made-by-htpasswd-c "$password"
expect_equal "status" 401 "$http_status"
