# Helpers for the other modules: finding sources by folder, linking what exists.
enable_testing()

# quire_sources(<var> <pattern>...): the files matching, re-globbed when the build is started.
function(quire_sources var)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
  file(GLOB found CONFIGURE_DEPENDS LIST_DIRECTORIES false ${ARGN})
  set(${var} ${found} PARENT_SCOPE)
endfunction()

# quire_folders(<var> <parent>): the names of the folders of <parent> that hold a .cpp file.
function(quire_folders var parent)
  quire_sources(files ${parent}/*/*.cpp)
  set(names "")
  foreach(file IN LISTS files)
    cmake_path(GET file PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    list(APPEND names ${name})
  endforeach()
  list(REMOVE_DUPLICATES names)
  set(${var} ${names} PARENT_SCOPE)
endfunction()

# quire_link_existing(<target> <scope> <library>...): links those libraries that are targets.
function(quire_link_existing target scope)
  foreach(library IN LISTS ARGN)
    if(TARGET ${library})
      target_link_libraries(${target} ${scope} ${library})
    endif()
  endforeach()
endfunction()

# quire_unity_by_folder(<target>): compiles the sources of a folder as one: a quarter of the time,
# and what a folder's files call of each other can be inlined. A folder's files share one unnamed
# namespace (decision 57).
function(quire_unity_by_folder target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME name)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${name})
  endforeach()
endfunction()

# quire_unity(<target>): compiles its sources six at a time. What is outside the core includes much
# and says little, so that this takes a third of the time.
function(quire_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
endfunction()
