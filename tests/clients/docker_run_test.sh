#!/bin/bash
# The tutorials of registry:2 with `docker run`, word for word, with the image's name changed and nothing else: a volume
# of its own and a folder of the host, TLS, passwords, the slips that people copy, plain HTTP. After each registry:2
# itself comes back to the same volume.
source "$(dirname "$0")/containers.sh" "$@"
make_images_of_today
make_test_image host
IMAGE=caisson
cd "$work" # "$(pwd)" is part of the commands
ca=$work/conf.d/ca.crt

# run DOCKER-RUN-ARGUMENT... IMAGE: a container called registry; serves_at URL [CURL-ARGUMENT...] waits for it.
run() { expect_success on host docker run -d --restart=always --name registry "$@"; }
serves_at() { wait_until 30 "the registry serves at $1" answers "$@"; }
remove() {
  expect_success on host docker container stop registry
  expect_success on host docker container rm "$@" registry
}
push() { # IMAGE: the test image, under this name
  expect_success on host docker tag test-image "$1"
  expect_success on host docker push "$1"
  expect_success on host docker image remove "$1"
}
expect_pull() { # MACHINE IMAGE: what the tutorial made is in it
  expect_success on "$1" docker pull "$2"
  expect_success on "$1" docker run --rm "$2" ls /
  expect_contains "the container's files" SUCCESS "$output"
  expect_success on "$1" docker image remove --force "$2"
}
log_of_registry() { on host docker logs registry 2>&1; }
volume_of_registry() { on host docker inspect --format '{{(index .Mounts 0).Name}}' registry; }

proves "docker run -d -p 5000:5000: push, pull, and what is there by curl"
run -p 5000:5000 $IMAGE
serves_at http://localhost:5000/v2/
push localhost:5000/my-ubuntu
expect_pull host localhost:5000/my-ubuntu
expect_equal "the catalog" '{"repositories":["my-ubuntu"]}' "$(get http://localhost:5000/v2/_catalog)"
expect_equal "the tags" '{"name":"my-ubuntu","tags":["latest"]}' "$(get http://localhost:5000/v2/my-ubuntu/tags/list)"
first_line=$(log_of_registry | sed -n 1p)
expect_contains "the log's first line" "in registry:2's place, since there is no command" "$first_line"

proves "it is healthy, though it listens on IPv6 and the container has no address of it"
expect_success on host docker exec registry caisson health

proves "with --restart=always it is back when it was killed, and so is what was pushed"
kill -KILL "$(on host docker inspect --format '{{.State.Pid}}' registry)"
restarted() { [[ $(on host docker inspect --format '{{.RestartCount}} {{.State.Running}}' registry) == "1 true" ]]; }
wait_until 20 "the engine starts it again" restarted
serves_at http://localhost:5000/v2/
expect_pull host localhost:5000/my-ubuntu

proves "docker container rm without -v keeps its volume, and registry:2 serves what is on it"
volume=$(volume_of_registry)
remove
run -p 5000:5000 -v "$volume:/var/lib/registry" registry:2
serves_at http://localhost:5000/v2/
expect_pull host localhost:5000/my-ubuntu
remove

proves "docker container rm -v removes it with its volume"
run -p 5000:5000 $IMAGE
serves_at http://localhost:5000/v2/
volume=$(volume_of_registry)
remove -v
expect_failure on host docker volume inspect "$volume"

proves "a folder of the host as its volume survives the container"
run -p 5000:5000 -v "$(pwd)/registry-data:/var/lib/registry" $IMAGE
serves_at http://localhost:5000/v2/
push localhost:5000/my-ubuntu
remove -v
run -p 5000:5000 -v "$(pwd)/registry-data:/var/lib/registry" $IMAGE
serves_at http://localhost:5000/v2/
expect_pull host localhost:5000/my-ubuntu

proves "without TLS another machine's engine refuses it, and takes it with insecure-registries"
expect_failure on client docker pull "$domain:5000/my-ubuntu"
expect_contains "docker's error" "http: server gave HTTP response to HTTPS client" "$output"
on client mkdir -p /etc/docker
printf '{ "insecure-registries": ["%s:5000"] }\n' "$domain" | on client tee /etc/docker/daemon.json >/dev/null
kill -HUP "$(<"$work/client/docker.pid")"
takes_it() { on client docker info 2>/dev/null | grep -q "$domain:5000"; }
wait_until 20 "the engine takes its new configuration" takes_it
expect_pull client "$domain:5000/my-ubuntu"

proves "registry:2 serves the folder of the host, too, and what registry:2 adds is there when it has gone again"
remove
run -p 5000:5000 -v "$(pwd)/registry-data:/var/lib/registry" registry:2
serves_at http://localhost:5000/v2/
expect_pull client "$domain:5000/my-ubuntu"
push localhost:5000/added
remove
run -p 5000:5000 -v "$(pwd)/registry-data:/var/lib/registry" $IMAGE
serves_at http://localhost:5000/v2/
expect_pull host localhost:5000/added
remove

