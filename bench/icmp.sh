#!/usr/bin/env bash
# Our ICMP engine beside its peers, on the same work in the same run: loopback addresses, 56 bytes, one table.
#
#   bench/icmp.sh [SECONDS per line, default 10]
#
# Installs fping and prometheus-smokeping-prober from Debian when they are missing (needs root or sudo once).
# CPU is the process's own, user and system, per probe; on loopback it contains the kernel's work for the answer.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
missing=()
command -v fping >/dev/null || missing+=(fping)
command -v prometheus-smokeping-prober >/dev/null || missing+=(prometheus-smokeping-prober)
if [ ${#missing[@]} -gt 0 ]; then
    # Its service would probe beside the benchmark.
    "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        { "${as_root[@]}" apt-get update >/dev/null && "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
        echo "could not install ${missing[*]}: their lines will be missing" >&2
    "${as_root[@]}" systemctl disable --now prometheus-smokeping-prober 2>/dev/null || true
fi

cargo build --quiet --release -p assured-probes --example flood --example bare
target=${CARGO_TARGET_DIR:-target}
flood() { "$target/release/examples/flood" --seconds "$seconds" --slice 2 "$@" 2>/dev/null; }
# The same system calls without an engine around them: what the kernel itself takes on this machine today.
bare() { "$target/release/examples/bare" --seconds "$seconds" "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

addresses() { awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) printf "127.1.%d.%d\n", i / 256, i % 256 }'; }

# fping sends one round to all targets each second.
run_fping() {
    local targets=$1 interval
    command -v fping >/dev/null || return 0
    addresses "$targets" >"$work/targets"
    interval=$(awk -v n="$targets" 'BEGIN { printf "%.3f", 1000 / n }')
    local began=$EPOCHREALTIME
    # 1 is fping's way to say that something did not answer.
    /usr/bin/env bash -c 'TIMEFORMAT="%U %S"; time fping -q -C "$1" -p 1000 -i "$2" -t 1000 -b 56 -f "$3" 2>"$4"' \
        fping "$seconds" "$interval" "$work/targets" "$work/fping" 2>"$work/cpu" >/dev/null || true
    local ended=$EPOCHREALTIME
    awk '{ for (i = 3; i <= NF; i++) print ($i == "-" ? "lost" : $i * 1000) }' "$work/fping" | sort -g >"$work/rtts"
    awk -v targets="$targets" -v elapsed="$(awk -v a="$began" -v b="$ended" 'BEGIN { print b - a }')" \
        -v cpu="$(tail -1 "$work/cpu")" '
        $1 == "lost" { lost++; next }
        { rtt[++n] = $1 }
        END {
            split(cpu, used, " ")
            total = n + lost
            printf "%-10s%9d%9.0f%9.2f%10d%9d%9s%9.1f%9.1f%9.1f\n", "fping", targets, total / elapsed,
                (used[1] + used[2]) * 1e6 / total, n, lost, "-", rtt[int((n + 1) / 2)], rtt[int(n * 0.99)], rtt[n]
        }' "$work/rtts"
}

# A socket for each target: shown where it still keeps up. It prints no RTTs.
run_smokeping() {
    local targets=$1 pid
    command -v prometheus-smokeping-prober >/dev/null || return 0
    addresses "$targets" | xargs prometheus-smokeping-prober --privileged --web.listen-address=127.0.0.1:19374 \
        >/dev/null 2>&1 &
    pid=$!
    sleep 3
    local prober
    prober=$(pgrep -P "$pid" || echo "$pid")
    local before after sent answered
    before=$(cat /proc/"$prober"/task/*/schedstat | awk '{ s += $1 } END { printf "%d", s }')
    metric() { curl -s http://127.0.0.1:19374/metrics | awk -v name="$1" 'index($1, name) == 1 { s += $2 } END { printf "%d", s }'; }
    local sent_before answered_before
    sent_before=$(metric smokeping_requests_total)
    answered_before=$(metric smokeping_response_duration_seconds_count)
    sleep "$seconds"
    sent=$(($(metric smokeping_requests_total) - sent_before))
    answered=$(($(metric smokeping_response_duration_seconds_count) - answered_before))
    after=$(cat /proc/"$prober"/task/*/schedstat | awk '{ s += $1 } END { printf "%d", s }')
    kill "$prober"
    wait "$pid" 2>/dev/null || true
    [ "$sent" -gt 0 ] || { echo "smokeping_prober did not start" >&2; return 0; }
    awk -v t="$targets" -v s="$sent" -v a="$answered" -v ns="$((after - before))" -v d="$seconds" 'BEGIN {
        printf "%-10s%9d%9.0f%9.2f%10d%9d%9s%9s%9s%9s\n", "smokeping", t, s / d, ns / 1e3 / s, a, (s > a ? s - a : 0),
            "-", "-", "-", "-" }'
}

echo "$(uname -sr), $(nproc) cores, $(date -u +%F), ${seconds} s per line"
flood --header --targets 100 --rate 100
run_smokeping 100
for targets in 1000 5000; do
    run_fping "$targets"
    flood --engine portable --targets "$targets" --rate "$targets"
    flood --targets "$targets" --rate "$targets"
    bare --targets "$targets" --rate "$targets"
    bare --stamps --targets "$targets" --rate "$targets"
done
flood --engine portable --targets 50000 --rate 50000
flood --targets 50000 --rate 50000
bare --targets 50000 --rate 50000
bare --stamps --targets 50000 --rate 50000
echo "the same 50,000 a second, spread over more and more targets:"
for targets in 1000 10000 100000; do
    flood --targets "$targets" --rate 50000
done
