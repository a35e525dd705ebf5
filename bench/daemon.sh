#!/usr/bin/env bash
# What the whole daemon costs: N loopback targets (127.0.0.0/8), two classes, metrics scraped every 15 s as Prometheus
# does. Prints CPU per probe without and of a core with the scrapes, peak memory, and how long the scrapes took.
#
#   bench/daemon.sh                      1,000 and 10,000 targets at 1 s, 100,000 at 10 s; twice 60 s each
#   bench/daemon.sh 10000 1 120          10,000 targets at 1 s for twice 120 s
#
# A quiet machine gives the figures their meaning: the load is printed beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --bin assured --quiet
assured=target/release/assured
dir=$(mktemp -d)
pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
listen=127.0.0.1:19878

# CPU ticks used so far, user and system.
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
# A sum over all series of a name in the last scrape.
metric() { gzip -dc "$dir/scrape" | awk -v name="$1" 'index($1, name "{") == 1 { sum += $2 } END { printf "%d", sum }'; }
scrape() { curl -s -o "$dir/scrape" -H 'accept-encoding: gzip' -w '%{time_total} %{http_code}' "http://$listen/metrics"; }

run() {
    local targets=$1 interval=$2 seconds=$3
    bench/estate.sh "$targets" "$interval" "$listen" "$dir/data" >"$dir/assured.toml"
    # As the systemd unit and the container have it.
    MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2} "$assured" run --config "$dir/assured.toml" 2>"$dir/log" &
    pid=$!
    until curl -sf "http://$listen/healthz" >/dev/null; do kill -0 "$pid" || { cat "$dir/log"; exit 1; }; sleep 0.2; done
    # The first rounds fill tables that only grow.
    sleep $((interval + 5))
    local from began probing_cpu probing_ns scraped_cpu scraped_ns scrapes=() peak
    from=$(ticks) began=$(date +%s%N)
    sleep "$seconds"
    probing_cpu=$(($(ticks) - from)) probing_ns=$(($(date +%s%N) - began))
    from=$(ticks) began=$(date +%s%N)
    for ((t = 15; t <= seconds; t += 15)); do
        sleep 15
        scrapes+=("$(scrape)")
    done
    scraped_cpu=$(($(ticks) - from)) scraped_ns=$(($(date +%s%N) - began))
    peak=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
    local skipped
    skipped=$(curl -s "http://$listen/api/v1/status" | sed -E 's/.*"scheduler_skipped":([0-9]+).*/\1/')
    awk -v targets="$targets" -v interval="$interval" -v hz="$(getconf CLK_TCK)" -v pc="$probing_cpu" -v pn="$probing_ns" \
        -v sc="$scraped_cpu" -v sn="$scraped_ns" -v lost="$(metric assured_probe_lost_total)" \
        -v unmeasured="$(metric assured_probe_not_measured_total)" -v skipped="$skipped" -v peak="$peak" \
        -v scrapes="$(printf '%s;' "${scrapes[@]}")" -v load="$(cut -d' ' -f1 /proc/loadavg)" 'BEGIN {
        rate = 2 * targets / interval; most = 0; n = split(scrapes, each, ";")
        for (i = 1; i < n; i++) { split(each[i], one, " "); if (one[2] != 200) failed++; if (one[1] > most) most = one[1] }
        printf "| %d at %d s | %d | %.1f µs | %.1f%% | %.0f MB | %.0f ms%s | %d | %d | %d | %s |\n", targets, interval, rate,
            1e6 * pc / hz / (pn / 1e9) / rate, 100 * sc / hz / (sn / 1e9), peak / 1024, 1000 * most, failed ? " (" failed " failed)" : "",
            lost, unmeasured, skipped, load
    }'
    kill "$pid"
    wait "$pid" || { cat "$dir/log"; exit 1; }
    pid=
}

echo "| Targets | Probes a second | CPU per probe, no scrapes | CPU of one core, with scrapes | Peak memory | Slowest scrape | Lost | Not measured | Slots skipped | Load |"
echo "|---|---|---|---|---|---|---|---|---|---|"
if [ $# -gt 0 ]; then
    run "$1" "${2:-1}" "${3:-60}"
else
    run 1000 1 60
    run 10000 1 60
    run 100000 10 60
fi
