#!/bin/sh
# One leg of `make test`: a build of its own and the tests that only make sense in it.
#   asan            every test under AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan            the tests with real threads under ThreadSanitizer
#   freestanding    the core with a kernel's flags, its undefined symbols, minimal_host
#   thread-safety   clang reads the lock annotations; building is the test
#   fuzz            each fuzzer for QUIRE_FUZZ_SECONDS (15) from its corpus; the canary must fail
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
  build asan tests
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

leg_thread_safety() {
  build clang-thread-safety core_and_hosts
}

fuzz_one() { # fuzz_one NAME SECONDS
  mkdir -p "build-fuzz/corpus/$1" "build-fuzz/found"
  corpus="tests/fuzz/corpus/$1"
  [ -d "$corpus" ] || corpus=""
  # shellcheck disable=SC2086
  "build-fuzz/fuzz_$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix=build-fuzz/found/ "build-fuzz/corpus/$1" $corpus >"build-fuzz/$1.log" 2>&1
}

leg_fuzz() {
  build fuzz fuzzers
  seconds=${QUIRE_FUZZ_SECONDS:-15}
  if fuzz_one canary 60; then
    echo "fuzz: the canary's bug was not found, so no other fuzzer can be trusted"
    return 1
  fi
  failed=0
  for source in tests/fuzz/*_fuzz.cpp; do
    name=$(basename "$source" _fuzz.cpp)
    [ "$name" != canary ] || continue
    if fuzz_one "$name" "$seconds"; then
      echo "fuzz $name: $(grep -o 'number_of_executed_units.*' "build-fuzz/$name.log")"
    else
      tail -n 40 "build-fuzz/$name.log"
      echo "fuzz $name: FAILED (the input is in build-fuzz/found)"
      failed=1
    fi
  done
  return "$failed"
}

leg_install() {
  build release all
  tests/install/run.sh build
}

case "${1:-}" in
  asan | tsan | freestanding | fuzz | install) "leg_$1" ;;
  thread-safety) leg_thread_safety ;;
  *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac
