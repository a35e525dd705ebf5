#!/usr/bin/env bash
# The estate of the benchmarks as a configuration: devices on 127.0.0.0/8, ten a site, and one service a site.
#
#   bench/estate.sh COMPONENTS INTERVAL_S LISTEN DATA_DIR [flapping]
#
# Two classes with objectives and a sentinel. With `flapping` one class without them, and in place of the first device
# one at 127.200.0.1 that is probed every second, for a script to take away and bring back.
set -euo pipefail
components=$1 interval=$2 listen=$3 data_dir=$4 flapping=${5:-}
classes='"voice"'
[ -n "$flapping" ] || classes='"voice", "data"'

cat <<T
[monitor]
vantage = "bench"
listen = "$listen"
data_dir = "$data_dir"
T
[ -n "$flapping" ] || echo 'sentinels = ["127.0.0.1"]'
cat <<T
[classes.voice]
dscp = "EF"
codec = "G.711"
T
[ -n "$flapping" ] || printf '[classes.data]\ndscp = "AF31"\n'
cat <<T
[probing]
icmp = { interval = "${interval}s", timeout = "900ms", size = 64, classes = [$classes] }
[contracts.c]
title = "C"
provider = "P"
customer = "C"
starts = 2000-01-01
ends = 2099-12-31
[slas.s]
availability = "99.95%"
T
if [ -n "$flapping" ]; then
    cat <<T
[devices.flapping]
site = "s0"
address = "127.200.0.1"
probing = { icmp = { interval = "1s", timeout = "900ms" } }
T
else
    cat <<T
objectives = [
  { class = "voice", measure = "rtt_mean", limit = "30ms" },
  { class = "voice", measure = "loss", limit = "0.1%" },
  { class = "data", measure = "rtt_p95", limit = "60ms" },
]
T
fi
awk -v n="$components" -v first="${flapping:+flapping}" 'BEGIN {
    for (i = 0; i < n; i++) {
        s = int(i / 10)
        if (i % 10 == 0) printf "[sites.s%d]\ntitle = \"Site %d\"\n", s, s
        id = i == 0 && first != "" ? first : "d" i
        if (id != first) printf "[devices.%s]\nsite = \"s%d\"\naddress = \"127.%d.%d.%d\"\n", id, s, 64 + int(i / 50000), int(i / 250) % 200, i % 250 + 1
        list = (i % 10 == 0 ? "" : list ", ") "\"" id "\""
        if (i % 10 == 9) printf "[services.v%d]\nsite = \"s%d\"\ncontract = \"c\"\nsla = \"s\"\nclass = \"voice\"\nrequires = { all = [%s] }\n", s, s, list
    }
}'
