# make install: headers, the core and host archives, libquire.so, the tool, and how CMake
# and pkg-config find them. A bare build installs the headers and its core only.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/quire)

set(exported "")
foreach(target quire_core ${quire_hosts} quire)
  if(TARGET ${target})
    list(APPEND exported ${target})
  endif()
endforeach()
if(NOT exported)
  return()
endif()

install(TARGETS ${exported} EXPORT quireTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT quireTargets NAMESPACE quire:: DESTINATION ${package_dir})
if(TARGET quire_malloc)
  install(TARGETS quire_malloc LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET quire_record)
  install(TARGETS quire_record LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(TARGET quire_cli)
  install(TARGETS quire_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_BINARY_DIR}/report_page.html
    DESTINATION ${CMAKE_INSTALL_DATADIR}/quire OPTIONAL)
endif()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/quire DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
if(TARGET quire_core)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/core/
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/quire/core
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc")
endif()
if(quire_hosts)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/hosts
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/quire FILES_MATCHING PATTERN "*.hpp")
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/quireConfig.cmake.in
  quireConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(quireConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/quireConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/quireConfigVersion.cmake DESTINATION ${package_dir})

install(FILES ${PROJECT_SOURCE_DIR}/gdb/quire_printers.py
  DESTINATION ${CMAKE_INSTALL_DATADIR}/quire/gdb)

if(TARGET quire)
  # quire.pc finds the prefix from where it lies, so that --prefix and moving work.
  file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/quire.pc.in quire.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/quire.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
