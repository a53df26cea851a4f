# gdb/quire_printers.py, tried on a program that holds one value of each type.
find_program(GDB_PROGRAM gdb)
if(GDB_PROGRAM AND EXISTS ${PROJECT_SOURCE_DIR}/core/memmap/memmap.hpp
   AND NOT QUIRE_TEST_FOLDERS AND NOT QUIRE_SANITIZE)
  add_executable(gdb_printed ${PROJECT_SOURCE_DIR}/tests/gdb/printed.cpp)
  add_dependencies(tests gdb_printed)
  target_link_libraries(gdb_printed PRIVATE quire_test_base)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/gdb/printed.cpp PROPERTIES
    COMPILE_OPTIONS "-O0;-g")
  add_test(NAME gdb.printers_show_units_pages_and_lists
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/gdb/test_printers.py
            ${PROJECT_SOURCE_DIR}/gdb/quire_printers.py $<TARGET_FILE:gdb_printed>)
endif()
