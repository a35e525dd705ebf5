#!/usr/bin/env bash
# How long a large estate takes to load and check: 100,000 devices, 10,000 sites and as many services, once as TOML, once
# with the devices as CSV. Prints wall and CPU of the whole process; the aim is under two seconds of wall.
#
#   bench/config.sh [DEVICES, default 100000]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --bin assured --quiet
assured=target/release/assured
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

devices=${1:-100000}
bench/estate.sh "$devices" 10 127.0.0.1:19878 "$dir/data" >"$dir/toml.toml"
# The same devices as rows; everything else stays.
{
    echo 'estate = ["devices.csv"]'
    awk -v csv="$dir/devices.csv" '
        BEGIN { print "id,site,address,kind" >csv }
        /^\[/ { device = sub(/^\[devices\./, "") ? substr($0, 1, length($0) - 1) : "" }
        device == "" { print; next }
        { split($0, pair, "\"") }
        /^site/ { site = pair[2] }
        /^address/ { printf "%s,%s,%s,host\n", device, site, pair[2] >csv }
    ' "$dir/toml.toml"
} >"$dir/csv.toml"
echo "$devices devices, load $(cut -d' ' -f1 /proc/loadavg)"
TIMEFORMAT='%R s of wall, %U s of CPU and %S s in the kernel'
for kind in toml csv; do
    for _ in 1 2 3; do
        printf '%s: ' "$kind"
        time "$assured" check --config "$dir/$kind.toml"
    done
done
