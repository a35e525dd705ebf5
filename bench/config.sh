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

estate() {
    cat <<T
[monitor]
data_dir = "$dir/data"
[classes.voice]
dscp = "EF"
codec = "G.711"
[contracts.c]
title = "C"
provider = "P"
customer = "C"
starts = 2000-01-01
ends = 2099-12-31
[slas.s]
availability = "99.95%"
T
    awk -v n="$1" -v csv="$2" 'BEGIN {
        if (csv) print "id,site,address,kind" >csv
        for (i = 0; i < n; i++) {
            s = int(i / 10)
            address = sprintf("127.%d.%d.%d", 64 + int(i / 50000), int(i / 250) % 200, i % 250 + 1)
            if (i % 10 == 0) printf "[sites.s%d]\ntitle = \"Site %d\"\n", s, s
            if (csv) printf "d%d,s%d,%s,host\n", i, s, address >csv
            else printf "[devices.d%d]\nsite = \"s%d\"\naddress = \"%s\"\n", i, s, address
            list = (i % 10 == 0 ? "" : list ", ") "\"d" i "\""
            if (i % 10 == 9) printf "[services.v%d]\nsite = \"s%d\"\ncontract = \"c\"\nsla = \"s\"\nclass = \"voice\"\nrequires = { all = [%s] }\n", s, s, list
        }
    }'
}

devices=${1:-100000}
estate "$devices" "" >"$dir/toml.toml"
{ echo 'estate = ["devices.csv"]'; estate "$devices" "$dir/devices.csv"; } >"$dir/csv.toml"
echo "$devices devices, load $(cut -d' ' -f1 /proc/loadavg)"
TIMEFORMAT='%R s of wall, %U s of CPU and %S s in the kernel'
for kind in toml csv; do
    for _ in 1 2 3; do
        printf '%s: ' "$kind"
        time "$assured" check --config "$dir/$kind.toml"
    done
done
