#!/bin/bash
# Docker itself, across a network, with a certificate that counts: log in, push, and pull with a second engine, on port
# 5043 and on 443.   docker_test.sh external|embedded
source "$(dirname "$0")/world.sh" "$@"

gate_ports="5043 443"
make_user
make_certificates
use_backend "${1:-external}"
use_example "$complete_example"
start_gate
start_engine writer
start_engine reader

log_in() { on "$1" docker login "$2" --username "$user" --password-stdin <<<"$3"; }

proves "an engine that does not know the authority refuses the certificate"
expect_failure log_in writer "$domain:5043" "$password"
expect_contains "docker's error" "x509: certificate signed by unknown authority" "$output"

trust writer "$domain:5043"
proves "a wrong password is unauthorized"
expect_failure log_in writer "$domain:5043" wrong
expect_contains "docker's error" "401 Unauthorized" "$output"

proves "docker login https://$domain:5043 says Login Succeeded"
expect_success log_in writer "https://$domain:5043" "$password"
expect_contains "docker's answer" "Login Succeeded" "$output"

# the guide's image: a file is made in a container, and committed
small_system | on writer docker import - base >"$work/id"
expect_success on writer docker run --name guide base sh -c 'echo done >/SUCCESS; head -c 9000000 /dev/urandom >/noise'
expect_success on writer docker commit guide test-image

for registry in $domain:5043 $domain; do
  trust writer "$registry"
  trust reader "$registry"
  image=$registry/test-image

  proves "$registry: without login a push is refused"
  expect_success on writer docker tag test-image "$image"
  expect_success on writer docker logout "$registry"
  expect_failure on writer docker push "$image"
  expect_contains "docker's error" "no basic auth credentials" "$output"

  proves "$registry: docker push prints the image's digest"
  expect_success log_in writer "$registry" "$password"
  expect_success on writer docker push "$image"
  expect_matches "docker's answer" 'latest: digest: (sha256:[0-9a-f]{64}) size: [0-9]+' "$output"
  digest=${BASH_REMATCH[1]}

  proves "$registry: a second push of it finds every layer there"
  expect_success on writer docker push "$image"
  expect_contains "docker's answer" "Layer already exists" "$output"
  expect_lacks "docker's answer" "Pushed" "$output"
  expect_contains "docker's answer" "$digest" "$output"

  proves "$registry: a second engine, not logged in, may not pull"
  expect_failure on reader docker pull "$image"
  expect_contains "docker's error" "no basic auth credentials" "$output"

  proves "$registry: logged in, it pulls by tag, and the committed file is there"
  expect_success log_in reader "$registry" "$password"
  expect_success on reader docker pull "$image"
  expect_contains "docker's answer" "Digest: $digest" "$output"
  expect_success on reader docker run --rm "$image" ls /
  expect_contains "the container's files" SUCCESS "$output"
  expect_success on reader docker rmi --force "$image"

  proves "$registry: it pulls by digest, and the bytes are the same"
  expect_success on reader docker pull "$image@$digest"
  expect_contains "docker's answer" "Pull complete" "$output"
  expect_success on writer docker run --rm test-image sh -c 'busybox sha256sum /noise'
  written=$output
  expect_success on reader docker run --rm "$image@$digest" sh -c 'busybox sha256sum /noise'
  expect_equal "the file's digest" "$written" "$output"
  expect_success on reader docker rmi --force "$image@$digest"
done

proves "containerd pulls it, with the hosts.toml that scripts/run tells to write"
registry=$domain:5043
image=$registry/test-image:latest
fetch() {
  on reader ctr --address "$work/reader/exec/containerd/containerd.sock" content fetch \
    --user "$user:$1" --hosts-dir /etc/containerd/certs.d "$image"
}
expect_failure fetch "$password"
expect_contains "containerd's error" "x509: certificate signed by unknown authority" "$output"
folder=/etc/containerd/certs.d/$registry
on reader install -D -m 644 "$work/conf.d/ca.crt" "$folder/ca.crt"
printf '[host."https://%s"]\nca = "%s"\n' "$registry" "$folder/ca.crt" | on reader tee "$folder/hosts.toml" >/dev/null
expect_failure fetch wrong
expect_contains "containerd's error" "401 Unauthorized" "$output"
expect_success fetch "$password"
expect_contains "containerd's answer" "manifest-$digest: done" "$(tr -s ' ' <<<"$output")"
