#!/bin/sh
# Speed of the fuzz targets beside an empty one in the same run: see fuzz.mk, fuzz-bench.
build=$1

# engine-rate PROGRAM SEEDS: executions per CPU-second of the engine and the target together.
engine_rate() {
    work=$(mktemp -d)
    log=$work/log
    mkdir "$work/corpus"
    # The seeds first become a corpus of their own, so that only the steady state is timed.
    "$1" -runs=20000 -max_len=64 "$work/corpus" "$2" >/dev/null 2>&1
    times >"$work/before"
    "$1" -runs=1000000 -max_total_time=10 -max_len=64 -reload=0 -print_final_stats=1 \
        "$work/corpus" >"$log" 2>&1
    times >"$work/after"
    # The second line is the children's user and system time, as 0m1.23s.
    awk '/number_of_executed_units/ { ran = $2 }
         /^[0-9]+m/ { split($1, u, /[ms]/); split($2, s, /[ms]/);
                      cpu[++n] = u[1] * 60 + u[2] + s[1] * 60 + s[2] }
         END { printf "%.0f", ran / (cpu[4] - cpu[2] + 0.001) }' "$work/before" "$work/after" "$log"
    rm -rf "$work"
}

"$build/libfuzzer/bench" fuzz_conn
for v in libfuzzer-plain/fuzz_empty libfuzzer-plain/fuzz_segment libfuzzer/fuzz_empty \
    libfuzzer/fuzz_conn; do
    t=${v##*/}
    seeds=corpus/seeds/$t
    [ -d "$seeds" ] || seeds=corpus/seeds/fuzz_segment
    echo "$v under libFuzzer: $(engine_rate "$build/$v" "$seeds") executions per CPU-second"
done
