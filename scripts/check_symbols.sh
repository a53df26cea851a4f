#!/bin/sh
# check_symbols.sh ARCHIVE: fails when the archive, linked as a whole, still asks for a symbol
# that a kernel need not have. The six below are what compilers themselves may call.
set -eu
allowed='^(memcpy|memmove|memset|memcmp|memchr|strlen)$'

whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
ld -r --whole-archive "$1" -o "$whole"
foreign=$(nm --undefined-only --format=just-symbols "$whole" | grep -Ev "$allowed" || true)
[ -z "$foreign" ] && exit 0
echo "$foreign" | c++filt | sed 's/^/undefined symbol not allowed: /'
exit 1
