#!/bin/sh
# Every oracle, and the planted bugs (refstack/bugs.h) by which a committed input or a unit test
# shows that it fires.
#
#     fuzz/bench/oracles.sh [BUILD]
#
# The list is made by running each of corpus/regress/TARGET/planted/BUG with its bug, and by looking
# for tests that expect the oracle.  Exit status 1 when nothing shows an oracle.
build=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2046 # a list of words
${MAKE:-make} -s BUILD="$build" $(for t in conn pair segment; do
    echo "$build/replay-bugs/fuzz_$t"; done) >/dev/null || exit 2

for input in corpus/regress/*/planted/*; do
    target=${input#corpus/regress/} target=${target%%/*}
    bug=${input##*/}
    oracle=$( (TCPRIG_BUG=$bug "$build/replay-bugs/$target" "$input") 2>&1 |
        sed -nE 's/^ORACLE ([a-z0-9_]+) .*/\1/p' | head -n 1)
    echo "$oracle $bug ($target)"
done >"$work/inputs"
grep -noE '\<ORACLE_[a-z0-9_]+' harness/*_test.c fuzz/*_test.c |
    sed -E 's/^([^:]+)_test\.c:[0-9]+:ORACLE_(.*)/\2 \1_test/' | sort -u >"$work/tests"

printf '%-20s %s\n' oracle 'shown by'
sed -nE 's/^ *X\(([a-z0-9_]+), *".*/\1/p' harness/oracle.h | while read -r oracle; do
    by=$(sed -n "s/^$oracle //p" "$work/inputs" "$work/tests" | paste -sd, | sed 's/,/, /g')
    printf '%-20s %s\n' "$oracle" "${by:--}"
done | tee "$work/list"
bare=$(grep -c ' -$' "$work/list")
printf '%s oracles, %s shown by nothing\n' "$(wc -l <"$work/list")" "$bare"
[ "$bare" = 0 ]
