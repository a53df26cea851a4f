# The core as a kernel links it, the check of what it asks from outside, and the smallest host.
if(TARGET quire_core)
  add_test(NAME freestanding.core_has_no_foreign_symbols
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/check_symbols.sh $<TARGET_FILE:quire_core>)
endif()

# The check itself is held by an archive that it must refuse.
add_library(foreign_symbol STATIC ${PROJECT_SOURCE_DIR}/tests/freestanding/foreign_symbol.cpp)
target_link_libraries(foreign_symbol PRIVATE quire_core_flags)
add_test(NAME freestanding.a_call_to_malloc_is_refused
  COMMAND ${PROJECT_SOURCE_DIR}/scripts/check_symbols.sh $<TARGET_FILE:foreign_symbol>)
set_tests_properties(freestanding.a_call_to_malloc_is_refused PROPERTIES
  PASS_REGULAR_EXPRESSION "undefined symbol not allowed: malloc")

quire_sources(minimal_host_sources examples/minimal_host/*.cpp examples/minimal_host/*.S)
if(minimal_host_sources AND TARGET quire_core)
  add_executable(minimal_host ${minimal_host_sources})
  target_link_libraries(minimal_host PRIVATE quire_core quire_core_flags)
  target_link_options(minimal_host PRIVATE -static -no-pie -nostdlib)
  add_test(NAME freestanding.minimal_host_boots COMMAND minimal_host)
endif()
