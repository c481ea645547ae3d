#!/bin/bash
# The conformance suite: on refstack time of a script and of the whole suite, the ceiling beside it
# being the process itself (`tcprig --version`); on refstack, lwIP and with --linux the live kernel,
# verdicts that do not depend on how many run at once.
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
verdicts() { # STACK JOBS
    "$tcprig" run --on "$1" -j "$2" --expect corpus/expect "${folders[@]}" | grep -E '^(not )?ok ' |
        sha256sum
}
status=0
compare() { # STACK RUNS JOBS...: whether every run at each -j gives what the first one gave
    local stack=$1 runs=$2 want changed=0 slowest=0 from took
    shift 2
    want=$(verdicts "$stack" "$1")
    for ((i = 0; i < runs; i++)); do
        for jobs in "$@"; do
            from=$EPOCHREALTIME
            [ "$(verdicts "$stack" "$jobs")" = "$want" ] || changed=$((changed + 1))
            took=$(awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
            slowest=$(printf '%s\n%s\n' "$slowest" "$took" | sort -g | tail -n 1)
        done
    done
    [ "$changed" = 0 ] || status=1
    echo "verdicts on $stack at -j $*: changed in $changed of $((runs * $#)) runs, slowest $slowest s"
}
compare refstack 10 1 16
if "$tcprig" run --on lwip "${folders[0]}" 2>/dev/null | grep -q 'install liblwip'; then
    echo "skipped: no lwIP here (apt-get install liblwip-dev)"
else
    compare lwip 10 1 16
fi
# On a live kernel a run takes as long as its waits do; --linux asks for it.
[ "${1-}" != --linux ] || compare linux 3 1 2 4 16
exit $status
