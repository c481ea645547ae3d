#!/bin/bash
# The conformance suite on refstack: time of a script, of the whole suite, and verdicts that do not
# depend on how many run at once.  The ceiling beside it is the process itself: `tcprig --version`.
set -u
cd "$(dirname "$0")/../.." || exit 2
tcprig=build/tcprig
[ -x "$tcprig" ] || { echo "suite: $tcprig is not built; run make" >&2; exit 2; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
mapfile -t folders < <(find corpus/scripts -mindepth 1 -maxdepth 1 -type d -name 'rfc*' | sort)

seconds() { # COMMAND...: real seconds it takes
    local from=$EPOCHREALTIME
    "$@" >/dev/null 2>&1
    awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.4f", b - a }'
}

run() { "$tcprig" run --on refstack "$@" "${folders[@]}"; }

run -j 1 --json "$work/json" >"$work/tap" || { tail -n 1 "$work/tap"; exit 1; }
sed -nE 's/^ *"seconds": ([0-9.e+-]+),?$/\1/p' "$work/json" | head -n -1 | sort -g >"$work/times"
cases=$(grep -cE '^(not )?ok ' "$work/tap")
median=$(sed -n "$((($(wc -l <"$work/times") + 1) / 2))p" "$work/times")
whole=$(seconds run -j "$(nproc)")
start=$(seconds "$tcprig" --version)
awk -v m="$median" -v w="$whole" -v c="$cases" -v s="$start" -v n="$(nproc)" 'BEGIN {
    printf "cases                      %8d\n", c
    printf "median of a case           %8.3f ms   (wanted: under 1)\n", m * 1e3
    printf "the suite, -j%-2d            %8.3f s\n", n, w
    printf "  for 1,000 cases          %8.3f s    (wanted: under 2)\n", w * 1000 / c
    printf "an empty run of the program%8.3f s\n", s }'

# Names and verdicts only: the times differ from run to run.
verdicts() { run -j "$1" | grep -E '^(not )?ok ' | sha256sum; }
want=$(verdicts 1)
changed=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(verdicts 1)" = "$want" ] && [ "$(verdicts 16)" = "$want" ] || changed=$((changed + 1))
done
echo "verdicts at -j1 and -j16    changed in $changed of 10 runs"
[ "$changed" = 0 ]
