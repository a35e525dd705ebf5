#!/usr/bin/env bash
# The daemon over 5,000 simulated hosts at one probe a second for a minute, delays 0 to 49 ms: false losses, false
# replies, and how far the RTTs it shows are from the delays that were scripted.
#
#   bench/lab.sh [HOSTS [SECONDS]]
#
# Figures of time are for quiet machines: the load is printed beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --example daemon_lab --quiet
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
target/release/examples/daemon_lab "${1:-5000}" "${2:-60}"
echo "load after:  $(cut -d' ' -f1-3 /proc/loadavg)"
