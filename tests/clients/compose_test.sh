#!/bin/bash
# A widespread tutorial, word for word: docker-compose with nginx in front of registry:2, from the plain stage to TLS with
# passwords, with the image's name changed and nothing else.   compose_test.sh nginx|both|one
#
#   nginx  caisson in nginx's place, the registry as it was
#   both   caisson in both places
#   one    one container of caisson, with the one line `registry /data;`
source "$(dirname "$0")/containers.sh" "$@"
which=${1:-both}

make_images_of_today

case $which in
  nginx) nginx_image=caisson registry_image=registry:2 ;;
  both) nginx_image=caisson registry_image=caisson ;;
  one) nginx_image=caisson registry_image= ;;
  *) fail "nginx, both or one, not \"$which\"" ;;
esac

project=$work/docker-registry
mkdir -p "$project/data" "$project/nginx"
chmod 777 "$project/data" # the worker of a single container has nginx's rights
compose() { on host docker-compose --project-name tutorial --file "$project/docker-compose.yml" "$@"; }

# write_compose NGINX-IMAGE REGISTRY-IMAGE PORT: the tutorial's file, without `services:`
write_compose() {
  {
    printf 'nginx:\n  image: "%s"\n  ports:\n    - %s:443\n  volumes:\n    - ./nginx/:/etc/nginx/conf.d\n' "$1" "$3"
    if [[ -n $2 ]]; then
      printf '  links:\n    - registry:registry\n'
      printf 'registry:\n  image: %s\n  ports:\n    - 127.0.0.1:5000:5000\n' "$2"
      printf '  environment:\n    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data\n  volumes:\n    - ./data:/data\n'
    else
      printf '    - ./data:/data\n'
    fi
  } >"$project/docker-compose.yml"
}

# use_stage FILE: one of conf/examples/
use_stage() {
  cp "$source_root/conf/examples/$1" "$project/nginx/registry.conf"
  if [[ -z $registry_image ]]; then sed -i 's|server registry:5000;|registry /data;|' "$project/nginx/registry.conf"; fi
}

up() {
  expect_success compose up -d --force-recreate
  wait_until 30 "the gate answers" answers "$@"
}

proves "the plain stage: curl gets {} from the gate"
write_compose "$nginx_image" "$registry_image" 5043
use_stage 1-plain.conf
up http://localhost:5043/v2/
expect_equal "answer" "{}" "$(get http://localhost:5043/v2/)"
if [[ -n $registry_image ]]; then
  proves "and from the registry behind it"
  expect_equal "answer" "{}" "$(get http://localhost:5000/v2/)"
fi

proves "the log of the container says first whose place it takes"
expect_matches "the log" "caisson/[0-9.]+: in nginx's place, since there is /etc/nginx/conf.d/registry.conf" \
  "$(compose logs --no-color nginx 2>&1)"

proves "basic authentication, with a file that htpasswd -c made"
htpasswd -cb "$project/nginx/registry.password" "$user" "$password" 2>/dev/null
use_stage 2-basic-auth.conf
up --user "$user:$password" http://localhost:5043/v2/
expect_contains "answer" "401" "$(get -o /dev/null -w '%{http_code}' http://localhost:5043/v2/)"

proves "TLS with an authority of one's own, made by the tutorial's commands and one line for today's clients"
(
  cd "$project/nginx"
  openssl genrsa -out devdockerCA.key 2048
  openssl req -x509 -new -nodes -key devdockerCA.key -days 10000 -out devdockerCA.crt -subj '/CN=my company'
  openssl genrsa -out domain.key 2048
  openssl req -new -key domain.key -out dev-docker-registry.com.csr -subj "/CN=$domain"
  openssl x509 -req -in dev-docker-registry.com.csr -CA devdockerCA.crt -CAkey devdockerCA.key -CAcreateserial \
    -out domain.crt -days 10000 -extfile <(echo "subjectAltName=DNS:$domain")
) 2>/dev/null
use_stage 4-tls.conf
with_password=(--cacert "$project/nginx/devdockerCA.crt" --user "$user:$password")
up "${with_password[@]}" "https://$domain:5043/v2/"

make_test_image host
push_and_pull() { # HOST[:PORT] NAME
  local image=$1/$2 machine
  for machine in host client; do
    trust "$machine" "$1" "$project/nginx/devdockerCA.crt"
    expect_success on "$machine" docker login "https://$1" --username "$user" --password-stdin <<<"$password"
    expect_contains "docker's answer" "Login Succeeded" "$output"
  done
  expect_success on host docker tag test-image "$image"
  expect_success on host docker push "$image"
  expect_success on client docker pull "$image"
  expect_success on client docker run --rm "$image" ls /
  expect_contains "the container's files" SUCCESS "$output"
  expect_success on client docker rmi --force "$image"
}

proves "docker login, push, and pull on a second machine, on port 5043"
push_and_pull "$domain:5043" test-image

proves "the same on port 443, as the tutorial ends"
write_compose "$nginx_image" "$registry_image" 443
use_stage 5-complete.conf
up "${with_password[@]}" "https://$domain/v2/"
push_and_pull "$domain" test-image

proves "docker exec nginx -s reload reloads"
expect_success compose exec -T nginx nginx -s reload
reloaded() { compose logs --no-color nginx 2>&1 | grep -q 'SIGHUP) received'; }
wait_until 20 "the reload is logged" reloaded
expect_equal "answer" "{}" "$(get "${with_password[@]}" "https://$domain/v2/")"

proves "docker kill -s HUP reloads, with what a template has become at a new start"
printf 'add_header X-Made-For ${MADE_FOR} always; # not $host\n' >"$project/made.template"
expect_success on host docker run --detach --name made-for --env MADE_FOR=tests \
  --volume "$project/made.template:/etc/nginx/templates/made.conf.template" "$nginx_image"
container_says() { on host docker logs made-for 2>&1 | grep -qF "$1"; }
wait_until 20 "the template's file is made" container_says "made /etc/nginx/conf.d/made.conf from its template"
wait_until 20 "its worker serves" container_says "start worker process"
expect_success on host docker kill --signal HUP made-for
wait_until 20 "the reload is logged" container_says "SIGHUP) received"
expect_success on host docker cp made-for:/etc/nginx/conf.d/made.conf "$work/made.conf"
expect_equal "the file" 'add_header X-Made-For tests always; # not $host' "$(cat "$work/made.conf")"
expect_success on host docker rm --force made-for

proves "docker-compose stop ends it in order"
expect_success compose stop
expect_equal "exit status" 0 "$(on host docker inspect --format '{{.State.ExitCode}}' tutorial_nginx_1)"

proves "with nginx and registry:2 back in their places, everything is there and can be pulled"
registry_image=registry:2
write_compose nginx:1.9 registry:2 443
use_stage 5-complete.conf
up "${with_password[@]}" "https://$domain/v2/"
expect_matches "the server" "nginx/" "$(get "${with_password[@]}" -o /dev/null -D - "https://$domain/v2/")"
expect_success on client docker pull "$domain/test-image"
expect_success on client docker run --rm "$domain/test-image" ls /
expect_contains "the container's files" SUCCESS "$output"
expect_success compose down
