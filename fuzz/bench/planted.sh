#!/bin/sh
# Planted bugs (refstack/bugs.h): how long each engine takes to find each from the committed seeds,
# and the group that triage puts the find into.
#
#     fuzz/bench/planted.sh [BUILD [SECONDS [BUG:TARGET ...]]]
#
# "seed" means that a committed seed alone finds it; "-" that SECONDS (10) were not enough.
build=${1:-build} seconds=${2:-10}
[ $# -gt 2 ] && shift 2 && bugs=$* || bugs="
    option-length-zero:fuzz_segment option-overread:fuzz_segment seq-plain-compare:fuzz_conn
    rst-anywhere-in-window:fuzz_conn listen-takes-rst:fuzz_conn time-wait-forever:fuzz_conn
    no-persist:fuzz_conn delayed-ack-never:fuzz_conn no-retransmit-timer:fuzz_conn
    window-beyond-edge:fuzz_conn window-shrinks:fuzz_conn wl2-ignored:fuzz_conn
    reassembly-overlap:fuzz_conn reassembly-page-leak:fuzz_conn fragment-overlap:fuzz_conn
    fragment-page-leak:fuzz_conn receive-after-free:fuzz_pair retransmit-wrong-octets:fuzz_pair
    mss-unbounded:fuzz_conn syn-not-counted:fuzz_conn simultaneous-open-seq:fuzz_conn
    accept-twice:fuzz_conn fin-before-text:fuzz_pair checksum-ignored:fuzz_pair"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2086 # a list of words
${MAKE:-make} -s BUILD="$build" $(for v in libfuzzer aflpp replay; do
    for t in segment conn pair; do echo "$build/$v-bugs/fuzz_$t"; done; done) \
    "$build/aflpp/mutate-fuzz_conn.so" "$build/aflpp/mutate-fuzz_pair.so" >/dev/null || exit 1
program=$build/tcprig
[ -x "$program" ] || program=build/tcprig

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
flags() { sed -n 's/^\([a-z_]*\) *= */-\1=/p' "fuzz/$1.options"; }

# Puts the time into $took and leaves the find in $work/find.
with_libfuzzer() {
    rm -rf "$work/corpus" && mkdir -p "$work/corpus"
    start=$(now)
    # shellcheck disable=SC2046
    TCPRIG_BUG=$1 "$build/libfuzzer-bugs/$2" -runs=0 -timeout=2 -artifact_prefix="$work/find/" \
        $(flags "$2") "corpus/seeds/$2" >/dev/null 2>&1 || { took=seed; return; }
    # shellcheck disable=SC2046
    TCPRIG_BUG=$1 "$build/libfuzzer-bugs/$2" -max_total_time="$seconds" -max_len=256 -timeout=2 \
        -artifact_prefix="$work/find/" $(flags "$2") "$work/corpus" "corpus/seeds/$2" \
        >/dev/null 2>&1 && took=- || took=$(since "$start")
}

with_aflpp() {
    rm -rf "$work/in" "$work/out" && mkdir "$work/in"
    cp "corpus/seeds/$2"/* "$work/in/"
    # A seed that finds it is found without an engine, and AFL++ would refuse it.
    TCPRIG_BUG=$1 timeout 5 "$build/aflpp-bugs/$2" "$work/in"/* >/dev/null 2>&1 ||
        { took=seed; return; }
    library=$build/aflpp/mutate-$2.so
    [ -f "$library" ] || library=
    start=$(now)
    env AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
        AFL_BENCH_UNTIL_CRASH=1 TCPRIG_BUG="$1" ${library:+AFL_CUSTOM_MUTATOR_LIBRARY="$library"} \
        afl-fuzz -V "$seconds" -t 1000 -m none -G 256 -i "$work/in" -o "$work/out" \
        -- "$build/aflpp-bugs/$2" >/dev/null 2>&1
    set -- "$work"/out/default/crashes/id* "$work"/out/default/hangs/id*
    took=-
    for f; do
        [ -f "$f" ] && took=$(since "$start") && cp "$f" "$work/find/"
    done
}

group() {
    "$program" triage --bug="$1" --programs="$build/replay-bugs" -t "$2" --tries=200 \
        --json="$work/triage.json" -o "$work/bundles" "$work/find" >/dev/null 2>&1
    sed -n 's/^# *//p' "$work"/bundles/*/report.md 2>/dev/null | head -n 1
    rm -rf "$work/bundles"
}

printf '%-26s %-12s %9s %7s  %s\n' 'planted bug' target libFuzzer AFL++ group
for entry in $bugs; do
    bug=${entry%%:*} target=${entry##*:}
    rm -rf "$work/find" && mkdir "$work/find"
    with_libfuzzer "$bug" "$target"
    first=$took
    if command -v afl-fuzz >/dev/null; then with_aflpp "$bug" "$target"; else took=skipped; fi
    printf '%-26s %-12s %9s %7s  %s\n' "$bug" "$target" "$first" "$took" "$(group "$bug" "$target")"
done
