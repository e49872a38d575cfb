#!/bin/bash
# README.md is true: every command in it runs here, as it stands there, or in the test that its mark names, and every
# line of a client's that it explains is really said.
#
# Before each block of shell commands stands a mark, <!-- test: NAME -->. A NAME such as run_test.sh is a test that has
# the block's commands; any other is run by `run_block NAME` below. A block without a mark, a mark that nobody runs, and
# a command that the named test lacks are failures.
source "$(dirname "$0")/containers.sh" "$@"
readme=$source_root/README.md

# "NAME<tab>LINE" for each line of each block of shell commands; NAME is - where there is no mark.
blocks() {
  awk '
    /^<!-- test: .* -->$/ { mark = $3; next }
    /^```sh$/ { inside = 1; name = mark == "" ? "-" : mark; mark = ""; next }
    /^```/ { inside = 0; next }
    inside { print name "\t" $0 }
    !inside && NF { mark = "" }' "$readme"
}
lines_of() { blocks | awk -F '\t' -v name="$1" '$1 == name { sub(/^[^\t]*\t/, ""); print }'; }

# run_block NAME MACHINE [SED-SCRIPT]: runs it in a shell on that machine, in $here; what the sed script changes is what
# a test cannot have as people have it. Standard input is what is typed. The output is left in $output.
here=$work/here
mkdir "$here"
run_block() {
  local commands
  commands=$(lines_of "$1" | sed "s/ -it / -i /;${3:-}") # a terminal is what tests do not have
  [[ -n $commands ]] || fail "README.md has no block \"$1\""
  # shellcheck disable=SC2016
  output=$(on "$2" bash -c 'cd "$1" && PATH=$2:$PATH && set -e && eval "$3"' \
    block "$here" "$work/bin" "$commands" 2>&1) ||
    fail "block \"$1\" ended with $?:
$output"
}

proves "every block of commands has a mark, and every mark is run by somebody"
expect_equal "commands without a mark" "" "$(lines_of -)"
while read -r name; do
  if [[ $name == *_test.* ]]; then
    there=$(find "$source_root/tests" -name "$name")
    [[ -n $there ]] || fail "README.md names $name, which is not there"
    # the program of each command with its verbs and options, without what follows a "#"
    words='^[^ ]+( [a-z][a-z-]*)*| --?[A-Za-z][A-Za-z-]*'
    for word in $(lines_of "$name" | sed 's/ #.*//; s/ && /\n/g' | grep -oE "$words"); do
      grep -qiF -- "${word##*/}" "$there" || fail "$name has no \"$word\", which README.md says it runs"
    done
  else
    grep -qE "^ *run_block $name( |\$)" "$0" || fail "nobody runs the block \"$name\" of README.md"
  fi
done < <(blocks | cut -f 1 | sort -u)

