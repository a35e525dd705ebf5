"""The wallboard: what is wrong, since when, whom it hurts, whom to call."""

import palette
from palette import DEGRADED, DOWN, MAINTENANCE, STATE, UNKNOWN, UP
from panel import CARRY, by, column, dashboard, hidden, link, stat, table, timeline
from query import (I_CONTACT, SERVICE_AT, SITE, V, component_state, join, named_component, named_service, or_silent,
                   service_state, worst_by)

TO_SERVICE = link("Look closer", f"/d/assured-service?{CARRY}&var-service=${{__data.fields.service}}")
TO_PAGE = link("The daemon's page of it", "${board:raw}/services/${__data.fields.service}", new=True)
TO_SITE = link("Everything of this site", f"/d/assured-service?{CARRY}&var-site=${{__data.fields.site}}")


def count(state, word, colour, text):
    expr = f'sum(max by (service) (assured_service_state{{{SERVICE_AT},state="{state}"}}))'
    return stat(word, text, 4, expr, "nothing watched", thresholds=palette.NONE_IS_GOOD(colour), h=3)


def wrong():
    trouble = f"{service_state()} > 1"
    rows = join(named_service(f"topk(60, {trouble})"), "contract", "name, phone", I_CONTACT)
    here = f"and on (service) ({trouble})"
    return table(
        "What is wrong", "Every service that is not simply up, the worst and the longest first: since when, what it is, how long is left to restore it, "
        "how much of the month's allowed down time is left, and whom to call. At most 60 rows. Empty means that nothing is wrong: if the monitor "
        "itself fell silent, a row says so.",
        16, 11,
        {"A": or_silent(rows),
         "B": f"max by (service) (assured_service_since_timestamp_seconds{{{SERVICE_AT}}}) * 1000 {here}",
         "C": f"max by (service) (assured_service_budget_remaining_ratio{{{SERVICE_AT}}}) {here}",
         "D": f"max by (service) (assured_service_restore_deadline_timestamp_seconds{{{SERVICE_AT}}}) - time() {here}"},
        [column("Value #A", "State", 138, mappings=STATE, cell="color-background", align="left"),
         column("Value #B", "Since", 135, unit="dateTimeFromNow", align="left"),
         column("title", "Service", links=[TO_SERVICE, TO_PAGE]),
         column("place", "Site", 180, links=[TO_SITE]),
         column("class", "Class", 60),
         column("Value #D", "To restore", 90, unit="s", decimals=0, thresholds=palette.KEPT_TEXT, cell="color-text", align="right"),
         column("Value #C", "Promise left", 100, unit="percentunit", decimals=0, thresholds=palette.LEFT_TEXT, cell="color-text", align="right",
                empty="not known"),
         column("name", "Whom to call", 214),
         column("phone", "Telephone", 118),
         hidden("service"), hidden("site")],
        "Nothing is wrong: every service is up", on="service", sort=[("State", True), ("Since", False)])


def matrix():
    worst = join(f"max by (site) ({service_state()})", "site", "place", 'max by (site, place) (label_replace(assured_site_info{%s}, "place", "$1", "title", "(.*)"))' % V)
    cells = f"max by (place, class) ({named_service(service_state())})"
    made = table(
        "Sites and classes", "The worst state of each site's services, by class of service; sites with trouble come first. A dash: "
        "the site has no service of this class.",
        8, 25,
        {"A": f'{cells} or max by (place, class) (label_replace({worst}, "class", " Site", "", ""))'},
        [], "No service is watched", pages=False)
    made["transformations"] = [
        {"id": "groupingToMatrix", "options": {"columnField": "class", "rowField": "place", "valueField": "Value", "emptyValue": "null"}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": {"place\\class": 0, " Site": 1}, "renameByName": {}}},
    ]
    made["options"]["sortBy"] = [{"displayName": "Worst", "desc": True}]
    made["fieldConfig"]["defaults"] |= {"mappings": palette.STATE_OR_NONE}
    made["fieldConfig"]["defaults"]["custom"] |= {"cellOptions": {"type": "color-background", "mode": "basic"}, "align": "center"}
    made["fieldConfig"]["overrides"] = [
        by("byName", "place\\class", displayName="Site", custom__cellOptions={"type": "auto"}, custom__align="left", custom__width=200),
        by("byName", " Site", displayName="Worst"),
    ]
    return made


def components():
    trouble = f"{component_state()} > 1"
    here = f"and on (component) ({trouble})"
    return table(
        "Devices and links behind it", "Every component that is not up, since when, and how many services look at it. At most 40 rows.",
        16, 6,
        {"A": named_component(f"topk(40, {trouble})"),
         "B": f"max by (component) (assured_component_since_timestamp_seconds{{{SITE}}}) * 1000 {here}",
         "C": f"count by (component) (max by (component, service) (assured_service_requires_info{{{V}}})) {here}"},
        [column("Value #A", "State", 138, mappings=STATE, cell="color-background", align="left"),
         column("Value #B", "Since", 140, unit="dateTimeFromNow", align="left"),
         column("title", "Component", links=[link("Look closer", f"/d/assured-links?{CARRY}&var-component=${{__data.fields.component}}")]),
         column("kind", "What it is", 150, mappings=palette.KIND),
         column("place", "Site", 190),
         column("Value #C", "Services that need it", 160, align="right", empty="none"),
         hidden("component")],
        "No device or link is known to be in trouble", on="component", sort=[("State", True), ("Since", False)])


def make(board):
    panels = [
        count("down", "Down", DOWN, "Services that are confirmed down now. This counts against the promise."),
        count("unknown", "Unknown", UNKNOWN, "Services of which nobody can say whether they are up or down: not measured, or the monitor is cut off."),
        count("degraded", "Degraded", DEGRADED, "Services that work, but with something behind them down: the next fault may take them."),
        count("maintenance", "Maintenance", MAINTENANCE, "Services in announced or agreed maintenance, which does not count."),
        stat("Up", "Services that work, with everything behind them.", 4,
             f'sum(max by (service) (assured_service_state{{{SERVICE_AT},state="up"}}))', "nothing watched", thresholds=palette.steps(UP), h=3),
        stat("Monitor", "Whether this board can be believed: the monitor is heard of, and not cut off from everything it watches.", 4,
             f"max(assured_monitor_isolated{{{V}}}) or 2 * absent(assured_build_info{{{V}}})", "✖ Silent",
             mappings=palette.mapping({0: ("✔ Watching", UP), 1: ("✖ Cut off", DOWN), 2: ("✖ Silent", DOWN)}), size=34, h=3),
        wrong(),
        matrix(),
        components(),
        timeline("Lately", "The services that were up for the least of the time shown, at most 15, and what state they were in. Services "
                 "that were up throughout are left out.", 16, 8,
                 f"{service_state(by='service')} and on (service) {worst_by('assured_service_state', SERVICE_AT, 'service', 15)}",
                 "{{service}}", "Nothing has been wrong in the time shown", STATE,
                 links=[link("Look closer", f"/d/assured-service?{CARRY}&var-service=${{__field.labels.service}}")]),
    ]
    return dashboard("assured-noc", "assured: wallboard", "What is wrong, since when, whom it hurts, and whom to call.",
                     ["contract", "site"], panels, board, "now-1h", "15s")
