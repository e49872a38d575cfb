# What every test with a real client shares: a temporary folder, processes that end with the test, the gate under a file
# of conf/examples/, the registry behind it, and assertions that show what differed.
#
# A test is a bash script that sources this file and says, by `proves`, the sentences it proves. It may run beside
# others: nothing has a fixed port or a fixed place. CAISSON names the gate's program; nginx itself will do, and is how
# these tests were proved.
set -Eeuo pipefail

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CAISSON=${CAISSON:-$source_root/build/proxy/caisson}
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin # daemons live in sbin
export LC_ALL=C PATH
# The machine's own trust and proxies are not what is tested.
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

umask 022 # the gate's worker has fewer rights than we
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/conf.d" "$work/logs" "$work/home"
export HOME=$work/home

# ---------------------------------------------------------------- saying what is proved, and what differed

proving="the preparations work"
proves() {
  proving=$*
  echo "- $proving"
}

fail() {
  printf '\nFAILED: %s\n%s\n' "$proving" "$*" >&2
  exit 1
}

# A command that failed outside of all expectations.
trap 'printf "\nFAILED: %s\nline %s: %s\n" "$proving" "${BASH_LINENO[0]:-$LINENO}/$LINENO" "$BASH_COMMAND" >&2' ERR

expect_equal() { # WHAT EXPECTED GOT
  [[ $2 == "$3" ]] || fail "$1 differs:
$(diff -u --label expected --label got <(printf '%s\n' "$2") <(printf '%s\n' "$3") || true)"
}

expect_contains() { # WHAT PART WHOLE
  [[ $3 == *"$2"* ]] || fail "$1 lacks: $2
it is: $3"
}

expect_lacks() { # WHAT PART WHOLE
  [[ $3 != *"$2"* ]] || fail "$1 must not contain: $2
it is: $3"
}

expect_matches() { # WHAT EXTENDED-REGEX WHOLE
  [[ $3 =~ $2 ]] || fail "$1 does not match: $2
it is: $3"
}

# Runs a command that must succeed; its output (both streams) is left in $output.
expect_success() {
  output=$("$@" 2>&1) || fail "\"$*\" ended with $?:
$output"
}

# Runs a command that must be refused; its output is left in $output.
expect_failure() {
  if output=$("$@" 2>&1); then fail "\"$*\" succeeded, and must not:
$output"; fi
}

# ---------------------------------------------------------------- processes

declare -A pid_of=() # by the names given to start

# start NAME COMMAND...: runs it beside the test, its output in $work/logs/NAME.log.
start() {
  local name=$1
  shift
  : >"$work/logs/$name.log" # now, not when the child comes to it: nobody shall read an earlier start's
  # bash starts what runs beside it deaf to SIGINT and SIGQUIT; people's terminals do not
  env --default-signal=INT,QUIT "$@" >"$work/logs/$name.log" 2>&1 </dev/null &
  pid_of[$name]=$!
}

running() { kill -0 "${pid_of[$1]}" 2>/dev/null; }

# stop NAME [SIGNAL]: ends it by TERM or another signal, and waits for the end; its exit status is left in $status.
stop() {
  local pid=${pid_of[$1]}
  kill "-${2:-TERM}" "$pid" 2>/dev/null || true
  gone() { ! kill -0 "$pid" 2>/dev/null; }
  wait_until 20 "$1 ends after SIG${2:-TERM}" gone
  status=0
  wait "$pid" 2>/dev/null || status=$?
  unset "pid_of[$1]"
  expect_no_crash
}

