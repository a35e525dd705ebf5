#!/usr/bin/env python3
"""The accounting rules once more, from INTERFACE alone, second by second.

    oracle.py CONFIG.toml ROUNDS.csv EXCLUSIONS.json YYYY-MM [STATEMENTS.csv]  >  report

Shares no idea with the product's streaming code: it paints one byte per second for every
component, looks ahead freely, and counts bytes. Python 3.11 or later, standard library only.

STATEMENTS.csv has what polls heard of links' interfaces, in order of time: due,heard,component,word,since,flapped
(seconds since the epoch; word up, down, off or unknown; since may be empty; flapped 0 or 1).

EXCLUSIONS.json: [{"services": ["id", ...], "from": RFC 3339, "to": RFC 3339, "state": "agreed"}, ...]
"""
import csv
import datetime as dt
import itertools
import json
import math
import pathlib
import re
import sys
import tomllib
from collections import Counter
from fractions import Fraction
from zoneinfo import ZoneInfo

UP, DEGRADED, DOWN, UNKNOWN = ord("U"), ord("d"), ord("D"), ord("?")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def duration(text):
    number, unit = re.fullmatch(r"([0-9.]+)\s*(ms|s|m|h|d)", text.strip()).groups()
    return Fraction(number) * {"ms": Fraction(1, 1000), "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def share(text):
    return Fraction(text.strip().rstrip("%")) / 100


def instant(value):
    """Floored seconds since the epoch, from RFC 3339 text or a TOML date-time."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return int(value.replace(microsecond=0).timestamp())


def show(fraction):
    """Percent with four decimals, truncated."""
    units = math.floor(fraction * 1_000_000)
    return f"{units // 10_000}.{units % 10_000:04d}"


def local_midnight(date, zone):
    return instant(dt.datetime(date.year, date.month, date.day, tzinfo=zone))


def utc(second):
    return dt.datetime.fromtimestamp(second, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_rounds(path):
    """component -> sorted [(second, verdict)]: all rows of a second are one round."""
    rounds = {}
    for row in csv.DictReader(open(path, newline="")):
        at = rounds.setdefault(row["component"], {})
        second = instant(row["time"])
        at.setdefault(second, set()).add(row["outcome"])
    merged = {}
    for component, by_second in rounds.items():
        merged[component] = [
            (t, "R" if "reply" in seen else "L" if "lost" in seen else "N") for t, seen in sorted(by_second.items())
        ]
    return merged


def read_replies(path):
    """(component, class) -> sorted [(second, outcome, rtt)]: what a class saw in a second is one of reply, lost, N."""
    seen = {}
    for row in csv.DictReader(open(path, newline="")):
        key = (row["component"], row["class"])
        best = seen.setdefault(key, {})
        second, rank = instant(row["time"]), ["not_measured", "lost", "reply"].index(row["outcome"])
        if second not in best or rank > best[second][0]:
            best[second] = (rank, int(row["rtt_us"] or 0))
    return {key: [(t, rank, rtt) for t, (rank, rtt) in sorted(best.items())] for key, best in seen.items()}


def objective(wanted, replies, names, is_up, begin):
    """Rule 9, for losses, means and maxima: over rounds that fall into up time only."""
    lost = received = total = slowest = 0
    for name in sorted(set(names)):
        for t, rank, rtt in replies.get((name, wanted["class"]), []):
            if rank and 0 <= t - begin < len(is_up) and is_up[t - begin]:
                lost, received, total = lost + (rank == 1), received + (rank == 2), total + rtt * (rank == 2)
                slowest = max(slowest, rtt * (rank == 2))
    if wanted["measure"] == "loss":
        if lost + received == 0:
            return None, "not_proven"
        value = Fraction(lost, lost + received)
        return show(value) + "%", "met" if value <= share(wanted["limit"]) else "breached"
    if received == 0:
        return None, "not_proven"
    value = Fraction(total, received) if wanted["measure"] == "rtt_mean" else Fraction(slowest)
    text = f"{math.floor(value) // 1000}.{math.floor(value) % 1000:03d}ms"
    return text, "met" if value <= duration(wanted["limit"]) * 1_000_000 else "breached"


def paint(rounds, interval, down_after, up_after, begin, end):
    """Rules 1 to 4: one byte per second of [begin, end)."""
    line = bytearray([UNKNOWN]) * (end - begin)
    # Rule 1: what each round covers.
    reach, alone = math.floor(Fraction(3, 2) * interval), math.floor(interval)
    covered = []
    for n, (t, verdict) in enumerate(rounds):
        following = rounds[n + 1][0] if n + 1 < len(rounds) else None
        if following is not None and following - t <= reach:
            stop = following
        else:
            stop = t + alone
        covered.append((t, stop, verdict))
    # Rule 2: stretches of measured rounds with no unknown second between them.
    stretches = []
    for t, stop, verdict in covered:
        if verdict == "N":
            stretches.append([])
        elif stretches and stretches[-1] and stretches[-1][-1][1] == t:
            stretches[-1].append((t, stop, verdict))
        else:
            stretches.append([(t, stop, verdict)])
    # Rules 3 and 4: each run of equal verdicts, with the runs before and after it in sight.
    for stretch in stretches:
        runs = [list(run) for _, run in itertools.groupby(stretch, key=lambda r: r[2])]
        state = None
        for n, run in enumerate(runs):
            if run[0][2] == "R":
                if state != DOWN or len(run) >= up_after:
                    state = UP
                colour = state
            elif len(run) >= down_after:
                colour = state = DOWN
            elif state is not None:
                colour = state
            else:
                colour = UP if n + 1 < len(runs) else UNKNOWN
            a, b = max(run[0][0], begin), min(run[-1][1], end)
            if a < b:
                line[a - begin : b - begin] = bytes([colour]) * (b - a)
    return bytes(line)


def read_statements(path):
    polls = {}
    for row in csv.DictReader(open(path, newline="")):
        since = int(row["since"]) if row["since"] else None
        poll = (int(row["due"]), int(row["heard"]), row["word"], since, row["flapped"] == "1")
        polls.setdefault(row["component"], []).append(poll)
    return polls


def stated(polls, interval, standby):
    """What a device says of an interface, as rounds of which one is enough: docs/accounting.md, 4."""
    rounds, before = [], None
    verdict_of = {"up": "R", "down": "L", "off": "N", "unknown": "N"}
    for due, heard, word, since, flapped in polls:
        verdict = verdict_of[word]
        newest = rounds[-1][0] if rounds else None
        # A date is believed back to the poll before, as long as that one covers the time in between.
        first = newest + 1 if newest is not None and 2 * (due - newest) <= 3 * interval else due
        dated = None
        if word != "unknown" and since is not None and since >= first - 2 and (flapped or word != before):
            dated = min(max(since, first), heard)
            if dated < first:
                dated = None
        new = {}
        if dated is not None and flapped:
            away = max(dated - 1, first)
            certain = word == "up" and not standby and away + 1 <= heard
            if (away if certain else dated) > first:
                new[first] = "N"
            if certain:
                new[away], dated = "L", away + 1
        elif dated is not None and before is not None and dated > due >= first:
            new[due] = verdict_of[before]
        if dated is not None:
            new[dated] = verdict
        if due >= first and (dated is None or due > dated):
            new[due] = verdict
        if new:
            rounds += sorted(new.items())
            before = word
    return rounds


def join(far, interface):
    """Rule 5, one byte per second."""
    if far is None or interface is None:
        return far or interface
    pick = {(a, b): DOWN if DOWN in (a, b) else a for a in (UP, DOWN, UNKNOWN) for b in (UP, DOWN, UNKNOWN)}
    return bytes(map(pick.__getitem__, zip(far, interface)))


def leaves(tree, services):
    if isinstance(tree, str):
        return leaves(services[tree]["requires"], services) if tree in services else [tree]
    branches = tree.get("all") or tree.get("any") or tree["of"]
    return [leaf for branch in branches for leaf in leaves(branch, services)]


def evaluate(tree, states, services):
    """Rule 6."""
    if isinstance(tree, str):
        return evaluate(services[tree]["requires"], states, services) if tree in services else states[tree]
    branches = tree.get("all") or tree.get("any") or tree["of"]
    need = len(branches) if "all" in tree else 1 if "any" in tree else tree["at_least"]
    seen = [evaluate(branch, states, services) for branch in branches]
    if seen.count(UP) >= need:
        return UP
    if seen.count(UP) + seen.count(UNKNOWN) < need:
        return DOWN
    return UNKNOWN


class Standing(dict):
    """Components' states of one second -> the service's, remembered. Degraded is up with something down."""

    def __init__(self, tree, names, services):
        super().__init__()
        self.tree, self.names, self.services = tree, names, services

    def __missing__(self, seen):
        state = evaluate(self.tree, dict(zip(self.names, seen)), self.services)
        self[seen] = DEGRADED if state == UP and DOWN in seen else state
        return self[seen]


def promised(contract, site, zone, month_start, month_end):
    """From acceptance (the contract's start without one) to the end of the contract's last day."""
    accepted = max(site.get("accepted", contract["starts"]), contract["starts"])
    ends = local_midnight(contract["ends"] + dt.timedelta(days=1), zone)
    return max(month_start, local_midnight(accepted, zone)), min(month_end, ends)


def holidays_of(sla, folder):
    if "holidays" not in sla:
        return set()
    text = (folder / sla["holidays"]).read_text()
    return {dt.date(int(d[:4]), int(d[4:6]), int(d[6:])) for d in re.findall(r"DTSTART[^:]*:(\d{8})", text)}


def in_hours(text, holidays, zone, begin, end):
    """One byte per second: inside the service hours or not. Looks at each local minute."""
    if text.strip() == "24x7":
        return bytes([1]) * (end - begin)
    days, hours = text.split()
    first, _, last = days.partition("-")
    a, b = DAYS.index(first), DAYS.index(last or first)
    wanted = set(range(a, b + 1))
    start, stop = (int(t[:2]) * 60 + int(t[3:]) for t in hours.split("-"))
    out = bytearray()
    for minute in range(begin // 60 * 60, end, 60):
        local = dt.datetime.fromtimestamp(minute, zone)
        of_day = local.hour * 60 + local.minute
        inside = local.weekday() in wanted and local.date() not in holidays and start <= of_day < stop
        out += bytes([inside]) * 60
    skip = begin - begin // 60 * 60
    return bytes(out[skip : skip + end - begin])


def runs_of(line, colour):
    """Maximal runs of one colour as (from, to) positions."""
    pattern = re.compile(re.escape(bytes([colour])) + b"+")
    return [match.span() for match in pattern.finditer(line)]


def availability(formula, up, down, unknown, excluded):
    """Rule 8; None when all there is to look at is unknown."""
    if formula == "agreed_time":
        part, whole = up, up + down
    elif formula == "fixed30":
        whole = 2_592_000
        part = max(0, whole - down)
    else:
        whole = up + down + excluded
        part = whole - down
    return Fraction(part, whole) if whole else None


def report(config, folder, rounds, replies, exclusions, month, statements):
    zone = ZoneInfo(config["monitor"].get("time_zone", "UTC"))
    year, number = (int(part) for part in month.split("-"))
    following = dt.date(year + number // 12, number % 12 + 1, 1)
    month_start, month_end = local_midnight(dt.date(year, number, 1), zone), local_midnight(following, zone)
    # Only seconds that some contract covers, and those with rounds, can matter.
    covered = [r for c in config["contracts"].values() for r in [promised(c, {}, zone, month_start, month_end)] if r[0] < r[1]]
    begin = min([a for a, _ in covered] + [r[0][0] for r in rounds.values() if r], default=month_start)
    latest = max([b for _, b in covered] + [r[-1][0] + 1 for r in rounds.values() if r], default=month_start)

    probing = config.get("probing", {})
    services = config["services"]
    lines = {}
    for kind in ("devices", "links"):
        for name, component in config.get(kind, {}).items():
            component = {**component, **component.get("probing", {})}
            icmp = {**probing.get("icmp", {}), **component.get("icmp", {})}
            down_after = component.get("down_after", probing.get("down_after", 3))
            up_after = component.get("up_after", probing.get("up_after", 2))
            interval = duration(icmp.get("interval", "1s"))
            far = paint(rounds.get(name, []), interval, down_after, up_after, begin, latest)
            if name not in statements:
                lines[name] = far
                continue
            snmp = duration(probing.get("snmp", {}).get("interval", "60s"))
            said = stated(statements[name], snmp, component.get("role") == "standby")
            interface = paint(said, snmp, 1, 1, begin, latest)
            lines[name] = join(far if "far_address" in component else None, interface)

    results = []
    for name in sorted(services):
        service = services[name]
        sla = config["slas"][service["sla"]]
        contract = config["contracts"][service["contract"]]
        site = config["sites"][service["site"]]
        names = leaves(service["requires"], services)

        # Rule 6, every second of the history.
        standing = Standing(service["requires"], names, services)
        state = bytes(map(standing.__getitem__, zip(*(lines[n] for n in names))))
        # Outages shorter than min_outage, as whole runs, count as up.
        minimum = duration(sla.get("min_outage", "0s"))
        counted = bytearray(state)
        for a, b in runs_of(state, DOWN):
            if b - a < minimum:
                counted[a:b] = bytes([UP]) * (b - a)

        # Rule 7: window and exclusions.
        promised_from, promised_to = promised(contract, site, zone, month_start, month_end)
        inside = bytearray(latest - begin)
        if promised_from < promised_to:
            hours = in_hours(sla.get("service_hours", "24x7"), holidays_of(sla, folder), zone, promised_from, promised_to)
            inside[promised_from - begin : promised_to - begin] = hours
        excluded = bytearray(latest - begin)
        spans = [(e["from"], e["to"]) for e in exclusions if e["state"] == "agreed" and name in e["services"]]
        notice = duration(sla.get("maintenance_notice", "0s"))
        for m in config.get("maintenance", []):
            touched = m["contract"] == service["contract"] and (not m.get("services") or name in m["services"])
            if touched and "notified" in m and instant(m["notified"]) + notice <= instant(m["from"]):
                spans.append((m["from"], m["to"]))
        for a, b in spans:
            a, b = max(instant(a), begin), min(instant(b), latest)
            if a < b:
                excluded[a - begin : b - begin] = bytes([1]) * (b - a)

        totals = {"up": 0, "down": 0, "unknown": 0, "excluded": 0}
        lost_resilience = 0
        for (one, within, out), seconds in Counter(zip(counted, inside, excluded)).items():
            if not within:
                continue
            account = "excluded" if out else {UNKNOWN: "unknown", DOWN: "down"}.get(one, "up")
            totals[account] += seconds
            if one == DEGRADED and not out:
                lost_resilience += seconds
        window = sum(totals.values())

        # Rule 9.
        outages = []
        for a, b in runs_of(state, DOWN):
            short = b - a < minimum
            a, b = max(a, promised_from - begin), min(b, promised_to - begin)
            seconds = sum(inside[a:b]) if a < b else 0
            if seconds:
                away = sum(1 for x, y in zip(inside[a:b], excluded[a:b]) if x and y)
                entry = {"from": utc(a + begin), "to": utc(b + begin), "seconds": seconds, "excluded": away, "short": short}
                outages.append(entry)

        # Rule 9 again: the objectives that can be told from rounds alone.
        is_up = bytes(w and not x and s in (UP, DEGRADED) for s, w, x in zip(counted, inside, excluded))
        objectives = []
        for wanted in sla.get("objectives", []):
            if wanted["measure"] in ("loss", "rtt_mean", "rtt_max"):
                value, judged = objective(wanted, replies, names, is_up, begin)
                judged = {"class": wanted["class"], "measure": wanted["measure"], "value": value, "verdict": judged}
                objectives.append(judged)

        # Rule 8.
        formula, policy = sla.get("formula", "calendar"), sla.get("unknown", "exclude")
        if formula not in ("calendar", "agreed_time", "fixed30") or sla.get("rounding", "none") != "none":
            sys.exit(f"{name}: only percentages of unrounded outages are checked here")
        up, down, unknown, away = (totals[k] for k in ("up", "down", "unknown", "excluded"))
        as_up = availability(formula, up + unknown, down, 0, away)
        as_down = availability(formula, up, down + unknown, 0, away)
        value = {"exclude": availability(formula, up, down, unknown, away), "as_up": as_up, "as_down": as_down}[policy]
        # Nothing that could be up or down is known; thirty days are thirty days all the same.
        left = {"exclude": up + down, "as_up": up + down + unknown, "as_down": up + down + unknown}[policy]
        nothing = window > 0 and (left == 0 if formula == "agreed_time" else policy == "exclude" and unknown == window)
        blind = nothing and unknown > 0 and formula != "fixed30"
        coverage = 1 - Fraction(unknown, window) if window else Fraction(1)
        one = Fraction(1)
        as_up, as_down = (one if x is None else x for x in (as_up, as_down))
        value = one if value is None else value
        if nothing or coverage < share(sla.get("coverage_floor", "99%")):
            verdict = "not_proven"
        else:
            verdict = "met" if value >= share(sla["availability"]) else "breached"
        results.append({
            "id": name,
            "seconds": {"window": window, **totals},
            "degraded": lost_resilience,
            "availability": None if blind else show(value),
            "lower": show(as_down),
            "upper": show(as_up),
            "coverage": show(coverage),
            "verdict": verdict,
            "outages": outages,
            "objectives": objectives,
        })
    return {"period": {"start": utc(month_start), "end": utc(month_end)}, "services": results}


def main():
    config_path, rounds_path, exclusions_path, month = sys.argv[1:5]
    config = tomllib.loads(pathlib.Path(config_path).read_text())
    exclusions = json.loads(pathlib.Path(exclusions_path).read_text())
    statements = read_statements(sys.argv[5]) if len(sys.argv) > 5 else {}
    replies = read_replies(rounds_path)
    result = report(config, pathlib.Path(config_path).parent, read_rounds(rounds_path), replies, exclusions, month, statements)
    json.dump(result, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
