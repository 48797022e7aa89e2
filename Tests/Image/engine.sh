# Where Docker runs it builds and runs the image. Elsewhere podman and buildah do, on stand-ins for the published base images that
# are made of the machine's own Debian mirror: they cannot prove that the published ones are like them, nor a pull.

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() { say "FAILED: $*"; exit 1; }

if docker info >/dev/null 2>&1; then ENGINE=docker; else ENGINE=podman; fi

mirror() { apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Release: bookworm' | head -n 1; }

prepare_engine() {
  [ $ENGINE = docker ] && { say "the engine is $(docker --version)"; return; }
  say "no Docker engine runs here: podman and buildah, with stand-ins for the base images"
  local missing=""
  for package in buildah podman runc conmon catatonit mmdebstrap uidmap fuse-overlayfs slirp4netns iptables netavark aardvark-dns; do
    dpkg-query -W -f='${Status}' $package 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  if [ -n "$missing" ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
      fail "cannot install$missing"
  fi
  export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=overlay
}

has_image() { podman image exists "$1"; }

# make_base NAME PACKAGE...
make_base() {
  has_image "$1" && return
  local name=$1
  shift
  say "making a stand-in for $name"
  local root status
  root=$(mktemp -d)
  # Like the published one it has neither documentation nor languages, and its apt keeps nothing.
  mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "$*")" \
    --dpkgopt=path-exclude=/usr/share/{doc,man,info,locale}/'*' --dpkgopt=path-include=/usr/share/doc/'*'/copyright \
    --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' bookworm "$root/image.tar" "$(mirror)" &&
    podman import --quiet --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$root/image.tar" "$name" >/dev/null
  status=$?
  rm -rf "$root"
  [ $status = 0 ] || fail "cannot make $name"
}

# The toolchain and the copies of the packages that git takes instead of the network come into the build by read-only mounts.
build_mounts() {
  local toolchain
  toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")
  echo "-v $toolchain:$toolchain:ro"
  git config --get-regexp '^url\..*\.insteadof$' | sed -nE 's/^url\.(file:\/\/)?(\/[^ ]*[^ \/])\/?\.insteadof .*/\2/p' | sort -u |
    while read -r folder; do [ -d "$folder" ] && echo "-v $folder:$folder:ro"; done
  for file in /etc/gitconfig ~/.gitconfig; do [ -f $file ] && echo "-v $file:/etc/gitconfig:ro"; done | head -n 1
}

# build TAG
build_image() {
  local tag=$1
  if [ $ENGINE = docker ]; then docker build -q -f docker/Dockerfile -t "$tag" . >/dev/null || fail "docker build"; return; fi
  make_base docker.io/library/debian:bookworm-slim ca-certificates
  local swift="docker.io/library/swift:6.3-bookworm"
  if ! has_image $swift; then
    local toolchain
    toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
    make_base localhost/swift-base ca-certificates git g++ libc6-dev libcurl4 libxml2 libsqlite3-0 libncurses6 zlib1g-dev tzdata binutils
    printf 'FROM localhost/swift-base\nENV PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' "$toolchain" |
      buildah bud -q --format docker -t $swift - >/dev/null || fail "the stand-in for $swift"
  fi
  say "building docker/Dockerfile as it is"
  # shellcheck disable=SC2046
  buildah bud -q --pull-never --format docker $(build_mounts) -f docker/Dockerfile -t "$tag" . >/dev/null || fail "buildah bud"
}

# build_from_stdin TAG: a Dockerfile that needs no files.
build_from_stdin() {
  if [ $ENGINE = docker ]; then docker build -q -t "$1" - >/dev/null || fail "docker build"; return; fi
  buildah bud -q --pull-never --format docker -t "$1" - >/dev/null 2>&1 || fail "cannot build $1"
}

container() {
  if [ $ENGINE = docker ]; then docker "$@"; else podman --runtime runc --cgroup-manager=cgroupfs "$@"; fi
}

# What podman would ask for is more than an unprivileged machine gives.
run_limits() { [ $ENGINE = docker ] || echo "--ulimit nofile=20000:20000 --ulimit nproc=4096:4096"; }

# healthy NAME: whether its HEALTHCHECK says so. Podman asks on a timer of systemd, so here it is told to.
healthy() {
  [ $ENGINE = podman ] && { container healthcheck run "$1" >/dev/null; return; }
  for _ in $(seq 300); do
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" = healthy ] && return
    sleep 0.1
  done
  return 1
}

# make_language IMAGE PACKAGE: a stand-in for another published image that the workers run on.
make_language() {
  [ $ENGINE = docker ] || has_image "$1" && return
  say "making a stand-in for $1"
  printf 'FROM docker.io/library/debian:bookworm-slim\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends %s\n' "$2" |
    build_from_stdin "$1"
}

compose() {
  if [ $ENGINE = docker ]; then docker compose -f docker/compose.yaml -p "$NAME" "$@"; return; fi
  "$TOOLS/bin/podman-compose" --podman-args='--runtime runc --cgroup-manager=cgroupfs' \
    --podman-run-args='--ulimit nofile=20000:20000 --ulimit nproc=4096:4096' -f docker/compose.yaml -p "$NAME" "$@"
}

composed=
compose_down() {
  [ -n "$composed" ] || return
  compose down -v >/dev/null 2>&1
  rm -f "$PROCESSION_TOKEN_SOURCE"
  composed=
}
