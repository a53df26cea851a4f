# The rules of docs/STYLE.md that a program can hold, and the tests of those rules.
if(NOT QUIRE_SANITIZE)
  add_test(NAME shape.sources_keep_the_rules
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/shape/check_shape.py)
  add_test(NAME shape.each_rule_catches_its_bad_snippet
    COMMAND ${Python3_EXECUTABLE} -m unittest discover -s ${PROJECT_SOURCE_DIR}/tests/shape)
endif()
