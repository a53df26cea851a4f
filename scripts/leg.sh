#!/bin/sh
# One leg of `make test`: a build of its own and the tests that only make sense in it.
#   asan            the tests of the release build linked to a core, hosts and tools that clang
#                   builds with AddressSanitizer and UndefinedBehaviorSanitizer; and every lock
#                   annotation, which clang reads
#   fuzz            each fuzzer from its corpus, the same inputs every time; or, with
#                   QUIRE_FUZZ_SECONDS=n, new ones for so long. The canary must fail
#   tsan            the tests with real threads under ThreadSanitizer
#   freestanding    the core with a kernel's flags, its undefined symbols, minimal_host
#   install         what `make install` gives, used from CMake, pkg-config, C and C++
set -eu
cd "$(dirname "$0")/.."

build() { # build PRESET TARGET
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1" --target "$2"
}

run_tests() { # run_tests DIRECTORY
  ctest --test-dir "$1" --output-on-failure -j "$(nproc)" --no-tests=error
}

leg_asan() {
  build release tests
  build asan tests
  build asan core_and_hosts
  ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
    run_tests build-asan
}

leg_tsan() {
  build tsan tests
  TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" run_tests build-tsan
}

leg_freestanding() {
  build freestanding all
  run_tests build-freestanding
}

# fuzz_one NAME HOW_LONG: without address randomisation, on which what it finds would depend.
fuzz_one() {
  mkdir -p "build-asan/corpus/$1" "build-asan/found"
  corpus="tests/fuzz/corpus/$1"
  [ -d "$corpus" ] || corpus=""
  # shellcheck disable=SC2086
  setarch -R "build-asan/fuzz_$1" $2 -timeout=120 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix=build-asan/found/ "build-asan/corpus/$1" $corpus >"build-asan/$1.log" 2>&1
}

leg_fuzz() {
  build asan fuzzers
  if [ -n "${QUIRE_FUZZ_SECONDS:-}" ]; then
    how_long="-max_total_time=$QUIRE_FUZZ_SECONDS"
  else
    rm -rf build-asan/corpus
    how_long="-seed=1 -reload=0 -runs=8000 -max_total_time=20"
  fi
  if fuzz_one canary "-seed=1 -max_total_time=60"; then
    echo "fuzz: the canary's bug was not found, so no other fuzzer can be trusted"
    return 1
  fi
  export how_long
  find tests/fuzz -name '*_fuzz.cpp' ! -name 'canary_*' | sort |
    xargs -n 1 -P "$(nproc)" scripts/leg.sh fuzz_reported
}

# fuzz_reported SOURCE: one fuzzer, its count or its end told.
fuzz_reported() {
  name=$(basename "$1" _fuzz.cpp)
  if fuzz_one "$name" "$how_long"; then
    echo "fuzz $name: $(grep -o 'number_of_executed_units.*' "build-asan/$name.log")"
  else
    tail -n 40 "build-asan/$name.log"
    echo "fuzz $name: FAILED (the input is in build-asan/found)"
    return 1
  fi
}

leg_install() {
  build release all
  tests/install/run.sh build
}

case "${1:-}" in
  asan | fuzz | tsan | freestanding | install) "leg_$1" ;;
  fuzz_reported) fuzz_reported "$2" ;;
  *) sed -n '2,10p' "$0" >&2; exit 2 ;;
esac
