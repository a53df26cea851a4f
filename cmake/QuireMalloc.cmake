# malloc/*.cpp -> libquire_malloc.so, for LD_PRELOAD. All but the names that it gives to others is
# also an archive, for tests that leave the program's own malloc alone.
quire_sources(malloc_sources malloc/*.cpp)
list(FILTER malloc_sources EXCLUDE REGEX interpose)
if(NOT malloc_sources OR NOT TARGET quire_core)
  return()
endif()
add_library(quire_malloc_heap STATIC ${malloc_sources})
quire_unity_by_folder(quire_malloc_heap)
target_include_directories(quire_malloc_heap PUBLIC ${PROJECT_SOURCE_DIR})
target_compile_options(quire_malloc_heap PRIVATE -mpopcnt -fPIC -ftls-model=initial-exec
  -fvisibility=hidden -fvisibility-inlines-hidden -fno-exceptions -fno-rtti
  -fno-threadsafe-statics -fno-builtin-malloc)
target_link_libraries(quire_malloc_heap PUBLIC quire_core Threads::Threads PRIVATE quire_flags)

# Sanitizers bring a malloc of their own.
if(NOT QUIRE_SANITIZE)
  add_library(quire_malloc SHARED malloc/interpose.cpp)
  target_compile_options(quire_malloc PRIVATE $<TARGET_PROPERTY:quire_malloc_heap,COMPILE_OPTIONS>)
  target_link_libraries(quire_malloc PRIVATE quire_malloc_heap quire_flags)
  target_link_options(quire_malloc PRIVATE -Wl,--exclude-libs,ALL -Wl,--no-undefined
    -Wl,--as-needed -Wl,-z,now)
endif()
