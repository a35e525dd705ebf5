#!/bin/sh
# What evidence costs: bench/evidence.sh [COMPONENTS [MINUTES]]. Needs some GB of disk while it runs.
#
# bench/evidence.sh month [COMPONENTS [DAYS [DIR]]]: a whole month minute by minute (8 GB and a quarter of an hour for
# 10,000 components), then `assured report` and `assured verify` on it with the time of each step. With DIR the month
# is kept there, and found there the next time.
set -eu
cd "$(dirname "$0")/.."
cargo build --quiet --release --example evidence-bench
bench="${CARGO_TARGET_DIR:-target}/release/examples/evidence-bench"
[ "${1:-}" = month ] || exec "$bench" "$@"
if [ -n "${4:-}" ]; then
    dir="$4"
else
    dir="$(mktemp -d ./.tmpmonth.XXXXXX)"
    trap 'rm -rf "$dir"' EXIT
fi
[ -e "$dir/data" ] || "$bench" make "$dir" "${2:-10000}" "${3:-30}"
rm -rf "$dir/out"
"$bench" report "$dir"
du -h "$dir/out"/*/* "$dir/out"/*.zip
"$bench" verify "$dir"
