#!/bin/bash
# The container image is what its Dockerfile says, built by Docker, and small.   image_build_test.sh FILE
#
# FILE gets the image, as `docker save` writes it, for the tests that run it (containers.sh).

# The world of the test has no way out to a mirror: what the build begins with is made before it is entered.
if [[ ${CAISSON_TEST_WORLD:-} != entered && $(id -u) == 0 ]]; then
  CAISSON_BUILD_BASE=$(mktemp)
  export CAISSON_BUILD_BASE
  "$(dirname "$0")/../../conf/container/bootstrap" "$CAISSON_BUILD_BASE" || exit 1
fi
source "$(dirname "$0")/world.sh" "$@"

image=${1:-$source_root/build/image.tar}
start_engine builder

proves "docker build makes it, from Debian 12"
on builder docker import "$CAISSON_BUILD_BASE" caisson-build >/dev/null
rm -f "$CAISSON_BUILD_BASE"
expect_success on builder docker build --build-arg BUILD=caisson-build --file "$source_root/conf/container/Dockerfile" \
  --tag caisson "$source_root"
expect_success on builder docker save --output "$image" caisson

proves "it is at most 15 MB, compressed"
size=$(gzip -c "$image" | wc -c)
((size <= 15000000)) || fail "it has $size bytes"
echo "  $size bytes compressed, $(stat -c %s "$image") unpacked"

proves "it stops by QUIT, has a health check, and begins with the choice of its place"
expect_equal "signal" SIGQUIT "$(on builder docker inspect --format '{{.Config.StopSignal}}' caisson)"
expect_contains "health check" "caisson health" "$(on builder docker inspect --format '{{.Config.Healthcheck.Test}}' caisson)"
expect_success on builder docker run --rm --network none caisson nginx -v
expect_contains "the answer" "in nginx's place" "$output"
expect_contains "the answer" "nginx version: nginx/" "$output"
expect_success on builder docker run --rm --network none caisson --version
expect_contains "the answer" "in registry:2's place" "$output"
expect_success on builder docker run --rm --network none --entrypoint htpasswd caisson -Bbn testuser testpassword
expect_matches "the line" '^testuser:\$2y\$' "$output"

proves "who looks for a shell in it is told what there is"
expect_failure on builder docker run --rm --network none caisson sh
expect_contains "the answer" 'exec of "sh" failed (2: No such file or directory); the programs of this image are' "$output"
