#!/bin/bash
# Podman and buildah log in, push and pull, across a network.   podman_test.sh external|embedded
source "$(dirname "$0")/world.sh" "$@"

gate_ports=5043
make_user
make_certificates
use_backend "${1:-external}"
use_example "$complete_example"
start_gate
registry=$domain:5043

for machine in writer reader; do
  start_machine $machine sleep infinity
  mkdir "$work/$machine/images"
  on $machine mkdir -p /etc/containers
  on $machine tee /etc/containers/storage.conf >/dev/null <<TOML
[storage]
driver = "vfs"
graphroot = "$work/$machine/images"
runroot = "/run/containers/storage"
TOML
done
log_in() { on "$1" podman login "$registry" --username "$user" --password-stdin <<<"$2"; }

proves "Podman refuses a certificate of an authority that it does not know"
expect_failure log_in writer "$password"
expect_contains "podman's error" "x509: certificate signed by unknown authority" "$output"

trust writer "$registry"
trust reader "$registry"
proves "a wrong password is refused"
expect_failure log_in writer wrong
expect_contains "podman's error" "invalid username/password" "$output"

proves "the right one logs in"
expect_success log_in writer "$password"
expect_contains "podman's answer" "Login Succeeded" "$output"
expect_success log_in reader "$password"

head -c 5000000 /dev/urandom >"$work/noise"
mkdir -p "$work/small-system"
small_system >/dev/null
cp "$work/noise" "$work/small-system/noise"
small_system | on writer podman import - "$registry/podman/image:v1" >/dev/null 2>&1

proves "what one machine pushes, another pulls, by tag and by digest"
expect_success on writer podman push --digestfile "$work/digest" "$registry/podman/image:v1"
digest=$(cat "$work/digest")
for reference in "$registry/podman/image:v1" "$registry/podman/image@$digest"; do
  expect_success on reader podman pull "$reference"
  expect_success on reader podman image inspect --format '{{.Digest}}' "$reference"
  expect_equal "digest" "$digest" "$output"
  expect_success on reader podman save --output "$work/image.tar" "$reference"
  mkdir "$work/unpacked"
  tar -C "$work/unpacked" -xf "$work/image.tar"
  expect_success tar -C "$work/unpacked" -xf "$(find "$work/unpacked" -name '*.tar' | head -n 1)"
  expect_success cmp "$work/noise" "$work/unpacked/noise"
  rm -r "$work/unpacked" "$work/image.tar"
  expect_success on reader podman rmi --force "$reference"
done

proves "what buildah builds for two platforms and pushes as one list, Podman pulls for each"
build() { # ARCHITECTURE
  local container
  container=$(on writer buildah from --arch "$1" scratch)
  echo "$1" >"$work/which"
  on writer buildah copy "$container" "$work/noise" "$work/which" /
  on writer buildah config --arch "$1" "$container"
  on writer buildah commit --manifest several "$container"
}
for architecture in amd64 arm64; do expect_success build "$architecture"; done
expect_success on writer buildah manifest push --all several "docker://$registry/podman/several:v1"
for architecture in amd64 arm64; do
  expect_success on reader podman pull --arch "$architecture" "$registry/podman/several:v1"
  expect_success on reader podman image inspect --format '{{.Architecture}}' "$registry/podman/several:v1"
  expect_equal "architecture" "$architecture" "$output"
  expect_success on reader podman rmi --force "$registry/podman/several:v1"
done

proves "logged out, it gets nothing"
expect_success on reader podman logout "$registry"
expect_failure on reader podman pull "$registry/podman/image:v1"
expect_matches "podman's error" "authentication required|unauthorized" "$output"
