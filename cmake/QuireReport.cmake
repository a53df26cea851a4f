# build/report_page.html: the page of `quire run --report` without a run in it, of TypeScript, by
# Vite. It is made where there is npm, beside the C++; the tool needs it only when it runs.
option(QUIRE_REPORT "Build the page of quire run --report, where there is npm" ON)
find_program(NPM_PROGRAM npm)
if(NOT QUIRE_SANITIZE AND QUIRE_REPORT AND NPM_PROGRAM)
  set(report_inputs package.json package-lock.json vite.config.ts tsconfig.json index.html)
  file(GLOB report_modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/report/src/*)
  list(TRANSFORM report_inputs PREPEND ${PROJECT_SOURCE_DIR}/report/)
  add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/report_page.html
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/build_report.sh ${PROJECT_BINARY_DIR}
    DEPENDS ${report_inputs} ${report_modules} ${PROJECT_SOURCE_DIR}/scripts/build_report.sh
    COMMENT "Building report_page.html")
  add_custom_target(report_page ALL DEPENDS ${PROJECT_BINARY_DIR}/report_page.html)
elseif(NOT QUIRE_SANITIZE AND QUIRE_REPORT)
  message(STATUS "no npm: quire run --report will say that its page is missing")
endif()

# The page in a browser, and what documents show of the tool: in the tool's own build alone.
if(BUILD_TESTING AND NOT QUIRE_SANITIZE AND NOT QUIRE_TEST_FOLDERS)
  foreach(test outputs page)
    add_test(NAME report.${test}
      COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/report/test_${test}.py)
    set_tests_properties(report.${test} PROPERTIES
      TIMEOUT 120 LABELS report ENVIRONMENT "QUIRE=$<TARGET_FILE:quire_cli>")
  endforeach()
  add_test(NAME docs.commands_print_what_documents_show
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/docs/test_commands.py)
  set_tests_properties(docs.commands_print_what_documents_show PROPERTIES
    TIMEOUT 120 LABELS docs ENVIRONMENT "QUIRE=$<TARGET_FILE:quire_cli>")
endif()
