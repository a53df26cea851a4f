# The core as a kernel links it, the check of what it asks from outside, and the smallest host.
if(TARGET quire_core)
  add_test(NAME freestanding.core_has_no_foreign_symbols
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/check_symbols.sh $<TARGET_FILE:quire_core>)
endif()

# The check itself is held by archives that it must refuse.
function(quire_refused_archive name message)
  add_library(${name} STATIC ${PROJECT_SOURCE_DIR}/tests/freestanding/${name}.cpp)
  target_link_libraries(${name} PRIVATE quire_core_flags)
  add_test(NAME freestanding.${name}_is_refused
    COMMAND sh -c [[said=$("$0" "$1") && exit 1; echo "$said" | grep -x "$2"]]
      ${PROJECT_SOURCE_DIR}/scripts/check_symbols.sh $<TARGET_FILE:${name}> ${message})
endfunction()
quire_refused_archive(foreign_symbol "undefined symbol not allowed: malloc")
quire_refused_archive(mutable_global "variable not allowed: boots")

quire_sources(minimal_host_sources examples/minimal_host/*.cpp examples/minimal_host/*.S)
if(minimal_host_sources AND TARGET quire_core)
  add_executable(minimal_host ${minimal_host_sources})
  target_link_libraries(minimal_host PRIVATE quire_core quire_core_flags)
  target_link_options(minimal_host PRIVATE -static -no-pie -nostdlib)
  add_test(NAME freestanding.minimal_host_boots COMMAND minimal_host)
endif()
