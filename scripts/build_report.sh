#!/bin/sh
# build_report.sh DIRECTORY: makes DIRECTORY/report_page.html of report/. Packages are fetched once.
set -eu
cd "$(dirname "$0")/../report"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if [ ! -e node_modules/.package-lock.json ] ||
   [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --fetch-retries=3 --fetch-retry-mintimeout=1000 \
    --fetch-retry-maxtimeout=5000 >"$log" 2>&1 </dev/null || {
    tail -n 5 "$log" >&2
    echo "report/: its packages could not be had; -DQUIRE_REPORT=OFF builds without the page" >&2
    exit 1
  }
fi
npm run --silent check
QUIRE_REPORT_DIR="$1/report" npm run --silent build >"$log" 2>&1 </dev/null || {
  cat "$log" >&2
  exit 1
}
mv "$1/report/index.html" "$1/report_page.html"
