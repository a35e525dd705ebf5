#!/usr/bin/env python3
"""Makes a contract, a month of random rounds in the import format, and its exclusions, for the oracle and for us.

usage: generate.py COMPONENTS FOLDER SEED YYYY-MM [hostile | dense]
Writes assured.toml, rounds.csv and exclusions.json. One round a minute; gaps, rounds that were not measured,
outages and flapping at random. Nothing here is taken from the implementation under test.

With `hostile` everything that the rules have an edge for: two classes, in one second or in two; instants with
fractions; the same second twice; intervals and hysteresis of each component's own; rounds at exactly one and a half
intervals; outages across both ends of the month; a component that was never probed; hours with holidays; acceptance
inside the month and a contract that ends inside it; outages too short to count, and one across the month's end that
is long enough only with what lies behind it; late and overlapping maintenance; windows announced a second late.

With `dense` two hours of rounds some seconds apart, in which states change within most minutes: services that share
components, and objectives on their round-trip times.
"""
import datetime
import json
import os
import pathlib
import random
import sys
import zoneinfo

FORMULAE = ["calendar", "agreed_time", "fixed30"]
POLICIES = ["exclude", "as_up", "as_down"]


def contract(components, year, month):
    text = [
        '[monitor]\nvantage = "oracle"\nlisten = "127.0.0.1:9878"\ndata_dir = "data"\ntime_zone = "Europe/London"\n',
        '[classes.voice]\ndscp = "EF"\ncodec = "G.711"\n',
        '[probing]\nicmp = { interval = "60s", timeout = "1s", size = 64, classes = ["voice"] }\n'
        'down_after = 3\nup_after = 2\n',
        '[contracts.c]\ntitle = "Random"\nkind = "consolidated"\nprovider = "P"\ncustomer = "C"\nreference = "R-1"\n'
        'starts = 2026-01-01\nends = 2029-03-31\ncontact = { name = "Desk", phone = "1", email = "a@b.example" }\n',
        '[sites.x]\ntitle = "X"\n',
        f'[sites.y]\ntitle = "Y"\naccepted = {year}-{month:02}-05\n',
    ]
    for n in range(6):
        hours = '"24x7"' if n < 3 else '"mon-fri 08:00-18:00"'
        text.append(
            f'[slas.s{n}]\navailability = "99.95%"\nformula = "{FORMULAE[n % 3]}"\nservice_hours = {hours}\n'
            f'unknown = "{POLICIES[n % 3]}"\ncoverage_floor = "50%"\nmin_outage = "0s"\nmaintenance_notice = "5d"\n'
            'objectives = [\n  { class = "voice", measure = "rtt_mean", limit = "30ms" },\n'
            '  { class = "voice", measure = "loss", limit = "0.1%" },\n'
            '  { class = "voice", measure = "rtt_p95", limit = "60ms" },\n'
            '  { class = "voice", measure = "mos", limit = "4.0" },\n]\n'
            'credits = [{ below = "99.95%", credit = "5%" }, { below = "99.5%", credit = "10%" }]\n'
        )
    for n in range(components):
        text.append(
            f'[devices.d{n:03}]\nsite = "{"xy"[n % 2]}"\nkind = "router"\naddress = "10.0.{n // 250}.{n % 250 + 1}"\n'
        )
    for k, n in enumerate(range(0, components - 2, 3)):
        a, b, c = (f"d{n + i:03}" for i in range(3))
        requires = [
            f'{{ all = ["{a}", {{ any = ["{b}", "{c}"] }}] }}',
            f'{{ at_least = 2, of = ["{a}", "{b}", "{c}"] }}',
            f'{{ all = ["{a}"] }}',
        ][k % 3]
        text.append(
            f'[services.v{n:03}]\nsite = "{"xy"[k % 2]}"\ncontract = "c"\nsla = "s{k % 6}"\nclass = "voice"\n'
            f'monthly_charge = "GBP 500.00"\nrequires = {requires}\n'
        )
    day = f"{year}-{month:02}"
    text.append(
        f'[[maintenance]]\ncontract = "c"\nservices = ["v000"]\nfrom = {day}-10T01:00:00Z\nto = {day}-10T03:00:00Z\n'
        f'reference = "CHG-1"\nnotified = {day}-01T00:00:00Z\n'
        f'[[maintenance]]\ncontract = "c"\nservices = ["v000"]\nfrom = {day}-12T01:00:00Z\nto = {day}-12T03:00:00Z\n'
        f'reference = "CHG-2"\nnotified = {day}-11T00:00:00Z\n'
    )
    return "\n".join(text)


