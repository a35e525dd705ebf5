"""Sites and services looked at closely: state, month, objectives, what they stand on, and how it measures."""

import palette
from palette import DOWN, HOLDS, MEASURE, STATE, UNKNOWN, UP
from panel import CARRY, column, dashboard, heading, hidden, lines, link, stat, table, timeline
from query import (I_CONTACT, I_SERVICE, SERVICE, SITE, V, component_state, join, most, named_component, named_service,
                   needed_by_chosen, service_state, slowest, truncated, worst_by)

ONE = link("Only this service", f"/d/assured-service?{CARRY}&var-service=${{__data.fields.service}}")
PAGE = link("The daemon's page of it", "${board:raw}/services/${__data.fields.service}", new=True)
ON = "service, contract, site"


def of(metric, more=""):
    return f"max by (service) ({metric}{{{SERVICE}{more}}})"


def services():
    return table(
        "Services", "What is promised and what became of it, this month so far. The margin is the availability less the one promised: below zero "
        "the promise is broken as things stand. The worst come first; the funnel in a column's head filters.",
        24, 11,
        {"A": named_service(service_state(SERVICE)),
         "B": f"{of('assured_service_since_timestamp_seconds')} * 1000",
         "C": truncated(of("assured_service_availability_ratio")),
         "D": of("assured_service_availability_target_ratio"),
         "E": f"({of('assured_service_availability_ratio')} - {of('assured_service_availability_target_ratio')}) "
              f"or (0 * {of('assured_service_availability_target_ratio')} + {palette.NOTHING})",
         "F": of("assured_service_budget_remaining_ratio"),
         "G": of("assured_service_month_seconds", ',account="down"'),
         "H": of("assured_service_month_outages"),
         "I": truncated(of("assured_service_coverage_ratio"))},
        [column("Value #A", "State", 138, mappings=STATE, cell="color-background", align="left"),
         column("title", "Service", links=[ONE, PAGE]),
         column("place", "Site", 190),
         column("class", "Class", 75),
         column("Value #B", "Since", 130, unit="dateTimeFromNow", align="left"),
         column("Value #C", "Availability", 105, unit="percentunit", decimals=3, align="right", empty="not measured"),
         column("Value #D", "Promised", 90, unit="percentunit", decimals=3, align="right"),
         column("Value #E", "Margin", 90, unit="percentunit", decimals=3, thresholds=palette.KEPT_TEXT, cell="color-text", align="right", mappings=palette.NOTHING_IS_A_DASH),
         column("Value #F", "Allowance left", 120, unit="percentunit", decimals=0, thresholds=palette.LEFT_TEXT, cell="color-text", align="right",
                empty="none allowed"),
         column("Value #G", "Down", 100, unit="s", decimals=1, align="right"),
         column("Value #H", "Outages", 80, align="right"),
         column("Value #I", "Measured", 95, unit="percentunit", decimals=1, align="right"),
         hidden("service")],
        "No such service is watched", on="service", sort=[("State", True), ("Margin", False)], pages=True, filters=True)


def objectives(title, text, width, measures, unit, decimals, better):
    chosen = f'{SERVICE},measure=~"{measures}"'
    base = lambda metric: f"max by (service, class, measure) ({metric}{{{chosen}}})"
    value, limit = base("assured_objective_value"), base("assured_objective_limit")
    headroom = f"clamp_min(1 - {value} / {limit}, -9.99)" if better == "less" else f"{value} / {limit} - 1"
    # A percentile beyond which everything was lost is broken and has no figure: nothing has less room.
    headroom = f"({headroom}) or (0 * {limit} - 9.99 and on (service, class, measure) ({base('assured_objective_met')} == 0))"
    # What was not measured comes last: there is no room to compare.
    room = f"{headroom} or (0 * {limit} + {palette.NOTHING})"
    rows = f"and on (service, class, measure) bottomk(100, {room})"
    key = lambda expr: f'label_join({expr}, "objective", "/", "service", "class", "measure")'
    plain = lambda expr: f"max by (objective) ({key(f'{expr} {rows}')})"
    title_of = f"max by (service, title) (assured_service_info{{{V}}})"
    return table(
        title, text + " At most 100 rows, those with the least room.", width, 9,
        {"A": key(f"({join(limit, 'service', 'title', title_of)}) {rows}"),
         "B": plain(value),
         "C": plain(base("assured_objective_met")),
         "D": plain(f"({room})")},
        [column("Value #C", "Now", 90, mappings=HOLDS, cell="color-background", align="left", empty="? No data"),
         column("title", "Service", links=[ONE, PAGE]),
         column("class", "Class", 60),
         *([column("measure", "Measure", 125, mappings=MEASURE)] if "|" in measures else []),
         column("Value #B", "Month", 72, unit=unit, decimals=decimals, align="right", empty="–"),
         column("Value #A", "Limit", 72, unit=unit, decimals=decimals, align="right"),
         column("Value #D", "Room", 62, unit="percentunit", decimals=0, thresholds=palette.LEFT_TEXT, cell="color-text", align="right", mappings=palette.NOTHING_IS_A_DASH),
         hidden("service")],
        "No objective of this kind is promised", on="objective", sort=[("Room", False)])