# A worker that dies is replaced, so a test could pass over it.
expect_no_crash() {
  local report
  report=$(grep -h -E -m 1 -A 15 'Sanitizer|runtime error: |exited on signal' "$work"/logs/* || true)
  [[ -z $report ]] || fail "the gate crashed:
$report"
}

# wait_until SECONDS WHAT COMMAND...: asks again and again, for what gives no event of its own.
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "waited in vain: $what"
    sleep 0.02
  done
}

# wait_for NAME SECONDS WHAT COMMAND...: the same, but gives up as soon as the process NAME has ended.
wait_for() {
  local name=$1 seconds=$2 what=$3
  shift 3
  ready_or_dead() { "$@" || ! running "$name"; }
  wait_until "$seconds" "$what" ready_or_dead "$@"
  "$@" || fail "$name ended before $what:
$(cat "$work/logs/$name.log")"
}

at_end() { :; } # what a test has to tidy up beside its processes and its folder

clean_up() {
  local verdict=${1:-$?} name file
  trap - EXIT ERR
  if [[ $verdict == 0 && -n ${pid_of[gate]:-} ]]; then (stop gate) || verdict=1; fi # it looks for crashes
  set +e
  if [[ $verdict != 0 ]]; then
    for file in "$work"/logs/*; do
      [[ -s $file ]] && printf '\n--- the end of %s\n' "${file##*/}" && tail -n 10 "$file" | cut -c1-400
    done >&2
  fi
  for name in "${!pid_of[@]}"; do
    (stop "$name") 2>/dev/null || kill -KILL "${pid_of[$name]}" 2>/dev/null
  done
  wait
  at_end
  # What a container engine mounted below is gone with its namespaces; --one-file-system in case it is not.
  rm -rf --one-file-system "$work"
  exit "$verdict"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

# A TCP port that nothing listens on, below the range that outgoing connections take theirs from.
free_port() {
  local port
  while :; do
    port=$((10000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# ---------------------------------------------------------------- the registry behind the gate

data=$work/data # where images are stored, by whichever registry

# A folder that the gate's worker may write.
new_data_folder() {
  mkdir -p "$data"
  if [[ $(id -u) == 0 ]]; then chown -R www-data: "$data"; fi
}

write_registry_config() {
  cat >"$work/registry.yml" <<YAML
version: 0.1
storage:
  filesystem: {rootdirectory: $data}
  delete: {enabled: true}
http: {addr: "127.0.0.1:0", secret: tests}
YAML
}

# Debian's docker-registry on $registry_port.
start_registry() {
  mkdir -p "$data"
  write_registry_config
  start registry docker-registry serve "$work/registry.yml"
  wait_for registry 20 "the registry listens" grep -q 'listening on' "$work/logs/registry.log"
  registry_port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/logs/registry.log")
}

# ---------------------------------------------------------------- the gate

# The frame of conf/nginx.conf around $work/conf.d/*.conf.
write_frame() {
  sed -e "s|/etc/nginx/mime.types|$source_root/conf/mime.types|" -e "s|/etc/nginx/conf.d|$work/conf.d|" \
    -e "s|/var/log/nginx|$work/logs|" -e "s|/var/run/nginx.pid|$work/gate.pid|" \
    "$source_root/conf/nginx.conf" >"$work/nginx.conf"
}

# use_example FILE: a file of conf/examples/ as it is, except for where things are: its port becomes $gate_ports, its
# /etc/nginx/conf.d and /data are below $work, and registry:5000 is the registry that start_registry started.
use_example() {
  local listen='' port mode
  : "${gate_ports:=$(free_port)}"
  gate_port=${gate_ports%% *}
  mode=$(sed -n 's/^  listen 443\(.*\);/\1/p' "$source_root/conf/examples/$1")
  for port in $gate_ports; do listen+="listen $port$mode; "; done
  write_frame
  sed -e "s|^  listen 443.*;|  $listen|" -e "s|/etc/nginx/conf.d|$work/conf.d|" \
    -e "s|server registry:5000;|server 127.0.0.1:${registry_port:-1};|" -e "s|registry /data;|registry $data;|" \
    "$source_root/conf/examples/$1" >"$work/conf.d/registry.conf"
}

# use_backend external|embedded: starts what is needed, and lets complete_example name the file for it.
use_backend() {
  case $1 in
    external)
      start_registry
      complete_example=5-complete.conf
      ;;
    embedded)
      new_data_folder
      complete_example=6-embedded.conf
      ;;
    *) fail "the backend is external or embedded, not \"$1\"" ;;
  esac
}

gate_listens() { [[ -s $work/gate.pid ]]; } # the pid file appears when every socket listens

start_gate() {
  rm -f "$work/gate.pid"
  start gate "$CAISSON" -c "$work/nginx.conf" -p "$work" -g 'daemon off;'
  wait_for gate 20 "the gate listens" gate_listens
}

restart_gate() {
  stop gate QUIT
  start_gate
}

# A start that must fail: what the gate says is left in $output, its exit status in $status.
try_to_start() {
  status=0
  output=$(timeout 30 "$CAISSON" -c "$work/nginx.conf" -p "$work" -g 'daemon off;' 2>&1) || status=$?
}

gate_is_nginx() { [[ $("$CAISSON" -v 2>&1) != *caisson* ]]; }

# Everything that the gate said: on its streams and in its error log.
gate_log() { cat "$work/logs/gate.log" "$work/logs/error.log" 2>/dev/null; }

# ---------------------------------------------------------------- credentials and certificates

user=sammy
password='correct horse/battery:staple'

# A cheap bcrypt line, as `htpasswd -B` writes it.
make_user() { htpasswd -nbBC 5 "$user" "$password" | sed '/^$/d' >"$work/conf.d/registry.password"; }

# ca.crt, domain.crt and domain.key in conf.d, with every name given beside the usual ones.
make_certificates() { "$source_root/certs-example/make" "$work/conf.d" "$@" >/dev/null; }

# ---------------------------------------------------------------- plain HTTP

# http METHOD URL [CURL-ARGUMENT...]: the status is left in $http_status, the head in $http_head, the body in $http_body.
http() {
  local method=$1 url=$2
  shift 2
  [[ $method != HEAD ]] || set -- --head "$@"
  http_status=$(curl -sS -X "$method" -o "$work/body" -D "$work/head" -w '%{http_code}' --max-time 60 \
    --noproxy '*' --cacert "$work/conf.d/ca.crt" "$@" "$url") || fail "curl $method $url ended with $?"
  http_head=$(tr -d '\r' <"$work/head")
  http_body=$(tr -d '\0' <"$work/body")
}

# The value of a header of the last answer; nothing when it is absent, several lines when it came several times.
header() { sed -n "s/^$1: *//Ip" <<<"$http_head"; }
