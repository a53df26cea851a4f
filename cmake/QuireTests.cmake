# tests/<folder>/*_test.cpp -> test_<folder>, and each of its tests is a test of ctest.
# tests/support/*.cpp is linked to all of them.
find_package(GTest REQUIRED)
find_package(rapidcheck QUIET)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
include(GoogleTest)

# What every test may use: the libraries that exist and the path of the fixtures.
add_library(quire_test_base INTERFACE)
target_include_directories(quire_test_base INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(quire_test_base INTERFACE
  QUIRE_TESTS_DIR="${PROJECT_SOURCE_DIR}/tests" QUIRE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_compile_options(quire_test_base INTERFACE -mpopcnt)
target_link_libraries(quire_test_base INTERFACE quire_flags GTest::gmock Threads::Threads)
if(NOT QUIRE_TEST_FOLDERS)
  quire_link_existing(quire_test_base INTERFACE quire_run quire_oracle quire_trace
    quire_machine_file)
endif()
quire_link_existing(quire_test_base INTERFACE quire_engine ${quire_hosts} quire_core rapidcheck)

# The tests of the sanitized build are those of another, linked to what is instrumented here.
set(QUIRE_TESTS_FROM "" CACHE PATH "A build whose compiled tests are linked; empty: compiled here")
if(QUIRE_TESTS_FROM)
  add_library(quire_test_support STATIC IMPORTED)
  set_target_properties(quire_test_support PROPERTIES
    IMPORTED_LOCATION ${QUIRE_TESTS_FROM}/libquire_test_support.a)
endif()

quire_sources(support_sources tests/support/*.cpp)
if(support_sources AND NOT QUIRE_TESTS_FROM)
  add_library(quire_test_support STATIC ${support_sources})
  target_compile_options(quire_test_support PRIVATE -O0)
  target_link_libraries(quire_test_support PUBLIC quire_test_base)
  if(QUIRE_PRECOMPILE)
    target_precompile_headers(quire_test_support PRIVATE
      <gmock/gmock.h> <algorithm> <array> <functional> <map> <memory> <optional> <random> <set>
      <span> <string> <vector> [["machine/machine.hpp"]])
  endif()
endif()

# Builds the tests and what they need; the legs of `make test` build just this.
add_custom_target(tests)

# quire_test_program(<target> <source>...): the program, and the list of its objects for others.
# The core comes first, so that its inline functions are the core's own: optimised, or instrumented.
function(quire_test_program target)
  set(list test_objects/${target}.txt)
  if(QUIRE_TESTS_FROM)
    if(NOT EXISTS ${QUIRE_TESTS_FROM}/${list})
      message(FATAL_ERROR "No compiled tests in ${QUIRE_TESTS_FROM}: build its target tests first")
    endif()
    file(STRINGS ${QUIRE_TESTS_FROM}/${list} objects)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${QUIRE_TESTS_FROM}/${list})
    set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    add_executable(${target} ${objects})
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
  else()
    add_executable(${target} ${ARGN})
    quire_unity(${target})
    target_compile_options(${target} PRIVATE $<IF:${optimised},-O1,-O0>)
    file(GENERATE OUTPUT ${list} CONTENT $<JOIN:$<TARGET_OBJECTS:${target}>,\n>)
  endif()
  # Reports name the tests' functions.
  set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)
  target_link_options(${target} PRIVATE
    LINKER:--whole-archive $<TARGET_FILE:quire_core> LINKER:--no-whole-archive)
  set_target_properties(${target} PROPERTIES LINK_DEPENDS $<TARGET_FILE:quire_core>)
endfunction()

# On its own malloc; and programs that know nothing of it.
function(quire_malloc_tests target)
  target_link_libraries(${target} PRIVATE quire_malloc_heap)
  # Refused calls leave the block as it was, and bad ones are made on purpose.
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-use-after-free> -fno-builtin-malloc -fno-builtin-free)
  target_link_libraries(${target} PRIVATE -Wl,--no-as-needed quire_malloc)
  target_compile_definitions(${target} PRIVATE
    QUIRE_MALLOC="$<TARGET_FILE:quire_malloc>")
  foreach(program sqlite3 python3 sort g++ redis)
    add_test(NAME malloc.${program}_gives_what_it_gives_on_its_own
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/malloc/real_programs.py
        --preload $<TARGET_FILE:quire_malloc> --stats ${program})
    set_tests_properties(malloc.${program}_gives_what_it_gives_on_its_own PROPERTIES
      TIMEOUT 600 LABELS malloc)
  endforeach()
endfunction()

quire_folders(test_folders tests)
foreach(folder IN LISTS test_folders)
  quire_sources(sources tests/${folder}/*_test.cpp)
  if(NOT sources OR (QUIRE_TEST_FOLDERS AND NOT folder MATCHES "^(${QUIRE_TEST_FOLDERS})$"))
    continue()
  endif()
  # Sanitizers bring a malloc of their own, which ends the process where these tests want ENOMEM;
  # tests/native has what the heap does under it.
  if(folder STREQUAL "malloc" AND NOT TARGET quire_malloc)
    continue()
  endif()
  set(target test_${folder})
  if(folder STREQUAL "api")
    quire_sources(c_sources tests/api/*.c)
    list(APPEND sources ${c_sources})
  endif()
  # To optimise a test takes longer than to run it; but for some models.
  set(optimised 0)
  if(folder MATCHES "^(lru|percpu_area|slab)$")
    set(optimised 1)
  endif()
  quire_test_program(${target} ${sources})
  add_dependencies(tests ${target})
  target_link_libraries(${target} PRIVATE quire_test_base GTest::gmock_main)
  quire_link_existing(${target} PRIVATE quire_test_support)
  # api has definitions of its own, record uses names that the core has as well.
  if(QUIRE_PRECOMPILE AND NOT QUIRE_TESTS_FROM AND NOT optimised
     AND NOT folder MATCHES "^(api|record)$")
    target_precompile_headers(${target} REUSE_FROM quire_test_support)
  endif()
  if(folder STREQUAL "api")
    target_link_libraries(${target} PRIVATE quire)
  endif()
  if(folder STREQUAL "native")
    quire_link_existing(${target} PRIVATE quire_malloc_heap)
  endif()
  if(folder STREQUAL "malloc")
    quire_malloc_tests(${target})
  endif()
  if(folder MATCHES "^(cli|record)$")
    add_dependencies(${target} quire_cli)
  endif()
  if(QUIRE_SANITIZE MATCHES "thread")
    # TSan's shadow wants the mappings where they are without address randomisation.
    set_target_properties(${target} PROPERTIES CROSSCOMPILING_EMULATOR "setarch;-R")
  endif()
  # A process costs a sanitizer more than most tests do.
  if(QUIRE_SANITIZE)
    add_test(NAME ${folder} COMMAND ${target} --gtest_brief=1)
    set_tests_properties(${folder} PROPERTIES TIMEOUT 900)
    # The longest first, so that none is left alone at the end.
    if(folder MATCHES "^(model|oracle|slab)$")
      set_tests_properties(${folder} PROPERTIES COST 100)
    endif()
    continue()
  endif()
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR} PROPERTIES TIMEOUT 300 LABELS ${folder})
endforeach()

include(QuireFuzz)
include(QuireShape)
include(QuireGdb)
if(QUIRE_TEST_LEGS)
  include(QuireLegs)
endif()