def requirements():
    needed = needed_by_chosen
    return table(
        "What it stands on", "Devices and links that the chosen services look at, however deep in their requirements, and how many services each of "
        "them would hurt.",
        12, 9,
        {"A": named_component(f"({needed(component_state(V, 'site, component'))})"),
         "B": needed(f"max by (component) (assured_component_since_timestamp_seconds{{{V}}}) * 1000"),
         "C": needed(f"count by (component) (max by (component, service) (assured_service_requires_info{{{V}}}))"),
         "D": needed(f"max by (component) (assured_probe_loss_ratio{{{V}}})")},
        [column("Value #A", "State", 128, mappings=STATE, cell="color-background", align="left"),
         column("title", "Component", links=[link("Look closer", f"/d/assured-links?{CARRY}&var-component=${{__data.fields.component}}")]),
         column("kind", "What it is", 135, mappings=palette.KIND),
         column("place", "Site", 185),
         column("Value #B", "Since", 140, unit="dateTimeFromNow", align="left"),
         column("Value #D", "Loss", 70, unit="percentunit", decimals=1, align="right", empty="–"),
         column("Value #C", "Services", 75, align="right"),
         hidden("component")],
        "No service is chosen, or it looks at nothing", on="component", sort=[("State", True), ("Since", False)], pages=True)


def contacts():
    return table(
        "Whom to call", "The single point of contact of each contract that is shown, and what to quote.", 24, 5,
        {"A": join(join(f'max by (contract) (assured_contract_info{{{V},contract=~"$contract"}})', "contract", "title, provider, reference",
                        "max by (contract, title, provider, reference) (assured_contract_info{%s})" % V), "contract", "name, phone, email", I_CONTACT)
              + f" and on (contract) assured_service_info{{{SERVICE}}}"},
        [column("title", "Contract"), column("provider", "Provider", 250), column("name", "Whom to call", 300), column("phone", "Telephone", 180),
         column("email", "E-mail", 250), column("reference", "Quote", 180)],
        "No contract is watched")


def limit(measures):
    return (f'max by (class, measure) (assured_objective_limit{{{SERVICE},measure=~"{measures}"}})', "promised: {{class}} {{measure}}")


