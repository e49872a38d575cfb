#!/bin/bash
# The documentation's recipe for nginx in front of registry:2, word for word, with today's form of compose files, users
# by `htpasswd -Bbn`, and the version header by a map, with the images' names changed and nothing else: caisson in
# nginx's place, in both, then the two that it stands for again.
source "$(dirname "$0")/containers.sh" "$@"
make_images_of_today
expect_success on host docker tag nginx:1.9 nginx:alpine
make_test_image host
project=$work/recipe
mkdir -p "$project/auth"
compose() { on host docker-compose --project-directory "$project" --file "$project/docker-compose.yml" "$@"; }

cat >"$project/auth/nginx.conf" <<'CONF'
events {
    worker_connections  1024;
}

http {

  upstream docker-registry {
    server registry:5000;
  }

  ## Set a variable to help us decide if we need to add the
  ## 'Docker-Distribution-Api-Version' header.
  ## The registry always sets this header.
  ## In the case of nginx performing auth, the header is unset
  ## since nginx is auth-ing before proxying.
  map $upstream_http_docker_distribution_api_version $docker_distribution_api_version {
    '' 'registry/2.0';
  }

  server {
    listen 443 ssl;
    server_name myregistrydomain.com;

    # SSL
    ssl_certificate /etc/nginx/conf.d/domain.crt;
    ssl_certificate_key /etc/nginx/conf.d/domain.key;

    # Recommendations from https://raymii.org/s/tutorials/Strong_SSL_Security_On_nginx.html
    ssl_protocols TLSv1.1 TLSv1.2;
    ssl_ciphers 'EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH';
    ssl_prefer_server_ciphers on;
    ssl_session_cache shared:SSL:10m;

    # disable any limits to avoid HTTP 413 for large image uploads
    client_max_body_size 0;

    # required to avoid HTTP 411: see Issue #1486 (https://github.com/moby/moby/issues/1486)
    chunked_transfer_encoding on;

    location /v2/ {
      # Do not allow connections from docker 1.5 and earlier
      # docker pre-1.6.0 did not properly set the user agent on ping, catch "Go *" user agents
      if ($http_user_agent ~ "^(docker\/1\.(3|4|5(?!\.[0-9]-dev))|Go ).*$" ) {
        return 404;
      }

      # To add basic authentication to v2 use auth_basic setting.
      auth_basic "Registry realm";
      auth_basic_user_file /etc/nginx/conf.d/nginx.htpasswd;

      ## If $docker_distribution_api_version is empty, the header is not added.
      ## See the map directive above where this variable is defined.
      add_header 'Docker-Distribution-Api-Version' $docker_distribution_api_version always;

      proxy_pass                          http://docker-registry;
      proxy_set_header  Host              $http_host;   # required for docker client's sake
      proxy_set_header  X-Real-IP         $remote_addr; # pass on real client's IP
      proxy_set_header  X-Forwarded-For   $proxy_add_x_forwarded_for;
      proxy_set_header  X-Forwarded-Proto $scheme;
      proxy_read_timeout                  900;
    }
  }
}
CONF

write_compose() { # NGINX-IMAGE REGISTRY-IMAGE
  cat >"$project/docker-compose.yml" <<YAML
version: "3"

services:
  nginx:
    # Note : Only nginx:alpine supports bcrypt.
    # If you don't need to use bcrypt, you can use a different tag.
    # Ref. https://github.com/nginxinc/docker-nginx/issues/29
    image: "$1"
    ports:
      - 5043:443
    depends_on:
      - registry
    volumes:
      - ./auth:/etc/nginx/conf.d
      - ./auth/nginx.conf:/etc/nginx/nginx.conf:ro

  registry:
    image: $2
    volumes:
      - registry-data:/var/lib/registry

volumes:
  registry-data:
YAML
}

make_certificates
cp "$work/conf.d/domain.crt" "$work/conf.d/domain.key" "$project/auth/"
expect_success on host docker run --rm --entrypoint htpasswd caisson -Bbn testuser testpassword
printf '%s\n' "$output" >"$project/auth/nginx.htpasswd"
trust host "$domain:5043"
trust client "$domain:5043"

up() { # NGINX-IMAGE REGISTRY-IMAGE
  write_compose "$1" "$2"
  expect_success compose up -d
  wait_until 30 "the gate answers" answers --cacert "$work/conf.d/ca.crt" --user testuser:testpassword \
    "https://$domain:5043/v2/"
}
version_headers() {
  get --cacert "$work/conf.d/ca.crt" -o /dev/null -D - "$@" "https://$domain:5043/v2/" |
    tr -d '\r' | grep -i '^docker-distribution-api-version' || true
}
push_and_pull() { # NAME
  local image=$domain:5043/$1
  expect_success on host docker tag test-image "$image"
  expect_success on host docker push "$image"
  expect_pull "$1"
}
expect_pull() {
  local image=$domain:5043/$1
  expect_success on client docker pull "$image"
  expect_success on client docker run --rm "$image" ls /
  expect_contains "the container's files" SUCCESS "$output"
  expect_success on client docker rmi --force "$image"
}

proves "caisson in nginx's place: docker login, push, and pull on another machine"
up caisson registry:2
for machine in host client; do
  expect_success on "$machine" docker login -u=testuser -p=testpassword "$domain:5043"
  expect_contains "docker's answer" "Login Succeeded" "$output"
done
push_and_pull test

proves "the version header is there once, on the gate's own refusal and on the registry's answer"
for who in testuser:testpassword testuser:wrong; do
  expect_equal "headers for $who" "docker-distribution-api-version: registry/2.0" \
    "$(version_headers --user "$who" | tr '[:upper:]' '[:lower:]')"
done

proves "a configuration that names no log logs to docker logs, as nginx's image does"
says() { grep -F "$1" <<<"$(compose logs --no-color nginx 2>&1)" >/dev/null; }
wait_until 20 "the push is logged" says '"PUT /v2/test/manifests/latest HTTP/1.1" 201'

proves "caisson in both places, on the same volume"
up caisson caisson
expect_pull test
push_and_pull by-both

proves "with nginx:alpine and registry:2 again, everything is there"
up nginx:alpine registry:2
head=$(get --cacert "$work/conf.d/ca.crt" -o /dev/null -D - "https://$domain:5043/v2/")
expect_matches "the server" "nginx/" "$head"
for name in test by-both; do expect_pull "$name"; done
expect_success compose down --volumes
