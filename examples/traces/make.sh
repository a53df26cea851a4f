#!/bin/sh
# Records the traces of this folder anew: examples/traces/make.sh [path of quire].
set -eu
cd "$(dirname "$0")"
quire=${1:-../../build/quire}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A table of 20,000 rows is filled, indexed and asked: heap, file pages, read and written.
"$quire" record -o sqlite.qtr -- sqlite3 "$work/rows.db" "
  create table rows(key integer, name text);
  with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 20000)
    insert into rows select n * 7919 % 20011, 'row ' || n from numbers;
  create index by_key on rows(key);
  select count(*), max(key) from rows where key > 100;" >/dev/null

# A shell with its children: fork, copy on write, pipes, and a sort that needs megabytes.
"$quire" record -o pipeline.qtr -- sh -c \
  'seq 1 150000 | sort -r -k 1 | gzip -c | wc -c' >/dev/null
ls -l ./*.qtr