def make(board):
    panels = [
        stat("Worst state", "The worst state of the services that are chosen.", 4, f"max({service_state(SERVICE)})", "nothing chosen", mappings=STATE,
             thresholds=palette.steps(palette.QUIET), size=34),
        stat("Least margin", "Availability of the month so far less the one promised, of the service with the least. Below zero a promise is broken as things stand.",
             4, f"min({of('assured_service_availability_ratio')} - {of('assured_service_availability_target_ratio')})", "not measured",
             unit="percentunit", decimals=3, thresholds=palette.KEPT),
        stat("Least allowance left", "Share of the month's allowed down time that is left, of the service with the least. Below zero it is overspent.",
             4, f"min({of('assured_service_budget_remaining_ratio')})", "none allowed", unit="percentunit", decimals=0, thresholds=palette.LEFT),
        stat("Objectives broken", "Objectives of class quality that do not hold, this month so far.", 4,
             f"count({of('assured_objective_met')} == 0) or 0 * count({of('assured_objective_met')})".replace("max by (service)", "max by (service, class, measure)"),
             "not measured", thresholds=palette.NONE_IS_GOOD(DOWN)),
        stat("Outages this month", "Outages of the chosen services in the month so far; the one that lasts is counted.", 4,
             f"sum({of('assured_service_month_outages')})", "nothing chosen", thresholds=palette.NONE_IS_GOOD(palette.DEGRADED)),
        stat("Longest unknown", "Time of the month so far in which nobody could say whether the service was up, of the service with the most.", 4,
             f"max({of('assured_service_month_seconds', ',account=' + chr(34) + 'unknown' + chr(34))})", "nothing chosen", unit="dtdurations", size=30,
             thresholds=palette.NONE_IS_GOOD(UNKNOWN)),
        services(),
        timeline("States", "The services that were up for the least of the time shown, at most 20. Services that were up throughout are left out.", 12, 9,
                 f"{service_state(SERVICE, 'service')} and on (service) {worst_by('assured_service_state', SERVICE, 'service', 20)}",
                 "{{service}}", "The chosen services were up throughout the time shown", STATE),
        requirements(),
        heading("Class objectives, this month so far"),
        objectives("Delay and jitter", "Round-trip times and jitter over available time, against what is promised. Room is the share of the limit that is left. "
                   "Broken without a figure: so many probes were lost that the percentile is one of them.", 10,
                   "rtt_.*|jitter|pdv_p99", "s", 1, "less"),
        objectives("Loss", "Probes lost in available time, against what is promised. Room is the share of the limit that is left.", 7, "loss", "percentunit", 2, "less"),
        objectives("Voice quality", "Mean opinion score in available time, estimated by the E-model, against the least that is promised.", 7, "mos", "none", 2, "more"),
        heading("How the path measures now"),
        lines("Round trip, 95%", "95% of probes came back within this time, for the eight components and classes with the longest on average. The dashed line is what "
              "the contracts of the chosen services allow.", 12, 9,
              [(slowest(8, 0.95, V, needed_by_chosen),
                "{{component}} {{class}}")],
              "No probe came back in the time shown", "s", minimum=0, limit=limit("rtt_p95"), points=120),
        lines("Loss over five minutes", "Share of probes lost, for the eight components and classes with the most. The dashed line is what the contracts of the chosen services allow.",
              12, 9,
              [(most(8, needed_by_chosen(f"max by (component, class) (assured_probe_loss_ratio{{{V}}})"),
                     needed_by_chosen(f"max by (component, class) (max_over_time(assured_probe_loss_ratio{{{V}}}[$__range] @ end()))")), "{{component}} {{class}}")],
              "Nothing was measured in the time shown", "percentunit", minimum=0, limit=limit("loss")),
        lines("Jitter (RFC 3550)", "Smoothed difference of consecutive round-trip times, for the eight components and classes with the most. The dashed line is what the contracts of the chosen services allow.",
              12, 9,
              [(most(8, needed_by_chosen(f'max by (component, class) (assured_probe_jitter_seconds{{{V},definition="rfc3550"}})'),
                     needed_by_chosen(f'max by (component, class) (max_over_time(assured_probe_jitter_seconds{{{V},definition="rfc3550"}}[$__range] @ end()))')),
                "{{component}} {{class}}")],
              "Nothing was measured in the time shown", "s", minimum=0, limit=limit("jitter")),
        lines("Voice quality (MOS)", "Mean opinion score estimated by the E-model from delay, jitter and loss, for the eight components with the worst. The dashed line is the least "
              "that the contracts of the chosen services allow.", 12, 9,
              [(f"{needed_by_chosen(f'min by (component, class) (assured_voice_mos{{{V}}})')} and on (component, class) bottomk(8, "
                f"{needed_by_chosen(f'min by (component, class) (min_over_time(assured_voice_mos{{{V}}}[$__range] @ end()))')})", "{{component}} {{class}}")],
              "No class of these services carries voice, or nothing was measured", "none", minimum=1, maximum=4.5, decimals=2, limit=limit("mos"),
              calcs=("min", "lastNotNull"), worst="Min", down=False, shaded=False),
        contacts(),
    ]
    return dashboard("assured-service", "assured: sites and services", "A site or a service, looked at closely.",
                     ["contract", "site", "service"], panels, board, "now-3h", "30s")
