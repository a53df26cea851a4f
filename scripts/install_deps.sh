#!/bin/sh
# Installs the Debian packages that a make target needs: install_deps.sh build|record|test|bench.
# Quiet, and a fraction of a second when they are all there.
set -eu

build="g++ cmake ninja-build pkg-config libboost-context-dev libcli11-dev libfmt-dev
  libtomlplusplus-dev nlohmann-json3-dev zlib1g-dev libzstd-dev libsqlite3-dev"
# CMake looks for what tests/ and bench/ need whenever it configures, so each target has both.
build="$build libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev python3"

# The report's page is built by npm: Debian's, unless there is one already.
command -v npm >/dev/null || build="$build npm"

case "${1:-}" in
  build) packages="$build" ;;
  record) packages="$build qemu-user" ;;
  test) packages="$build clang-19 libclang-rt-19-dev universal-ctags gdb binutils util-linux
    sqlite3 redis-server redis-tools qemu-user strace chromium" ;;
  bench) packages="$build valgrind qemu-user libdpdk-dev libmimalloc2.0 libjemalloc2
    libtcmalloc-minimal4" ;;
  *) echo "usage: $0 build|record|test|bench" >&2; exit 2 ;;
esac

missing=""
for package in $packages; do
  case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
    installed) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "please install, as root:$missing" >&2; exit 1; }
  as_root="sudo"
fi
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing:$missing"
# shellcheck disable=SC2086
{ $apt update && $apt install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null || {
  cat "$log" >&2
  exit 1
}
