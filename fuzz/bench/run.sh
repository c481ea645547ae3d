#!/bin/sh
# Speed of the fuzz targets beside an empty one in the same run: see fuzz.mk, fuzz-bench.
# Without a folder of builds to measure, makes them first.
[ $# -gt 0 ] || exec "${MAKE:-make}" -s fuzz-bench
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the target's .options file says, as libFuzzer takes it.
options() {
    sed -n 's/^\([a-z_]*\) *= */-\1=/p' "fuzz/$1.options" 2>/dev/null
}

# cpu COMMAND...: runs it, prints the CPU seconds of user and system time together.
cpu() {
    times >"$work/before"
    "$@" >"$work/log" 2>&1
    times >"$work/after"
    # The second line is the children's, as 0m1.23s.
    awk '/^[0-9]+m/ { split($1, u, /[ms]/); split($2, s, /[ms]/);
                      t[++n] = u[1] * 60 + u[2] + s[1] * 60 + s[2] }
         END { print t[4] - t[2] + 0.001 }' "$work/before" "$work/after"
}

# libfuzzer_rate PROGRAM OPTIONS-OF SEEDS RUNS: executions per CPU-second, the engine included.
libfuzzer_rate() {
    rm -rf "$work/corpus" && mkdir "$work/corpus"
    # The seeds first become a corpus of their own, so that only the steady state is timed.
    "$1" -runs=20000 -max_len=64 $(options "$2") "$work/corpus" "$3" >/dev/null 2>&1
    seconds=$(cpu "$1" -runs="$4" -max_len=64 -reload=0 $(options "$2") "$work/corpus")
    awk -v t="$seconds" '/^Done/ { printf "%.0f", $2 / t }' "$work/log"
}

# afl_rate PROGRAM SEEDS LIBRARY: the same of AFL++, which is both its processes.
afl_rate() {
    rm -rf "$work/in" "$work/out" && mkdir "$work/in"
    find "$2" -type f -size -2 | sort | head -n 40 | while read -r f; do cp "$f" "$work/in/"; done
    seconds=$(cpu env AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_SKIP_CPUFREQ=1 AFL_DISABLE_TRIM=1 \
        AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 ${3:+AFL_CUSTOM_MUTATOR_LIBRARY="$3"} \
        ${3:+AFL_CUSTOM_MUTATOR_ONLY=1} \
        afl-fuzz -V 5 -t 1000 -m none -G 64 -i "$work/in" -o "$work/out" -- "$1")
    awk -v t="$seconds" -F: '/^execs_done/ { printf "%.0f", $2 / t }' \
        "$work/out/default/fuzzer_stats" 2>/dev/null
}

mkdir "$work/fixed"
"$build/libfuzzer/bench" fuzz_conn "$work/fixed"
for n in 6 16; do
    mkdir "$work/$n" && mv "$work/fixed/$n"-* "$work/$n/"
    seconds=$(cpu "$build/libfuzzer/fuzz_fixed" -runs=100000 -reload=0 $(options fuzz_conn) \
        "$work/$n")
    awk -v t="$seconds" -v n="$n" '/^Done/ {
        printf "fuzz_conn, %d events, under libFuzzer: %.0f per CPU-second\n", n, $2 / t }' \
        "$work/log"
done
for v in libfuzzer-plain/fuzz_empty libfuzzer-plain/fuzz_segment libfuzzer/fuzz_empty \
    libfuzzer/fuzz_conn; do
    t=${v##*/}
    seeds=corpus/seeds/$t runs=100000
    [ "$t" = fuzz_conn ] || runs=2000000
    [ -d "$seeds" ] || seeds=corpus/seeds/fuzz_segment
    echo "$v under libFuzzer: $(libfuzzer_rate "$build/$v" "$t" "$seeds" $runs) executions per" \
        "CPU-second"
done
command -v afl-fuzz >/dev/null || { echo "AFL++: skipped: afl-fuzz is not installed"; exit 0; }
for t in fuzz_empty fuzz_conn fuzz_pair; do
    seeds=corpus/seeds/$t library=
    [ -d "$seeds" ] && library=$build/aflpp/mutate-$t.so || seeds=corpus/seeds/fuzz_segment
    echo "aflpp/$t under AFL++: $(afl_rate "$build/aflpp/$t" "$seeds" "$library") executions per" \
        "CPU-second"
done