proves "a certificate in /certs: TLS on port 443, for whoever knows the authority"
make_certificates
mkdir certs auth
cp conf.d/domain.crt conf.d/domain.key certs/
with_certificate=(-v "$(pwd)/certs:/certs" -e REGISTRY_HTTP_ADDR=0.0.0.0:443
  -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt -e REGISTRY_HTTP_TLS_KEY=/certs/domain.key -p 443:443)
run -v "$(pwd)/registry-data:/var/lib/registry" "${with_certificate[@]}" $IMAGE
serves_at "https://$domain/v2/" --cacert "$ca"
expect_failure on client docker pull "$domain/my-ubuntu"
expect_contains "docker's error" "x509: certificate signed by unknown authority" "$output"
trust host "$domain"
trust client "$domain"
before=$(log_of_registry)
expect_success on host docker exec registry caisson health
expect_equal "the log after a health check" "$before" "$(log_of_registry)"
push "$domain/secured"
expect_pull client "$domain/secured"
remove
run -v "$(pwd)/registry-data:/var/lib/registry" "${with_certificate[@]}" registry:2
serves_at "https://$domain/v2/" --cacert "$ca"
expect_pull client "$domain/secured"
remove

proves "a user in /auth, made by the image's htpasswd: only logged in one may push and pull"
expect_success on host docker run --rm --entrypoint htpasswd $IMAGE -Bbn testuser testpassword
sed '/^$/d' <<<"$output" >auth/htpasswd
with_users=(-v "$(pwd)/auth:/auth" -e REGISTRY_AUTH=htpasswd -e "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm")
with_path=(-e REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd)
log_in() { on "$1" docker login "$domain" --username testuser --password-stdin <<<"$2"; }
expect_only_logged_in() { # for the image's name: a push and a pull
  expect_success on host docker tag test-image "$domain/$1"
  expect_failure on host docker push "$domain/$1"
  expect_contains "docker's error" "no basic auth credentials" "$output"
  expect_failure log_in host wrong
  expect_contains "docker's error" "401 Unauthorized" "$output"
  expect_success log_in host testpassword
  expect_success log_in client testpassword
  push "$domain/$1"
  expect_pull client "$domain/$1"
  expect_success on host docker logout "$domain"
  expect_success on client docker logout "$domain"
}
run -v "$(pwd)/registry-data:/var/lib/registry" "${with_certificate[@]}" "${with_users[@]}" "${with_path[@]}" $IMAGE
serves_at "https://$domain/v2/" --cacert "$ca" --user testuser:testpassword
expect_only_logged_in guarded
remove
run -v "$(pwd)/registry-data:/var/lib/registry" "${with_certificate[@]}" "${with_users[@]}" "${with_path[@]}" registry:2
serves_at "https://$domain/v2/" --cacert "$ca" --user testuser:testpassword
expect_only_logged_in guarded-by-registry-2
remove

proves "without a path, and \"testuser test123\" in the file: the log says what is wrong with both, and how to mend it"
echo 'testuser test123' >auth/htpasswd
run -v "$(pwd)/registry-data:/var/lib/registry" "${with_certificate[@]}" "${with_users[@]}" $IMAGE
refuses() { [[ $(get -o /dev/null -w '%{http_code}' --cacert "$ca" "$@" 2>/dev/null) == 401 ]]; }
wait_until 30 "it lets nobody in" refuses "https://$domain/v2/"
said=$(log_of_registry)
expect_contains "the log" '\"auth.htpasswd\" has no \"path\"; /auth/htpasswd is there and is used' "$said"
expect_contains "the log" 'REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd' "$said"
expect_contains "the log" 'no colon between user and hash, nobody can log in with this line in /auth/htpasswd:1' "$said"
expect_contains "the log" 'htpasswd -nbB USER PASSWORD' "$said"
expect_lacks "the log" test123 "$said"
expect_failure log_in client test123
expect_contains "docker's error" "401 Unauthorized" "$output"

proves "the line made as the log says is in force without a new start"
expect_success on host docker run --rm --entrypoint htpasswd $IMAGE -nbB testuser test123
sed '/^$/d' <<<"$output" >auth/htpasswd
serves_at "https://$domain/v2/" --cacert "$ca" --user testuser:test123
expect_success log_in client test123
expect_pull client "$domain/guarded"
remove

proves "without a path and without the file it ends, and says what to mount and to set"
rm auth/htpasswd
expect_failure on host docker run --rm "${with_users[@]}" $IMAGE
expect_contains "the error" '"auth.htpasswd" needs a "path", the file of users' "$output"
expect_contains "the error" 'mount it, as /auth/htpasswd, and set REGISTRY_AUTH_HTPASSWD_PATH to it' "$output"
