#!/usr/bin/env python3
"""Makes a contract, a month of random rounds in the import format, and its exclusions, for the oracle and for us.

usage: generate.py COMPONENTS FOLDER SEED YYYY-MM
Writes assured.toml, rounds.csv and exclusions.json. One round a minute; gaps, rounds that were not measured,
outages and flapping at random. Nothing here is taken from the implementation under test.
"""
import datetime
import json
import os
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


def main():
    components, folder, seed, text = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    year, month = map(int, text.split("-"))
    zone = zoneinfo.ZoneInfo("Europe/London")
    begin = int(datetime.datetime(year, month, 1, tzinfo=zone).timestamp())
    end = int(datetime.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone).timestamp())
    os.makedirs(folder, exist_ok=True)
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
