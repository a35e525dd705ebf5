#!/usr/bin/env bash
# SNMP polling beside named peers, in the same run on the same devices: snmp2, snmp_exporter, net-snmp.
# Needs the Debian packages snmpd, snmp, prometheus-snmp-exporter and (for net-snmp's library) libsnmp-perl.
# Usage: bench/snmp.sh [POLLS] [DEVICES_FOR_PROFILES] [SECONDS_FOR_PROFILES]
set -euo pipefail
cd "$(dirname "$0")/.."
polls=${1:-100000} many=${2:-10000} seconds=${3:-60}
port=16100
ulimit -n "$(ulimit -Hn)"
cargo build --release --quiet -p assured-probes --example snmp_load
load=target/release/examples/snmp_load
work=$(mktemp -d)
pids=()
stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
}
trap 'stop; rm -rf "$work"' EXIT
serve() { # PORT DEVICES [LOST_PER_MILLE]
    "$load" serve "$@" >"$work/serve-$1" &
    pids+=($!)
    for _ in $(seq 600); do grep -q ready "$work/serve-$1" && return 0; sleep 0.1; done
    echo "the devices did not start" >&2
    return 1
}

echo "machine: $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1); load before: $(cut -d' ' -f1-3 /proc/loadavg)"
echo "== 500 devices, 10 identifiers a poll, one under way per device"
serve $port 500
"$load" poll ours $port 500 "$polls"
"$load" poll snmp2 $port 500 "$polls"
"$load" poll ours $port 500 "$polls"
"$load" poll snmp2 $port 500 "$polls"

