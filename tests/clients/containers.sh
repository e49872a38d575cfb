# Source this in a test whose gate runs in containers, as people run it: on the machine "host", which a second one,
# "client", reaches as myregistrydomain.com over a network. Both have a Docker engine. CAISSON_IMAGE is the image, as
# `docker save` wrote it (image_build_test.sh).
source "$(dirname "${BASH_SOURCE[0]}")/world.sh" "$@"

: "${CAISSON_IMAGE:=$source_root/build/image.tar}"
[[ -s $CAISSON_IMAGE ]] || fail "no image at $CAISSON_IMAGE; image_build_test.sh makes it"

domain_address=10.88.1.2 # of "host": the gate is in its containers
start_engine host
start_engine client

# What containers said goes to the test's logs, which a failure shows the end of.
keep_container_logs() {
  local name
  for name in $(on host docker ps --all --format '{{.Names}}' 2>/dev/null); do
    on host docker logs "$name" >"$work/logs/container_$name.log" 2>&1
  done
}
trap 'verdict=$?; keep_container_logs; clean_up $verdict' EXIT
sysctl -qw net.ipv4.ip_forward=1
for machine in host client; do
  number=$([[ $machine == host ]] && echo 1 || echo 2)
  on "$machine" ip route add default via "10.88.$number.1"
done
expect_success on host docker load --quiet --input "$CAISSON_IMAGE"

# program_image NAME PROGRAM FOLDER COMMAND: an image of a program of this machine with its libraries, and of FOLDER's
# files: what stands for nginx's and registry:2's own images, which come from a hub. COMMAND is a JSON array.
program_image() {
  local name=$1 program=$2 tree=$work/images/$1 library
  mkdir -p "$tree"/{etc,tmp,run,var/{log/nginx,lib/nginx},usr/{sbin,bin}}
  ln -s /run "$tree/var/run"
  cp "$program" "$tree/usr/sbin/"
  { ldd "$program" || true; } | { grep -o '/[^ ]*' || true; } | while read -r library; do
    install -D -m 755 "$(realpath "$library")" "$tree$library"
  done
  printf 'root:x:0:0::/:/\nnginx:x:101:101::/:/\nnobody:x:65534:65534::/:/\n' >"$tree/etc/passwd"
  printf 'root:x:0:\nnginx:x:101:\nnogroup:x:65534:\n' >"$tree/etc/group"
  cp -r "$3/." "$tree/"
  tar -C "$tree" -c . | on host docker import \
    --change 'ENV PATH=/usr/sbin:/usr/bin' --change "CMD $4" - "$name" >/dev/null
}

# nginx:1.9 and registry:2, made of this machine's nginx and docker-registry: what people have today, and go back to.
make_images_of_today() {
  local files=$work/nginx-files
  mkdir -p "$files/etc/nginx/conf.d" "$files/var/log/nginx"
  cp "$source_root/conf/mime.types" "$files/etc/nginx/"
  sed 's/^user .*/user  nginx;/' "$source_root/conf/nginx.conf" >"$files/etc/nginx/nginx.conf"
  ln -s /dev/stdout "$files/var/log/nginx/access.log"
  ln -s /dev/stderr "$files/var/log/nginx/error.log"
  program_image nginx:1.9 "$(command -v nginx)" "$files" '["nginx", "-g", "daemon off;"]'
  files=$work/registry-files
  mkdir -p "$files/etc/docker/registry"
  cat >"$files/etc/docker/registry/config.yml" <<'YAML'
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
YAML
  program_image registry:2 "$(command -v docker-registry)" "$files" \
    '["docker-registry", "serve", "/etc/docker/registry/config.yml"]'
}

# What a newcomer pushes: a file is made in a container, and committed.
make_test_image() { # MACHINE
  small_system | on "$1" docker import - ubuntu >/dev/null
  expect_success on "$1" docker run --name made ubuntu sh -c 'echo done >/SUCCESS'
  expect_success on "$1" docker commit made test-image
  expect_success on "$1" docker rm made
}

# curl on the machine "host"; whether an answer is 200.
get() { on host curl -sS --max-time 20 "$@"; }
answers() { [[ $(get -o /dev/null -w '%{http_code}' "$@" 2>/dev/null) == 200 ]]; }