proves "its links lead somewhere, and its scripts say what they do"
anchors=$(sed -n 's/^#* //p' "$readme" | tr '[:upper:] ' '[:lower:]-' | tr -d "'")
for link in $(grep -oE '\]\([^)]*\)' "$readme" | sed 's/^](\(.*\))$/\1/' | sort -u); do
  if [[ $link == \#* ]]; then
    grep -qxF "${link:1}" <<<"$anchors" || fail "README.md has no heading for $link"
  else
    [[ -e $source_root/$link ]] || fail "README.md leads to $link, which is not there"
  fi
done
for script in $(grep -oE '^\| `scripts/[a-z]+`|, `scripts/[a-z]+`' "$readme" | grep -oE 'scripts/[a-z]+' | sort -u); do
  expect_success "$source_root/$script" --help
done

make_images_of_today
make_test_image host
make_test_image client
mkdir "$work/bin"
ln -s "$CAISSON" "$work/bin/caisson"
built='s/^docker build .*/docker image inspect caisson >\/dev\/null/' # by image_build_test.sh
images='s/IMAGE/test-image/g'
secret='her password'
typed_in='s/--username [a-z]*/& --password-stdin/' # docker asks at terminals alone
expect_in_it() { # MACHINE IMAGE: it can be pulled, and is the test image
  expect_success on "$1" docker pull "$2"
  expect_success on "$1" docker run --rm "$2" ls /
  expect_contains "the container's files" SUCCESS "$output"
}

# says LINE COMMAND...: the command fails, and what it says has this line of the table "When a client complains".
said=$'\n'
says() {
  local line=$1
  shift
  expect_failure "$@"
  expect_contains "docker's error" "$line" "$output"
  said+=$line$'\n'
}

proves "two commands make a registry that docker push knows"
run_block two-commands host "$built"
wait_until 30 "the registry serves" answers http://localhost:5000/v2/
expect_success on host docker tag test-image localhost:5000/test-image
expect_success on host docker push localhost:5000/test-image

proves "another machine is told that it speaks plain HTTP, or that nothing listens"
says "http: server gave HTTP response to HTTPS client" on client docker pull "$domain:5000/test-image"
says "connection refused" on client docker pull "$domain:5999/test-image"

proves "a gate without the registry behind it, and one with nginx's limit of 1 MiB, are told as README has it"
mkdir "$work/site"
cat >"$work/site/gate.conf" <<'CONF'
server { listen 81; location /v2/ { proxy_pass http://172.17.0.1:5999; proxy_set_header Host $http_host; } }
server { listen 82; location /v2/ { proxy_pass http://172.17.0.1:5000; proxy_set_header Host $http_host; } }
CONF
expect_success on host docker run -d --name gate -p 5081:81 -p 5082:82 -v "$work/site:/etc/nginx/conf.d" caisson
wait_until 30 "the gate serves" answers http://localhost:5082/v2/
says "502 Bad Gateway" on host docker pull localhost:5081/test-image
expect_success on host docker tag test-image localhost:5082/test-large
says "413 Request Entity Too Large" on host docker push localhost:5082/test-large
expect_success on host docker rm --force gate

proves "in registry:2's place on its volume, what was there is there"
expect_success on host docker rm --force registry
expect_success on host docker run -d -p 5000:5000 --name registry -v registry-data:/var/lib/registry registry:2
wait_until 30 "registry:2 serves" answers http://localhost:5000/v2/
expect_success on host docker push localhost:5000/test-image
run_block from-registry host
wait_until 30 "the registry serves" answers http://localhost:5000/v2/
expect_in_it host localhost:5000/test-image
expect_success on host docker rm --force registry

proves "from nothing: a registry with a certificate and a user"
run_block from-nothing host <<<"$secret"$'\n'"$secret"
serves() { answers --cacert "$here/certs/domain.crt" --user "$1:$2" "https://$domain/v2/"; }
wait_until 30 "the registry serves" serves alice "$secret"

proves "who does not know the certificate says so; Docker, Podman and containerd trust it as README tells them"
log_in() { on client docker login "$domain" --username alice --password-stdin <<<"$1"; }
says "x509: certificate signed by unknown authority" log_in "$secret"
cp "$here/certs/domain.crt" "$here/"
run_block trust-docker client
says "no basic auth credentials" on client docker pull "$domain/test-image"
says "401 Unauthorized" log_in wrong
run_block push client "$images;$typed_in" <<<"$secret"
expect_contains "docker's answer" "Login Succeeded" "$output"
says "manifest unknown" on client docker pull "$domain/test-image:none"
run_block trust-podman client
on client skopeo inspect --creds "alice:$secret" "docker://$domain/test-image" >"$work/inspected"
run_block trust-containerd client
expect_success on client ctr --address "$work/client/exec/containerd/containerd.sock" content fetch \
  --user "alice:$secret" --hosts-dir /etc/containerd/certs.d "$domain/test-image:latest"

proves "users come and go"
only() { echo "/^htpasswd()/b;/^htpasswd $1/!d"; } # docker would hand all that is typed to the first of them
run_block users host "$(only '\/')" <<<$'of bob\nof bob'
run_block users host "$(only -v)" <<<'of bob'
expect_contains "the tool's answer" "The password of bob is right." "$output"
wait_until 20 "bob may come" serves bob 'of bob'
run_block users host "$(only -D)"
bob_has_gone() { ! serves bob 'of bob'; }
wait_until 20 "bob may not come" bob_has_gone
serves alice "$secret" || fail "alice may not come, either"

proves "what was lost comes back from the backup"
run_block backup host
rm -r "$here/registry/docker/registry/v2/blobs"
expect_failure on client docker pull "$domain/test-image"
run_block restore host
wait_until 30 "the registry serves" serves alice "$secret"
expect_in_it client "$domain/test-image"

proves "an upgrade leaves the image before it to go back to"
run_block upgrade host "$built"
expect_success on host docker image inspect caisson:before
expect_failure on host docker inspect --type container registry

proves "a certificate without subjectAltName is refused by Docker in the words of README"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$domain" -keyout "$here/certs/domain.key" \
  -out "$here/certs/domain.crt" 2>/dev/null
expect_success on host docker run -d --name registry -p 443:443 -v "$here/certs:/certs" -e REGISTRY_HTTP_ADDR=:443 \
  -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt -e REGISTRY_HTTP_TLS_KEY=/certs/domain.key caisson
wait_until 30 "the registry serves" answers --insecure "https://$domain/v2/"
trust client "$domain" "$here/certs/domain.crt"
says "x509: certificate relies on legacy Common Name field, use SANs instead" on client docker pull "$domain/test-image"
expect_success on host docker rm --force registry

proves "without a container: scripts/run, and what it tells to type next"
start_on host run env CAISSON="$CAISSON" "$source_root/scripts/run" --state "$work/state" --data "$work/run-data"
wait_for run 60 "it says what to type next" grep -q 'Ctrl-C ends it' "$work/logs/run.log"
run_block try-it host "$images;$typed_in" <<<"$(sed -n 's/^ *Password *\([^ ]*\) .*/\1/p' "$work/logs/run.log")"
expect_contains "docker's answer" "latest: digest: sha256:" "$output"
stop run INT

proves "garbage is collected and brought back, and a volume is looked through, as README has it"
on host mkdir -p /etc/nginx /etc/docker/registry
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\n' "$work/run-data" |
  on host tee /etc/docker/registry/config.yml >/dev/null
rm -r "$work/run-data/docker/registry/v2/repositories/test-image/_manifests/tags/latest"
run_block collect host 's/--delete-untagged/& --grace 0s/' # what was pushed within the hour would stay
expect_contains "the command's output" "manifest eligible for deletion" "$output"
run_block trash host "s|/data|$work/run-data|;s|guide/app:v1|test-image|"
expect_contains "the command's output" "restored, 0 left in the trash" "$output"
run_block verify host
run_block repair host "s|DIR|$work/run-data|"

# serves_then_ends PORT: behind a command that would run for ever, waits until it answers, and ends it in order.
cat >"$work/bin/serves_then_ends" <<'SH'
#!/bin/bash
until curl -s -o /dev/null "http://localhost:$1/"; do sleep 0.1; done
kill -QUIT "$2"
SH
chmod +x "$work/bin/serves_then_ends"
ended() { echo "& \\& serves_then_ends $1 \$!; wait \$! "; } # for a sed script

proves "without a container in nginx's place and in registry:2's"
gate_ports=8081
registry_port=8082
use_example 1-plain.conf
on host cp "$work/nginx.conf" /etc/nginx/nginx.conf
printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: ":8082"}\n' "$work/more-data" |
  on host tee /etc/docker/registry/config.yml >/dev/null
run_block in-registry-place host "s/^caisson registry serve \/[^#]*/$(ended 8082)/"
run_block in-nginx-place host "s/ -g 'daemon off;'/$(ended 8081)/"
expect_contains "the verdict" "test is successful" "$output"

proves "every line that README explains was said"
explained=$(sed -n '/^## When a client/,/^## /s/^| `\([^`]*\)` .*/\1/p' "$readme" | sort)
expect_equal "lines" "$explained" "$(sort <<<"$said" | sed '/^$/d')"
