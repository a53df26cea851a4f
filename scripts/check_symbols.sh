#!/bin/sh
# check_symbols.sh ARCHIVE: fails when the archive, linked as a whole, still asks for a symbol that
# a kernel need not have, or has a variable of its own: everything belongs to some machine.
set -eu
# What compilers themselves may call.
allowed='^(memcpy|memmove|memset|memcmp|memchr|strlen)$'

whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
ld -r --whole-archive "$1" -o "$whole"
foreign=$(nm --undefined-only --format=just-symbols "$whole" | grep -Ev "$allowed" || true)
variables=$(nm --defined-only "$whole" | awk '$2 ~ /^[bBcCdD]$/ { print $3 }')
[ -z "$foreign$variables" ] && exit 0
[ -z "$foreign" ] || echo "$foreign" | c++filt | sed 's/^/undefined symbol not allowed: /'
[ -z "$variables" ] || echo "$variables" | c++filt | sed 's/^/variable not allowed: /'
exit 1
