#!/bin/sh
# run.sh BUILD: installs BUILD into an empty prefix and uses it as strangers would: from CMake
# (find_package) and from pkg-config, in C and in C++. Nothing but the API may be exported.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:[A-Z]*=//p' "$build/CMakeCache.txt")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix="$scratch/prefix"

cmake --install "$build" --prefix "$prefix" >"$scratch/install.log"
library=$(find "$prefix" -name libquire.so)
export LD_LIBRARY_PATH="${library%/*}"

echo "exported symbols: all begin with quire_ or are C++ names of namespace quire"
foreign=$(nm -D --defined-only --format=just-symbols "$library" | c++filt |
  grep -Ev '^(quire_|quire::|(vtable|typeinfo|typeinfo name) for quire::)' || true)
[ -z "$foreign" ] || { echo "$foreign"; exit 1; }

echo "CMake: find_package(quire)"
cmake -S "$here/cmake" -B "$scratch/cmake" -G Ninja --log-level=NOTICE \
  -DCMAKE_PREFIX_PATH="$prefix" -DEXPECTED_VERSION="$version"
cmake --build "$scratch/cmake" >"$scratch/build.log" || { cat "$scratch/build.log"; exit 1; }
ctest --test-dir "$scratch/cmake" --output-on-failure --no-tests=error

echo "the tool finds what it was installed with"
"$prefix/bin/quire" run "$here/../../examples/machines/two-small-nodes.toml" \
  "$here/../../examples/traces/sqlite.qtr" --until fault=50 --quiet --report "$scratch/report.html"
grep -q '"workloads":\[.*sqlite.qtr"\]' "$scratch/report.html"

echo "pkg-config"
PKG_CONFIG_PATH="${library%/*}/pkgconfig"
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion quire)" = "$version" ]
flags=$(pkg-config --cflags --libs quire)
# shellcheck disable=SC2086
cc -std=c11 -Wall -Wextra -Werror "$here/use_api.c" -o "$scratch/use_c" $flags
# shellcheck disable=SC2086
c++ -std=c++17 -Wall -Wextra -Werror "$here/use_api.cpp" -o "$scratch/use_cpp" $flags
"$scratch/use_c"
"$scratch/use_cpp"

echo "the examples"
# shellcheck disable=SC2086
cc -std=c11 -Wall -Wextra -Werror "$here/../../examples/embed_c.c" -o "$scratch/embed_c" $flags
# shellcheck disable=SC2086
c++ -std=c++17 -Wall -Wextra -Werror "$here/../../examples/embed.cpp" -o "$scratch/embed_cpp" $flags
# shellcheck disable=SC2086
c++ -std=c++17 -Wall -Wextra -Werror "$here/../../examples/process.cpp" -o "$scratch/process" $flags
"$scratch/embed_c" >"$scratch/embed_c.out"
grep -q "^four pages from pfn [0-9]* in zone DMA32 of node 0" "$scratch/embed_c.out"
grep -q "^kept by the machine, across two pages" "$scratch/embed_c.out"
"$scratch/embed_cpp" | grep "^2 MiB from pfn"
"$scratch/process" >"$scratch/process.out"
grep -q '^first page:  parent reads "parent", child reads "child!"$' "$scratch/process.out"
grep -q '^second page: parent reads "common", child reads "common"$' "$scratch/process.out"
[ "$(grep -c '^7ffff7ffb000-7ffff7fff000 rw-p 00000000 00:00 0 $' "$scratch/process.out")" = 2 ]
