# The other builds that `make test` runs, each as one test: scripts/leg.sh says what they do.
# They use every CPU themselves, so nothing runs beside them.
foreach(leg asan fuzz tsan freestanding install)
  add_test(NAME leg.${leg} COMMAND ${PROJECT_SOURCE_DIR}/scripts/leg.sh ${leg})
  set_tests_properties(leg.${leg} PROPERTIES LABELS leg RUN_SERIAL ON TIMEOUT 2100)
endforeach()