def rounds(rng, write, component, begin, end):
    at = begin + rng.randrange(60)
    mood, left = "reply", 0
    while at < end:
        if left <= 0:
            mood = rng.choices(["reply", "lost", "not_measured", "gap", "flap"], [90, 5, 2, 2, 3])[0]
            left = int(rng.expovariate(1 / (400 if mood == "reply" else 6))) + 1
        left -= 1
        outcome = rng.choice(["reply", "lost"]) if mood == "flap" else mood
        if outcome != "gap":
            time = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            rtt = rng.randrange(5000, 40000) if outcome == "reply" else ""
            write(f"{time},{component},voice,{outcome},{rtt}\n")
        # Mostly regular; now and then just inside and just outside of one and a half intervals.
        at += 60 if rng.random() < 0.999 else rng.choice([61, 89, 90, 91, 120])


CLASSES = ["voice", "data"]


def hostile_contract(rng, components, year, month):
    """The contract, and (interval, down_after, up_after) of each component; the last two are never probed."""
    day = f"{year}-{month:02}"
    text = [
        '[monitor]\nvantage = "oracle"\nlisten = "127.0.0.1:9878"\ndata_dir = "data"\ntime_zone = "Europe/London"\n',
        '[classes.voice]\ndscp = "EF"\ncodec = "G.711"\n[classes.data]\ndscp = "AF31"\n',
        '[probing]\nicmp = { interval = "60s", timeout = "1s", size = 64, classes = ["voice", "data"] }\n',
        '[contracts.c]\ntitle = "Hostile"\nkind = "consolidated"\nprovider = "P"\ncustomer = "C"\nreference = "R-1"\n'
        f'starts = 2026-01-01\nends = {day}-{rng.choice([26, 28])}\n'
        'contact = { name = "Desk", phone = "1", email = "a@b.example" }\n',
        f'[sites.x]\ntitle = "X"\n[sites.y]\ntitle = "Y"\naccepted = {day}-{rng.choice(["02", "15"])}\n',
    ]
    hours = ["24x7", "mon-fri 08:00-18:00", "sat-sun 00:30-02:30", "mon-sun 01:15-01:45", "wed-sun 00:00-24:00", "24x7"]
    for n in range(6):
        text.append(
            f'[slas.s{n}]\navailability = "99.5%"\nformula = "{FORMULAE[n % 3]}"\nservice_hours = "{hours[n]}"\n'
            + ("" if hours[n] == "24x7" else 'holidays = "holidays.ics"\n')
            + f'unknown = "{POLICIES[n // 2 % 3]}"\ncoverage_floor = "{rng.choice([0, 60, 90])}%"\n'
            f'min_outage = "{rng.choice(["0s", "90s", "300s", "2h"])}"\nmaintenance_notice = "{rng.choice([0, 2, 5])}d"\n'
            'objectives = [\n  { class = "voice", measure = "loss", limit = "0.1%" },\n'
            '  { class = "data", measure = "loss", limit = "5%" },\n]\n'
        )
    kinds = []
    for n in range(components):
        kind = (rng.choice([30, 60, 60, 61, 120, 300]), rng.choice([1, 2, 3, 4]), rng.choice([1, 2, 3]))
        kinds.append(kind)
        text.append(
            f'[devices.d{n:03}]\nsite = "{"xy"[n % 2]}"\nkind = "router"\naddress = "10.0.{n // 250}.{n % 250 + 1}"\n'
            f'probing = {{ icmp = {{ interval = "{kind[0]}s" }}, down_after = {kind[1]}, up_after = {kind[2]} }}\n'
        )
    for k in range(components * 2):
        a, b, c = (f"d{n:03}" for n in rng.sample(range(components), 3))
        requires = [
            f'{{ all = ["{a}", {{ any = ["{b}", "{c}"] }}] }}',
            f'{{ at_least = 2, of = ["{a}", "{b}", "{c}"] }}',
            f'{{ all = ["{a}"] }}',
            f'{{ any = [{{ all = ["{a}", "{b}"] }}, "{c}"] }}',
        ][k % 4]
        text.append(
            f'[services.v{k:03}]\nsite = "{"xy"[k // 2 % 2]}"\ncontract = "c"\nsla = "s{k % 6}"\nclass = "voice"\n'
            f'requires = {requires}\n'
        )
    # In time, a second late, overlapping, of every service, and never announced.
    for n, (services, start, end, notified) in enumerate([
        (["v000", "v001"], "10T01:00:00", "10T03:00:00", "04T12:00:00"),
        (["v000", "v002"], "12T01:00:00", "12T03:00:01", "07T01:00:01"),
        (["v003", "v004"], "12T02:00:00", "13T02:00:00", "01T00:00:00"),
        (None, "20T00:00:07", "20T00:30:00", "02T00:00:00"),
        (["v005"], "21T00:00:00", "22T00:00:00", None),
    ]):
        named = "" if services is None else f'services = {json.dumps(services)}\n'
        told = "" if notified is None else f"notified = {day}-{notified}Z\n"
        text.append(
            f'[[maintenance]]\ncontract = "c"\n{named}from = {day}-{start}Z\nto = {day}-{end}Z\nreference = "CHG-{n}"\n{told}'
        )
    return "\n".join(text), kinds


