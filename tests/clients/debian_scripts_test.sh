#!/bin/bash
# Debian's own unit, init script and logrotate snippet of nginx, executed as they stand, with caisson in the place of
# /usr/sbin/nginx. In a mount namespace, so that the machine's own nginx does not notice.
if [[ ${1:-} != inside ]]; then exec unshare --mount --propagation private "$0" inside; fi
source "$(dirname "$0")/lib.sh"

unit=/lib/systemd/system/nginx.service
port=$(free_port)
new_data_folder

# The machine, as it looks here.
mkdir "$work/etc" "$work/bin"
cat >"$work/etc/nginx.conf" <<CONF
user www-data;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events {}
http {
  access_log /var/log/nginx/access.log;
  upstream inside { registry $data; }
  server { listen 127.0.0.1:$port; location / { proxy_pass http://inside; } }
}
CONF
cp "$CAISSON" "$work/bin/nginx"
mount --bind "$work/bin/nginx" /usr/sbin/nginx
mount --bind "$work/etc" /etc/nginx
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/log/nginx
printf '#!/bin/sh\nexit 0\n' >"$work/policy"
chmod 755 "$work/policy"
[[ ! -e /usr/sbin/policy-rc.d ]] || mount --bind "$work/policy" /usr/sbin/policy-rc.d

master() { cat /run/nginx.pid 2>/dev/null || true; }
answers() { [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/v2/") == 200 ]]; }
silent() { ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
worker() { pgrep -P "$(master)"; }
at_end() { [[ -z $(master) ]] || kill -TERM "$(master)"; }

# A line of the unit, run as systemd would split it.
unit_line() { # NAME
  local line
  line=$(sed -n "s/^$1=-\?//p" "$unit")
  [[ -n $line ]] || fail "$unit has no $1"
  eval "expect_success $line"
}
init() { expect_success /etc/init.d/nginx "$1"; }

proves "the unit's ExecStartPre is quiet, and ExecStart returns when the pid file of the master is there"
unit_line ExecStartPre
expect_equal "what the test of the configuration says" "" "$output"
unit_line ExecStart
expect_equal "the process of the pid file" nginx "$(cat "/proc/$(master)/comm")"
expect_success answers

proves "ExecReload changes the worker and keeps the master"
before=$(master) worker_before=$(worker)
unit_line ExecReload
reloaded() { [[ $(worker) != *"$worker_before"* && -n $(worker) ]]; }
wait_until 20 "another worker" reloaded
expect_equal "the master" "$before" "$(master)"
expect_success answers

proves "ExecStop ends it in order, and the pid file goes"
unit_line ExecStop
expect_success silent
expect_equal "the pid file" "" "$(master)"

proves "the init script starts it, once, and knows its state"
init start
wait_until 20 "it answers" answers
before=$(master)
init start
expect_equal "the master" "$before" "$(master)"
init status
expect_contains "the state" "is running" "$output"
init configtest

proves "reload and a broken configuration: the script refuses it, and the server goes on"
worker_before=$(worker)
init reload
wait_until 20 "another worker" reloaded
cp "$work/etc/nginx.conf" "$work/good.conf"
echo 'foo;' >>"$work/etc/nginx.conf"
expect_failure /etc/init.d/nginx reload
cp "$work/good.conf" "$work/etc/nginx.conf"
expect_success answers

proves "upgrade puts another process in its place"
before=$(master)
init upgrade
upgraded() { [[ ! -e /run/nginx.pid.oldbin && $(master) != "$before" ]] && answers; }
wait_until 20 "the new binary alone" upgraded

proves "logrotate renames the logs, and new lines go to new files"
curl -s -A before -o /dev/null "http://127.0.0.1:$port/v2/"
expect_success logrotate --force --verbose --state "$work/rotated" /etc/logrotate.d/nginx
curl -s -A after -o /dev/null "http://127.0.0.1:$port/v2/"
in_new_file() { grep -q '"after"' /var/log/nginx/access.log; }
wait_until 20 "a line in the new file" in_new_file
expect_contains "the old file" '"before"' "$(cat /var/log/nginx/access.log.1)"
expect_lacks "the new file" '"before"' "$(cat /var/log/nginx/access.log)"

proves "restart and stop"
before=$(master)
init restart
restarted() { [[ -n $(master) && $(master) != "$before" ]] && answers; }
wait_until 20 "it answers again" restarted
init stop
expect_success silent
expect_failure /etc/init.d/nginx status