cat >"$work/snmp.yml" <<'Y'
bench:
  version: 2
  timeout: 1s
  retries: 2
  auth: {community: public}
  get: [1.3.6.1.2.1.1.3.0, 1.3.6.1.2.1.2.2.1.7.1, 1.3.6.1.2.1.2.2.1.8.1, 1.3.6.1.2.1.2.2.1.9.1, 1.3.6.1.2.1.2.2.1.13.1, 1.3.6.1.2.1.2.2.1.14.1, 1.3.6.1.2.1.2.2.1.19.1, 1.3.6.1.2.1.2.2.1.20.1, 1.3.6.1.2.1.31.1.1.1.6.1, 1.3.6.1.2.1.31.1.1.1.10.1]
  metrics:
  - {name: sysUpTime, oid: 1.3.6.1.2.1.1.3, type: gauge, help: x}
  - {name: ifAdminStatus, oid: 1.3.6.1.2.1.2.2.1.7, type: gauge, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifOperStatus, oid: 1.3.6.1.2.1.2.2.1.8, type: gauge, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifLastChange, oid: 1.3.6.1.2.1.2.2.1.9, type: gauge, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifInDiscards, oid: 1.3.6.1.2.1.2.2.1.13, type: counter, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifInErrors, oid: 1.3.6.1.2.1.2.2.1.14, type: counter, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifOutDiscards, oid: 1.3.6.1.2.1.2.2.1.19, type: counter, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifOutErrors, oid: 1.3.6.1.2.1.2.2.1.20, type: counter, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifHCInOctets, oid: 1.3.6.1.2.1.31.1.1.1.6, type: counter, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
  - {name: ifHCOutOctets, oid: 1.3.6.1.2.1.31.1.1.1.10, type: counter, help: x, indexes: [{labelname: ifIndex, type: gauge}]}
Y
if command -v prometheus-snmp-exporter >/dev/null; then
    prometheus-snmp-exporter --config.file="$work/snmp.yml" --web.listen-address=127.0.0.1:19116 2>"$work/exporter.log" &
    exporter=$!
    pids+=($exporter)
    for _ in $(seq 100); do curl -fs http://127.0.0.1:19116/ >/dev/null && break; sleep 0.1; done
    "$load" scrape $port 500 "$((polls / 10))" 19116 "$exporter"
else
    echo "snmp_exporter: not installed"
fi
if perl -MSNMP -e1 2>/dev/null; then
    perl -MSNMP -MTime::HiRes=time -e '
        my ($port, $polls) = @ARGV;
        my @oids = map { ["." . $_] } qw(1.3.6.1.2.1.1.3.0 1.3.6.1.2.1.2.2.1.7.1 1.3.6.1.2.1.2.2.1.8.1 1.3.6.1.2.1.2.2.1.9.1
            1.3.6.1.2.1.2.2.1.13.1 1.3.6.1.2.1.2.2.1.14.1 1.3.6.1.2.1.2.2.1.19.1 1.3.6.1.2.1.2.2.1.20.1
            1.3.6.1.2.1.31.1.1.1.6.1 1.3.6.1.2.1.31.1.1.1.10.1);
        my ($n, $failed, $t) = (0, 0, time);
        my @s = map { SNMP::Session->new(DestHost => "127.1.0." . ($_ + 1), RemotePort => $port, Community => "public", Version => 2) } 0..49;
        for (1..$polls) {
            my $list = SNMP::VarList->new(@oids);
            my @v = $s[$n++ % 50]->get($list);
            $failed++ if @v != 10;
        }
        my ($u, $y) = times;
        printf "net-snmp (its library, one after the other): %.0f polls/s, %.2f CPU-s per 100,000, %d of %d failed\n",
            $polls / (time - $t), ($u + $y) * 100000 / $polls, $failed, $polls;
    ' $port "$((polls / 10))"
else
    echo "net-snmp library: libsnmp-perl is not installed"
fi

echo "== 5% of the answers lost, two retries"
serve $((port + 1)) 500 50
"$load" poll ours $((port + 1)) 500 "$((polls / 5))"
"$load" poll snmp2 $((port + 1)) 500 5000

echo "== v3 SHA-1 AES-128 against one snmpd"
cat >"$work/snmpd.conf" <<Y
createUser bench SHA auth-secret-1 AES priv-secret-2
rouser bench priv
rocommunity public 127.0.0.0/8
Y
SNMP_PERSISTENT_DIR="$work/state" SNMPCONFPATH="$work" snmpd -f -Lf "$work/snmpd.log" -p "$work/pid" "udp:127.0.0.1:$((port + 2))" &
pids+=($!)
sleep 2
"$load" v3 ours "127.0.0.1:$((port + 2))" "$((polls / 10))"

if [ "$(id -u)" = 0 ] && ip netns add assured-bench 2>/dev/null; then
    echo "== ifTable of 500 real interfaces (22 columns), one snmpd"
    trap 'stop; ip netns del assured-bench; rm -rf "$work"' EXIT
    ip -n assured-bench link set lo up
    for n in $(seq 499); do echo "tuntap add tap$n mode tap"; done | ip -n assured-bench -batch -
    mkdir -p "$work/walk"
    echo "rocommunity public 127.0.0.0/8" >"$work/walk/snmpd.conf"
    SNMP_PERSISTENT_DIR="$work/walk/state" SNMPCONFPATH="$work/walk" ip netns exec assured-bench \
        snmpd -f -Lf "$work/walk/log" -p "$work/walk/pid" "udp:127.0.0.1:$port" &
    pids+=($!)
    sleep 3
    ip netns exec assured-bench "$load" walk "127.0.0.1:$port" 3
    for _ in 1 2 3; do
        ip netns exec assured-bench bash -c "TIMEFORMAT='snmpbulkwalk -Cr25: %R s, %U+%S CPU-s'; time snmpbulkwalk -v2c -cpublic -Cr25 -On 127.0.0.1:$port 1.3.6.1.2.1.2.2 >/dev/null"
    done
fi

echo "== memory at $many devices, and whole profiles of $many devices in $seconds s (three rounds: the first finds everything out)"
serve $((port + 3)) "$many"
"$load" poll ours $((port + 3)) "$many" "$((many * 4))"
"$load" profile $((port + 3)) "$many" "$seconds"
