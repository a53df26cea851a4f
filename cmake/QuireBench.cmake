# bench/<name>.cpp -> bench_<name>; bench/support/*.cpp is linked to all of them.
quire_sources(bench_sources bench/*.cpp)
if(NOT bench_sources)
  return()
endif()
find_package(benchmark REQUIRED)

add_library(quire_bench_base INTERFACE)
target_include_directories(quire_bench_base INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(quire_bench_base INTERFACE QUIRE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_compile_options(quire_bench_base INTERFACE -mpopcnt)
target_link_libraries(quire_bench_base INTERFACE quire_flags benchmark::benchmark)
quire_link_existing(quire_bench_base INTERFACE quire_machine_file ${quire_hosts} quire_core)

quire_sources(bench_support_sources bench/support/*.cpp)
if(bench_support_sources)
  add_library(quire_bench_support STATIC ${bench_support_sources})
  target_link_libraries(quire_bench_support PUBLIC quire_bench_base)
endif()

add_custom_target(benchmarks)
foreach(source IN LISTS bench_sources)
  cmake_path(GET source STEM name)
  add_executable(bench_${name} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(bench_${name} PRIVATE quire_bench_base)
  quire_link_existing(bench_${name} PRIVATE quire_bench_support)
  add_dependencies(benchmarks bench_${name})
endforeach()
