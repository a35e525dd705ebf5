#!/bin/sh
# What evidence costs: bench/evidence.sh [COMPONENTS [MINUTES]]. Needs some GB of disk while it runs.
set -eu
cd "$(dirname "$0")/.."
exec cargo run --quiet --release --example evidence-bench -- "$@"
