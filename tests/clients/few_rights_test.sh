#!/bin/bash
# A container with few rights, `--user 1000:1000 --read-only --cap-drop ALL`, in nginx's place and in registry:2's; and
# what `docker stop` does to pushes that are under way.
source "$(dirname "$0")/containers.sh" "$@"
make_test_image host
few_rights=(--user 1000:1000 --read-only --cap-drop ALL)
install -d -o 1000 -g 1000 "$data"
mkdir "$work/site" "$work/of-root"
said() { on host docker logs "$1" 2>&1; }
says() { said "$1" | grep -F "$2" >/dev/null; }

proves "in registry:2's place, with a folder that is its user's, it takes a push and gives it back"
expect_success on host docker run -d "${few_rights[@]}" -p 5000:5000 -v "$data:/var/lib/registry" --name registry \
  caisson
wait_until 30 "the registry serves" answers http://localhost:5000/v2/
expect_success on host docker tag test-image localhost:5000/test-image
expect_success on host docker push localhost:5000/test-image
expect_success on host docker rmi localhost:5000/test-image
expect_success on host docker pull localhost:5000/test-image
expect_success on host docker exec registry caisson health

proves "with a folder that is root's it ends, and says how to mend that"
expect_failure on host docker run --rm "${few_rights[@]}" -v "$work/of-root:/var/lib/registry" caisson
expect_contains "the error" 'the worker runs as 1000: "chown -R 1000 /var/lib/registry"' "$output"

proves "in nginx's place, on a high port, it serves; that it cannot write its pid file is a warning"
cat >"$work/site/gate.conf" <<'CONF'
upstream docker-registry { server registry:5000; }
server {
  listen 8443;
  client_max_body_size 0;
  location /v2/ {
    add_header X-Configuration first always;
    proxy_pass http://docker-registry;
    proxy_set_header Host $http_host;
  }
}
CONF
expect_success on host docker run -d "${few_rights[@]}" -p 5043:8443 --link registry -v "$work/site:/etc/nginx/conf.d" \
  --name gate caisson
wait_until 30 "the gate serves" answers http://localhost:5043/v2/
expect_contains "the log" '[warn] 1#1: open() "/var/run/nginx.pid" failed (30: Read-only file system)' "$(said gate)"
expect_lacks "the log" "[emerg]" "$(said gate)"
expect_lacks "the log" "set nothing there" "$(said gate)" # the link's variables are nobody's mistake

proves "its health check finds it healthy, says nothing in its log, and finds a worker that hangs"
before=$(said gate)
expect_success on host docker exec gate caisson health
expect_equal "the log" "$before" "$(said gate)"
worker=$(pgrep --parent "$(on host docker inspect --format '{{.State.Pid}}' gate)")
kill -STOP "$worker"
expect_failure on host docker exec gate caisson health
expect_contains "the error" "127.0.0.1:8443 does not answer" "$output"
kill -CONT "$worker"

proves "nginx -t and nginx -s reload do without the pid file, too"
expect_success on host docker exec gate nginx -t
expect_contains "the verdict" "test is successful" "$output"
sed -i 's/ first / second /' "$work/site/gate.conf"
expect_success on host docker exec gate nginx -s reload
is_second() { get -o /dev/null -D - http://localhost:5043/v2/ | grep -q '^X-Configuration: second'; }
wait_until 20 "the new configuration is in force" is_second

# stop_in_the_middle CONTAINER PORT REPOSITORY: `docker stop` while a blob is on its way through it; what the client is
# answered is left in $http_status.
stop_in_the_middle() {
  local container=$1 url=http://localhost:$2/v2/$3/blobs/uploads/ digest location
  head -c 12000000 /dev/urandom >"$work/blob"
  digest=sha256:$(sha256sum <"$work/blob" | cut -d' ' -f1)
  location=$(get -X POST -o /dev/null -w '%header{location}' "$url")
  rm -f "$work/pipe"
  mkfifo "$work/pipe"
  # shellcheck disable=SC2016
  start_on host pusher bash -c '
    exec curl -sS --max-time 60 -X PUT -H "Content-Type: application/octet-stream" -T - -o /dev/null -w "%{http_code}" \
      "$1?digest=$2" <"$3"' push "$location" "$digest" "$work/pipe"
  exec 9>"$work/pipe"
  head -c 8000000 "$work/blob" >&9
  upload=$(find "$data/docker/registry/v2/repositories/$3/_uploads" -name data)
  has_begun() { [[ -s $upload ]]; }
  wait_until 20 "the first bytes are stored" has_begun
  start_on host stopper docker stop "$container" 9>&-
  wait_until 9 "it knows that it is to stop" says "$container" "(SIGQUIT) received"
  tail -c +8000001 "$work/blob" >&9
  exec 9>&-
  wait "${pid_of[pusher]}"
  unset 'pid_of[pusher]'
  http_status=$(<"$work/logs/pusher.log")
  wait "${pid_of[stopper]}"
  unset 'pid_of[stopper]'
  expect_equal "the client's answer" 201 "$http_status"
  expect_equal "exit status" 0 "$(on host docker inspect --format '{{.State.ExitCode}}' "$container")"
  expect_success cmp "$work/blob" "$data/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data"
  expect_equal "what is left of uploads" "" \
    "$(find "$data/docker/registry/v2/repositories/$3/_uploads" -mindepth 1 2>/dev/null || true)"
}

proves "docker stop of the gate in the middle of a push lets it end, and nothing half is left"
stop_in_the_middle gate 5043 through-the-gate

proves "docker stop of the registry in the middle of a push lets it end, and nothing half is left"
stop_in_the_middle registry 5000 to-the-registry

proves "docker push goes through a docker restart in its middle"
expect_success on host docker start registry
wait_until 30 "the registry serves" answers http://localhost:5000/v2/
expect_success on host docker run --name large ubuntu sh -c 'busybox head -c 40000000 /dev/urandom >/large'
expect_success on host docker commit large localhost:5000/large
start_on host pusher docker push localhost:5000/large
is_under_way() { [[ -n $(find "$data/docker/registry/v2/repositories/large" -name data -size +1M 2>/dev/null) ]]; }
wait_until 20 "the layer is on its way" is_under_way
expect_success on host docker restart registry
wait "${pid_of[pusher]}" || fail "docker push ended with $?:
$(<"$work/logs/pusher.log")"
unset 'pid_of[pusher]'
expect_success on host docker rmi localhost:5000/large
expect_success on host docker pull localhost:5000/large
