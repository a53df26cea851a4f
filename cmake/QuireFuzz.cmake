# tests/fuzz/<name>_fuzz.cpp defines LLVMFuzzerTestOneInput. With QUIRE_FUZZ it becomes the
# fuzzer fuzz_<name>; in every other build replay_<name> runs it over its corpus as a test.
quire_sources(fuzz_sources tests/fuzz/*_fuzz.cpp)
foreach(source IN LISTS fuzz_sources)
  cmake_path(GET source STEM stem)
  string(REGEX REPLACE "_fuzz$" "" name ${stem})
  if(QUIRE_FUZZ)
    add_executable(fuzz_${name} ${source})
    target_link_libraries(fuzz_${name} PRIVATE quire_test_base)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  elseif(NOT QUIRE_TEST_FOLDERS)
    add_executable(replay_${name} ${source} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cpp)
    target_link_libraries(replay_${name} PRIVATE quire_test_base)
    if(NOT name STREQUAL "canary")
      add_test(NAME fuzz.replay_${name}
        COMMAND replay_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    endif()
  endif()
endforeach()
