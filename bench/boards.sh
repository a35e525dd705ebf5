#!/usr/bin/env bash
# What open status boards cost the daemon: 10,000 components on 1,000 sites, 200 boards that listen, and every ten
# seconds a device that stops or starts being reachable, so that most parts of the board change and are sent to all.
# Prints the daemon's CPU without and with the boards, and what each board was sent.
#
#   bench/boards.sh                      10,000 components, 200 boards, twice 60 s
#   bench/boards.sh 10000 200 30         the same for twice 30 s
#
# As root: it goes to a network namespace of its own, where routes can be taken away from a device without harm.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" != inside ]; then
    cargo build --release --bin assured --quiet
    exec unshare --net "$0" inside "$@"
fi
shift
components=${1:-10000} boards=${2:-200} seconds=${3:-60}
ip link set lo up
assured=target/release/assured
dir=$(mktemp -d)
pid= listeners=
trap '[ -z "$pid$listeners" ] || kill $pid $listeners 2>/dev/null; wait 2>/dev/null; rm -rf "$dir"' EXIT
listen=127.0.0.1:19878

bench/estate.sh "$components" 10 "$listen" "$dir/data" flapping >"$dir/assured.toml"

"$assured" run --config "$dir/assured.toml" 2>"$dir/log" &
pid=$!
until curl -sf "http://$listen/healthz" >/dev/null; do kill -0 "$pid" || { cat "$dir/log"; exit 1; }; sleep 0.2; done
sleep 15 # everybody has been asked

ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
# Runs for so long, a device coming and going, and prints the share of a core that the daemon took.
measure() {
    local from began
    from=$(ticks) began=$(date +%s%N)
    for ((t = 0; t < seconds; t += 10)); do
        if ((t / 10 % 2)); then ip route del table local unreachable 127.200.0.1; else ip route add table local unreachable 127.200.0.1; fi
        sleep 10
    done
    ip route del table local unreachable 127.200.0.1 2>/dev/null || true
    awk -v cpu=$(($(ticks) - from)) -v ns=$(($(date +%s%N) - began)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", 100 * cpu / hz / (ns / 1e9) }'
}

without=$(measure)
cat >"$dir/listen.py" <<'P'
# Listens like so many browsers and says what they were sent: events, bytes, boards that were dropped.
import asyncio, sys, time
host, port, boards, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
async def board(end):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /events/board HTTP/1.1\r\nHost: bench\r\n\r\n")
    events = size = first = 0
    while (left := end - time.monotonic()) > 0:
        try:
            chunk = await asyncio.wait_for(reader.read(1 << 18), left)
        except asyncio.TimeoutError:
            break
        if not chunk:
            return events, size, first, 1
        events += chunk.count(b"event: clock")
        size += len(chunk)
        first = first or size
    writer.close()
    return events, size, first, 0
async def main():
    end = time.monotonic() + seconds
    all = await asyncio.gather(*(board(end) for _ in range(boards)))
    n = len(all)
    print(f"{sum(a[0] for a in all) / n / seconds:.2f} {sum(a[1] for a in all) / n / 1024 / seconds:.1f} {sum(a[3] for a in all)}")
asyncio.run(main())
P
python3 "$dir/listen.py" "${listen%:*}" "${listen#*:}" "$boards" $((seconds + 5)) >"$dir/heard" &
listeners=$!
sleep 2
with=$(measure)
wait "$listeners"
read -r events kib dropped <"$dir/heard"
page=$(curl -s -H 'accept-encoding: gzip' -w '%{time_total} %{size_download}' -o /dev/null "http://$listen/")
echo "| Components | Boards | CPU of one core, nobody looks | with the boards | the boards alone | Told a second | KiB/s each | Dropped | Page, seconds and bytes | Load |"
echo "|---|---|---|---|---|---|---|---|---|---|"
echo "| $components | $boards | $without% | $with% | $(awk -v a="$with" -v b="$without" 'BEGIN { printf "%.1f", a - b }')% | $events | $kib | $dropped | ${page% *} s, ${page#* } | $(cut -d' ' -f1 /proc/loadavg) |"
