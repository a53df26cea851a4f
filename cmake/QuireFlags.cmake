# Flags. quire_flags is linked by every target of ours, quire_core_flags by the core.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

# What is measured is the core and the benchmarks. The tool, its libraries and the tests are
# optimised less, in debug builds not at all: they compile faster and nobody waits for them.
set(quire_unmeasured $<IF:$<CONFIG:Release>,-O1,-O0>)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

# Headers that nearly all include are compiled once, where there is no ccache: it would take each
# change of them for one of everything. The freestanding build goes without: there each file's own
# includes must be enough.
if(CCACHE_PROGRAM OR QUIRE_BARE)
  set(QUIRE_PRECOMPILE OFF)
else()
  set(QUIRE_PRECOMPILE ON)
endif()

set(is_clang $<CXX_COMPILER_ID:Clang>)

add_library(quire_flags INTERFACE)
target_compile_options(quire_flags INTERFACE -Wall -Wextra -Werror)
target_compile_definitions(quire_flags INTERFACE _GLIBCXX_ASSERTIONS)
# Reports name files as they lie in the tree, wherever it was built.
target_compile_options(quire_flags INTERFACE -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  # libstdc++ 12's own stable_sort uses what it marks as deprecated, and clang tells its caller.
  target_compile_options(quire_flags INTERFACE -Wno-deprecated-declarations)
  # For the core and hosts. Tests look at what locks guard when nothing else runs.
  set(quire_lock_rules -Wthread-safety)
endif()
if(QUIRE_SANITIZE)
  # The core has no RTTI, so that vptr checks on its classes find no type to check.
  set(sanitize -fsanitize=${QUIRE_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_compile_options(quire_flags INTERFACE ${sanitize})
  target_link_options(quire_flags INTERFACE ${sanitize})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Instrumented code confuses GCC's analysis of what is initialised; the plain builds have it.
    target_compile_options(quire_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(QUIRE_FUZZ)
  target_compile_options(quire_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# -mpopcnt: without it GCC calls libgcc for std::popcount, which a kernel does not have.
add_library(quire_core_flags INTERFACE)
target_link_libraries(quire_core_flags INTERFACE quire_flags)
target_compile_options(quire_core_flags INTERFACE
  ${quire_lock_rules} -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics -mpopcnt
  $<${is_clang}:-Wglobal-constructors$<SEMICOLON>-Wexit-time-destructors>)

# What differs between a core that runs in a process and one that runs in a kernel. In a
# process the current-CPU pointer is thread-local: initial-exec keeps it one load away even in
# libquire.so, and costs nothing in a program linked statically.
if(QUIRE_BARE)
  set(quire_arch_definition QUIRE_ARCH_BARE)
  set(quire_bare_options
    -fno-stack-protector -fno-asynchronous-unwind-tables -mno-red-zone -fno-pic -fno-pie
    -mcmodel=kernel
    $<IF:${is_clang},-mno-sse$<SEMICOLON>-mno-sse2$<SEMICOLON>-mno-mmx,-mgeneral-regs-only>)
  target_compile_options(quire_core_flags INTERFACE ${quire_bare_options})
else()
  set(quire_arch_definition QUIRE_ARCH_HOSTED)
  target_compile_options(quire_core_flags INTERFACE
    -fPIC -ftls-model=initial-exec -fvisibility=hidden -fvisibility-inlines-hidden)
endif()
