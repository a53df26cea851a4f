#!/bin/sh
# run.sh [PROGRAM ARGUMENTS]: replays the traces of examples/traces on a machine of two small nodes,
# or records a program and replays that, and leaves a report in build/. What `make run` does.
set -eu
machine=${MACHINE:-}

if [ $# -gt 0 ]; then
  rm -f build/program.qtr
  status=0
  build/quire record -o build/program.qtr -- "$@" || status=$?
  [ -s build/program.qtr ] || exit "$status"
  set -- build/program.qtr
  machine=${machine:-examples/machines/numa2.toml}
else
  set -- examples/traces/sqlite.qtr examples/traces/pipeline.qtr --copies 4
  machine=${machine:-examples/machines/two-small-nodes.toml}
fi
build/quire run "$machine" "$@" --report build/report.html
printf '\nThe report, to be opened in a browser: %s\n' "file://$PWD/build/report.html"
