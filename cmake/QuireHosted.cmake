# Everything that runs in a process: hosts, machine files, the API library, the tool.
find_package(Threads REQUIRED)

if(NOT TARGET quire_core)
  message(STATUS "core/ is empty: only what does not need it is built")
endif()

set(quire_hosts "")
quire_folders(host_folders hosts)
foreach(host IN LISTS host_folders)
  quire_sources(sources hosts/${host}/*.cpp)
  set(target quire_host_${host})
  add_library(${target} STATIC ${sources})
  quire_unity_by_folder(${target})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/quire>)
  target_compile_options(${target} PRIVATE ${quire_lock_rules} -mpopcnt
    -fPIC -ftls-model=initial-exec -fvisibility=hidden -fvisibility-inlines-hidden)
  target_link_libraries(${target} PUBLIC Threads::Threads PRIVATE $<BUILD_INTERFACE:quire_flags>)
  quire_link_existing(${target} PUBLIC quire_core)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${host})
  add_library(quire::${host} ALIAS ${target})
  list(APPEND quire_hosts ${target})
endforeach()
# What hosts share lives in hosts/common, if there is such a folder.
foreach(target IN LISTS quire_hosts)
  if(TARGET quire_host_common AND NOT target STREQUAL quire_host_common)
    target_link_libraries(${target} PUBLIC quire_host_common)
  endif()
endforeach()
add_custom_target(core_and_hosts)
if(quire_hosts)
  add_dependencies(core_and_hosts ${quire_hosts})
endif()
if(TARGET quire_host_sim)
  find_package(Boost REQUIRED COMPONENTS context)
  target_link_libraries(quire_host_sim PUBLIC Boost::context)
endif()

# The access engine is measured, so it is optimised as the core is.
quire_sources(engine_sources engine/*.cpp)
if(engine_sources AND TARGET quire_host_sim)
  add_library(quire_engine STATIC ${engine_sources})
  target_include_directories(quire_engine PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(quire_engine PRIVATE -mpopcnt)
  target_link_libraries(quire_engine PUBLIC quire_host_sim PRIVATE quire_flags)
endif()

quire_sources(machine_file_sources tools/machine_file/*.cpp)
if(machine_file_sources)
  find_package(fmt REQUIRED)
  find_package(tomlplusplus REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(ZLIB REQUIRED)
  add_library(quire_machine_file STATIC ${machine_file_sources})
  quire_unity(quire_machine_file)
  target_include_directories(quire_machine_file PUBLIC
    ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(quire_machine_file PRIVATE -fPIC -fvisibility=hidden ${quire_unmeasured})
  target_link_libraries(quire_machine_file PUBLIC fmt::fmt PRIVATE quire_flags
    tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json ZLIB::ZLIB)
  quire_link_existing(quire_machine_file PUBLIC quire_core)
endif()

quire_sources(trace_sources tools/trace/*.cpp)
if(trace_sources)
  find_package(ZLIB REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
  add_library(quire_trace STATIC ${trace_sources})
  quire_unity(quire_trace)
  target_include_directories(quire_trace PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(quire_trace PRIVATE quire_flags PkgConfig::ZSTD ZLIB::ZLIB)
endif()

# What runs programs and makes traces of them, and the plugin that qemu-user loads for it. The
# plugin is never instrumented: it runs in a process that is not ours.
quire_sources(record_sources tools/record/*.cpp)
quire_sources(plugin_sources tools/record/plugin/*.cpp tools/record/program.cpp)
if(record_sources)
  add_library(quire_recording STATIC ${record_sources})
  quire_unity(quire_recording)
  target_link_libraries(quire_recording PUBLIC quire_trace PRIVATE quire_flags)
  add_library(quire_record SHARED ${plugin_sources})
  quire_unity(quire_record)
  set_target_properties(quire_record PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_include_directories(quire_record PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(quire_record PRIVATE -O2 -Wall -Wextra -Werror -fvisibility=hidden
    -fno-exceptions -fno-rtti -fno-threadsafe-statics -ftls-model=initial-exec)
  target_link_options(quire_record PRIVATE -static-libgcc)
endif()

quire_sources(run_sources tools/run/*.cpp)
if(run_sources AND TARGET quire_engine)
  add_library(quire_run STATIC ${run_sources})
  target_compile_options(quire_run PRIVATE -mpopcnt ${quire_unmeasured})
  target_link_libraries(quire_run PUBLIC quire_engine quire_trace quire_machine_file
    PRIVATE quire_flags tomlplusplus::tomlplusplus nlohmann_json::nlohmann_json)
endif()

quire_sources(report_sources tools/report/*.cpp)
if(report_sources AND TARGET quire_engine)
  pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
  add_library(quire_report STATIC ${report_sources})
  quire_unity(quire_report)
  target_compile_options(quire_report PRIVATE -mpopcnt ${quire_unmeasured})
  target_link_libraries(quire_report PUBLIC quire_engine PRIVATE quire_flags PkgConfig::SQLITE)
endif()

quire_sources(oracle_sources tools/oracle/*.cpp)
if(oracle_sources)
  add_library(quire_oracle STATIC ${oracle_sources})
  quire_unity(quire_oracle)
  target_link_libraries(quire_oracle PUBLIC fmt::fmt PRIVATE quire_flags
    nlohmann_json::nlohmann_json ZLIB::ZLIB)
  target_compile_options(quire_oracle PRIVATE -mpopcnt ${quire_unmeasured})
  quire_link_existing(quire_oracle PUBLIC quire_machine_file quire_host_sim quire_core)
endif()

quire_sources(api_sources api/*.cpp)
add_library(quire SHARED ${api_sources})
quire_unity(quire)
target_include_directories(quire PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
  PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_options(quire PRIVATE -mpopcnt -ftls-model=initial-exec)
target_link_libraries(quire PRIVATE quire_flags)
quire_link_existing(quire PRIVATE ${quire_hosts} quire_machine_file)
target_link_options(quire PRIVATE -Wl,--exclude-libs,ALL
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/quire.map)
set_target_properties(quire PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/quire.map)
if(NOT QUIRE_SANITIZE)
  target_link_options(quire PRIVATE -Wl,--no-undefined)
endif()
set_target_properties(quire PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
add_library(quire::quire ALIAS quire)

quire_sources(cli_sources tools/quire/*.cpp)
if(cli_sources)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(ZLIB REQUIRED)
  add_executable(quire_cli ${cli_sources})
  quire_unity(quire_cli)
  set_target_properties(quire_cli PROPERTIES
    OUTPUT_NAME quire RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_include_directories(quire_cli PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(quire_cli PRIVATE -mpopcnt ${quire_unmeasured})
  add_dependencies(quire_cli quire_record)
  target_compile_definitions(quire_cli PRIVATE QUIRE_LIBRARY_DIR="${CMAKE_INSTALL_LIBDIR}"
    QUIRE_DATA_DIR="${CMAKE_INSTALL_DATADIR}")
  target_link_libraries(quire_cli PRIVATE quire_flags CLI11::CLI11 fmt::fmt
    nlohmann_json::nlohmann_json ZLIB::ZLIB)
  quire_link_existing(quire_cli PRIVATE quire_report quire_run quire_engine quire_recording
    quire_oracle quire_trace quire_machine_file ${quire_hosts} quire_core)
endif()