def hostile_rounds(rng, write, component, kind, begin, end):
    interval = kind[0]
    # In milliseconds; history begins before the month, with it, or late, and ends before or behind its end.
    at = (begin + rng.choice([-7200, -90, 0, 0, 3600])) * 1000 + rng.randrange(1000)
    month_end, long = end, rng.random() < 0.5
    end = (end + rng.choice([-3600, 0, 1800, 7200])) * 1000
    mood, left = rng.choice(["lost", "reply"]), 3
    edge = rng.choice(["lost", "reply", "flap"])
    while at < end:
        if left <= 0:
            mood = rng.choices(["reply", "lost", "not_measured", "gap", "flap"], [80, 8, 3, 3, 6])[0]
            left = int(rng.expovariate(1 / (300 if mood == "reply" else 5))) + 1
        left -= 1
        # Both ends of the month lie inside of the same trouble.
        near = min(abs(at // 1000 - begin), abs(at // 1000 - end // 1000)) < 4 * interval
        now = "lost" if long and abs(at // 1000 - month_end) < 3960 else edge if near else mood
        if now != "gap":
            late = rng.choice([0, 0, 0, 1, 999, 1000, 1500])
            seen = {"flap": None, "reply": "reply", "lost": "lost", "not_measured": "not_measured"}[now]
            rows = []
            for n, name in enumerate(CLASSES):
                outcome = seen or rng.choice(["reply", "lost"])
                if seen == "reply" and n == 1 and rng.random() < 0.03:
                    outcome = "lost"
                if seen == "not_measured" and rng.random() < 0.2:
                    outcome = "lost"
                rows.append((at + late * n, name, outcome))
            if rng.random() < 0.01:
                rows.append((rows[0][0] // 1000 * 1000 + 999, "voice", rng.choice(["reply", "lost"])))
            for ms, name, outcome in sorted(rows, key=lambda row: row[0]):
                time = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
                rtt = rng.randrange(5000, 40000) if outcome == "reply" else ""
                write(f"{time}.{ms % 1000:03}Z,{component},{name},{outcome},{rtt}\n")
        step = interval * 1000
        if rng.random() < 0.03:
            step = rng.choice([step * 3 // 2, step * 3 // 2 + 1000, step * 3 // 2 - 1000, step * 2, step + 1000])
        at += max(step, 3000)


def dense_contract(rng, components):
    text = [
        '[monitor]\nvantage = "oracle"\nlisten = "127.0.0.1:9878"\ndata_dir = "data"\ntime_zone = "Europe/London"\n',
        '[classes.voice]\ndscp = "EF"\ncodec = "G.711"\n[classes.data]\ndscp = "AF31"\n',
        '[probing]\nicmp = { interval = "5s", timeout = "1s", size = 64, classes = ["voice", "data"] }\n',
        '[contracts.c]\ntitle = "Dense"\nkind = "consolidated"\nprovider = "P"\ncustomer = "C"\nreference = "R-1"\n'
        'starts = 2026-01-01\nends = 2029-03-31\ncontact = { name = "Desk", phone = "1", email = "a@b.example" }\n',
        '[sites.x]\ntitle = "X"\n',
    ]
    for n in range(3):
        limits = "".join(
            f'  {{ class = "{name}", measure = "{measure}", limit = "{rng.choice([15, 20, 30, 60])}ms" }},\n'
            for name in CLASSES
            for measure in ("rtt_mean", "rtt_max")
        )
        text.append(
            f'[slas.s{n}]\navailability = "99.5%"\nformula = "calendar"\nservice_hours = "24x7"\nunknown = "exclude"\n'
            f'coverage_floor = "0%"\nmin_outage = "{rng.choice([0, 5, 20])}s"\nmaintenance_notice = "0s"\n'
            f'objectives = [\n  {{ class = "voice", measure = "loss", limit = "5%" }},\n{limits}]\n'
        )
    kinds = []
    for n in range(components):
        kind = (rng.choice([1, 2, 5, 10]), rng.choice([1, 2, 3]), rng.choice([1, 2, 3]))
        kinds.append(kind)
        text.append(
            f'[devices.d{n:03}]\nsite = "x"\nkind = "router"\naddress = "10.0.0.{n + 1}"\n'
            f'probing = {{ icmp = {{ interval = "{kind[0]}s" }}, down_after = {kind[1]}, up_after = {kind[2]} }}\n'
        )
    for k in range(components):
        a, b = (f"d{n:03}" for n in rng.sample(range(components), 2))
        requires = [f'{{ all = ["{a}"] }}', f'{{ all = ["{a}", "{b}"] }}', f'{{ any = ["{a}", "{b}"] }}'][k % 3]
        text.append(
            f'[services.v{k:03}]\nsite = "x"\ncontract = "c"\nsla = "s{k % 3}"\nclass = "voice"\nrequires = {requires}\n'
        )
    return "\n".join(text), kinds


def dense_rounds(rng, write, component, kind, at, end):
    mood, left, slow = "reply", 0, 1
    while at < end:
        if left <= 0:
            mood = rng.choices(["reply", "lost", "not_measured", "gap", "flap"], [60, 12, 2, 2, 10])[0]
            left = int(rng.expovariate(1 / (60 if mood == "reply" else 6))) + 1
            slow = rng.choice([1, 1, 3])
        left -= 1
        if mood != "gap":
            time = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            seen = rng.choice(["reply", "lost"]) if mood == "flap" else mood
            for name in CLASSES:
                outcome = "lost" if seen == "reply" and rng.random() < 0.02 else seen
                rtt = rng.randrange(5000, 20000) * slow if outcome == "reply" else ""
                write(f"{time},{component},{name},{outcome},{rtt}\n")
        at += kind[0]


def dense(components, folder, rng, begin):
    text, kinds = dense_contract(rng, components)
    pathlib.Path(folder, "assured.toml").write_text(text)
    start = begin + 10 * 86400 + rng.randrange(3600)
    with open(f"{folder}/rounds.csv", "w") as out:
        out.write("time,component,class,outcome,rtt_us\n")
        for n in range(components):
            dense_rounds(rng, out.write, f"d{n:03}", kinds[n], start, start + 7200)
    pathlib.Path(folder, "exclusions.json").write_text("[]")


def hostile(components, folder, rng, year, month, begin, end):
    text, kinds = hostile_contract(rng, components, year, month)
    day = f"{year}-{month:02}"
    pathlib.Path(folder, "assured.toml").write_text(text)
    pathlib.Path(folder, "holidays.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:%s\nEND:VEVENT\nEND:VCALENDAR\n" % (day + "-06").replace("-", "")
    )
    with open(f"{folder}/rounds.csv", "w") as out:
        out.write("time,component,class,outcome,rtt_us\n")
        for n in range(components - 2):
            hostile_rounds(rng, out.write, f"d{n:03}", kinds[n], begin, end)
    pathlib.Path(folder, "exclusions.json").write_text("[]")


def main():
    components, folder, seed, text = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    year, month = map(int, text.split("-"))
    zone = zoneinfo.ZoneInfo("Europe/London")
    begin = int(datetime.datetime(year, month, 1, tzinfo=zone).timestamp())
    end = int(datetime.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone).timestamp())
    os.makedirs(folder, exist_ok=True)
    if sys.argv[5:] == ["hostile"]:
        return hostile(components, folder, random.Random(seed), year, month, begin, end)
    if sys.argv[5:] == ["dense"]:
        return dense(components, folder, random.Random(seed), begin)
    with open(f"{folder}/assured.toml", "w") as out:
        out.write(contract(components, year, month))
    with open(f"{folder}/exclusions.json", "w") as out:
        json.dump([], out)
    rng = random.Random(seed)
    with open(f"{folder}/rounds.csv", "w") as out:
        out.write("time,component,class,outcome,rtt_us\n")
        for n in range(components):
            rounds(rng, out.write, f"d{n:03}", begin, end)


if __name__ == "__main__":
    main()
