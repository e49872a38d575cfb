#!/bin/bash
# The tutorial of registry:2 as a service of a swarm, word for word, with the image's name changed and nothing else: two
# secrets for the certificate and its key, a node picked by its label, a folder of that node, port 443.
source "$(dirname "$0")/containers.sh" "$@"
make_images_of_today
make_test_image host
make_certificates
certs=$work/certs
mkdir "$certs" "$work/registry"
cp "$work/conf.d/domain.crt" "$work/conf.d/domain.key" "$certs/"
trust host "$domain"
trust client "$domain"

expect_success on host docker swarm init --advertise-addr 10.88.1.2
node=$(on host docker node ls --format '{{.Hostname}}')
expect_success on host docker node update --label-add registry=true "$node"
expect_success on host docker secret create domain.crt "$certs/domain.crt"
expect_success on host docker secret create domain.key "$certs/domain.key"

# A kernel without IPVS cannot deal connections out to a service's nodes: the port is then the node's own.
published=published=443,target=443
modprobe -q ip_vs 2>/dev/null || true
if [[ ! -e /proc/net/ip_vs ]]; then
  echo "  (no IPVS here: --publish with mode=host)"
  published+=,mode=host
fi

# create IMAGE KEY [ARGUMENT...]: the tutorial's command
create() {
  local image=$1 key=$2
  shift 2
  on host docker service create \
    --name registry \
    --secret domain.crt \
    --secret domain.key \
    --constraint 'node.labels.registry==true' \
    --mount "type=bind,src=$work/registry,dst=/var/lib/registry" \
    -e REGISTRY_HTTP_ADDR=0.0.0.0:443 \
    -e REGISTRY_HTTP_TLS_CERTIFICATE=/run/secrets/domain.crt \
    -e "REGISTRY_HTTP_TLS_KEY=/run/secrets/$key" \
    --publish "$published" \
    --replicas 1 \
    --no-resolve-image \
    "$@" "$image"
}
serves() { answers --cacert "$work/conf.d/ca.crt" "https://$domain/v2/"; }
expect_pull() {
  expect_success on client docker pull "$domain/test-image"
  expect_success on client docker run --rm "$domain/test-image" ls /
  expect_contains "the container's files" SUCCESS "$output"
  expect_success on client docker rmi --force "$domain/test-image"
}

proves "the service serves by the certificate and key that are its secrets"
expect_success create caisson domain.key
wait_until 30 "the service serves" serves

proves "docker push and pull go through it"
expect_success on host docker tag test-image "$domain/test-image"
expect_success on host docker push "$domain/test-image"
expect_pull

proves "registry:2 in its place has what was pushed"
expect_success on host docker service rm registry
gone() { [[ -z $(on host docker ps -q) ]]; }
wait_until 30 "its container ends" gone
expect_success create registry:2 domain.key --detach
wait_until 30 "the service serves" serves
expect_pull
expect_success on host docker service rm registry
wait_until 30 "its container ends" gone

proves "key.crt for the secret domain.key, as the tutorial has it, is an error that names the file"
expect_success create caisson key.crt --detach --restart-condition none
failed() { [[ $(on host docker service ps registry --format '{{.CurrentState}}') == Failed* ]]; }
wait_until 30 "the task fails" failed
expect_success on host docker service logs registry
expect_contains "the error" 'cannot load certificate key "/run/secrets/key.crt": open()' "$output"
expect_contains "the error" 'in REGISTRY_HTTP_TLS_KEY' "$output"
