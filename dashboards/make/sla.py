"""The month: what was promised, what became of it, how it will end if it goes on like this."""

import palette
from palette import DEGRADED, DOWN, HOLDS, MAINTENANCE, MEASURE, UNKNOWN, UP
from panel import CARRY, bars, by, column, dashboard, heading, hidden, lines, link, stat, table
from query import I_CONTACT, SERVICE, V, join, named_service, truncated

ONE = link("Look closer", f"/d/assured-service?{CARRY}&var-service=${{__data.fields.service}}")
PAGE = link("The daemon's page of it", "${board:raw}/services/${__data.fields.service}", new=True)
LEFT = f"max(assured_month_end_timestamp_seconds{{{V}}}) - time()"


def of(metric, more=""):
    return f"max by (service) ({metric}{{{SERVICE}{more}}})"


AVAILABLE, PROMISED = of("assured_service_availability_ratio"), of("assured_service_availability_target_ratio")
MARGIN = f"{AVAILABLE} - {PROMISED}"
BUDGET = of("assured_service_budget_remaining_ratio")
AT_RISK, CERTAIN = of("assured_service_credit_ratio", ',basis="so_far"'), of("assured_service_credit_ratio", ',basis="certain"')
# What was spent over the range shown goes on being spent at that pace; a new month's full allowance is no gain.
PACE = f"clamp_max(max by (service) (deriv(assured_service_budget_remaining_ratio{{{SERVICE}}}[$__range])), 0)"
FORECAST = f"clamp_min({BUDGET} + on (service) ({PACE}) * on () group_left () ({LEFT}), -9.99)"


def count_of(of_what, condition):
    return f"count({of_what} {condition}) or 0 * count({of_what})"


def services():
    return table(
        "Promises", "The month so far of every service, those with the least allowance first. The margin is the availability less the one promised; bounds are what it would be "
        "were all unknown time down, or up; still possible is what the month can reach when the rest of it is up. The forecast goes on at the pace of the time shown. Credits are shares of the monthly charge, as if enough were "
        "measured; what is owed is decided by the evidence pack.",
        24, 12,
        {"A": named_service(f"max by (service, contract, site) (assured_service_availability_target_ratio{{{SERVICE}}})"),
         "B": truncated(AVAILABLE), "C": f"({MARGIN}) or (0 * {PROMISED} + {palette.NOTHING})", "D": truncated(of("assured_service_availability_lower_ratio")),
         "E": truncated(of("assured_service_availability_upper_ratio")), "F": truncated(of("assured_service_coverage_ratio")), "G": of("assured_service_month_seconds", ',account="down"'), "H": BUDGET, "I": FORECAST, "J": AT_RISK, "K": CERTAIN, "M": truncated(of("assured_service_availability_achievable_ratio"))},
        [column("title", "Service", links=[ONE, PAGE]),
         column("contract", "Contract", 105),
         column("Value #A", "Promised", 90, unit="percentunit", decimals=3, align="right"),
         column("Value #B", "Availability", 105, unit="percentunit", decimals=3, align="right", empty="not measured"),
         column("Value #C", "Margin", 90, unit="percentunit", decimals=3, thresholds=palette.KEPT_TEXT, cell="color-text", align="right", mappings=palette.NOTHING_IS_A_DASH),
         column("Value #D", "At least", 85, unit="percentunit", decimals=2, align="right"),
         column("Value #E", "At most", 85, unit="percentunit", decimals=2, align="right"),
         column("Value #M", "Still possible", 110, unit="percentunit", decimals=3, align="right", empty="not known"),
         column("Value #F", "Measured", 90, unit="percentunit", decimals=1, align="right"),
         column("Value #G", "Down", 90, unit="s", decimals=1, align="right"),
         column("Value #H", "Allowance left", 115, unit="percentunit", decimals=0, thresholds=palette.LEFT_TEXT, cell="color-text", align="right", empty="none allowed"),
         column("Value #I", "At month's end", 120, unit="percentunit", decimals=0, thresholds=palette.LEFT_TEXT, cell="color-text", align="right", empty="not known"),
         column("Value #J", "Credit at risk", 110, unit="percentunit", decimals=1, thresholds=palette.steps("text", (1e-9, DEGRADED)), cell="color-text", align="right", empty="not known"),
         column("Value #K", "Credit certain", 110, unit="percentunit", decimals=1, thresholds=palette.steps("text", (1e-9, DOWN)), cell="color-text", align="right", empty="not known"),
         hidden("service")],
        "No such service is watched", on="service", sort=[("Allowance left", False), ("Margin", False)], pages=True, filters=True)


def broken():
    key = "service, class, measure"
    base = lambda metric: f"max by ({key}) ({metric}{{{SERVICE}}})"
    kept = base("assured_objective_met")
    return table(
        "Objectives that do not hold", "Promises of class quality that are broken as the month stands, in the measure's base unit: seconds, a share, or MOS. A dash: so many probes were lost that the percentile is one of them. At most 100 rows.",
        12, 8,
        {"A": f'label_join({join(f"topk(100, {kept} == 0)", "service", "title", "max by (service, title) (assured_service_info{%s})" % V)}, "objective", "/", "service", "class", "measure")',
         **{ref: f'max by (objective) (label_join({base(metric)} and on ({key}) ({kept} == 0), "objective", "/", "service", "class", "measure"))'
            for ref, metric in (("B", "assured_objective_value"), ("C", "assured_objective_limit"))}},
        [column("Value #A", "Now", 95, mappings=HOLDS, cell="color-background", align="left"),
         column("title", "Service", links=[ONE, PAGE]), column("class", "Class", 75), column("measure", "Measure", 165, mappings=MEASURE),
         column("Value #B", "Month", 95, decimals=4, align="right"), column("Value #C", "Promised", 95, decimals=4, align="right"),
         hidden("service")],
        "Every objective that was measured holds", on="objective")


def contracts():
    chosen = f'{V},contract=~"$contract"'
    mine = f"max by (contract) (assured_contract_info{{{chosen}}})"
    info = f"max by (contract, title, provider, reference) (assured_contract_info{{{V}}})"
    return table(
        "Contracts", "Who promises, until when, how many services it covers, and whom to call.", 12, 8,
        {"A": join(join(mine, "contract", "title, provider, reference", info), "contract", "name, phone", I_CONTACT),
         "B": f"max by (contract) (assured_contract_end_timestamp_seconds{{{chosen}}}) * 1000",
         "C": f"count by (contract) (max by (contract, service) (assured_service_info{{{chosen}}}))"},
        [column("title", "Contract"), column("provider", "Provider", 125), column("reference", "Reference", 110),
         column("Value #B", "Ends", 95, unit="dateTimeFromNow", align="left"), column("Value #C", "Services", 70, align="right", empty="none"),
         column("name", "Whom to call", 190), column("phone", "Telephone", 110)],
        "No contract is watched", on="contract")


def waves():
    made = table("Migration", "Sites of each migration wave: accepted onto the new contract, with a date for it, or open.", 8, 8,
                 {"A": f"max by (wave, stage) (assured_migration_sites{{{V}}})"}, [], "No site belongs to a migration wave")
    made["transformations"] = [
        {"id": "groupingToMatrix", "options": {"columnField": "stage", "rowField": "wave", "valueField": "Value", "emptyValue": "null"}},
        {"id": "organize", "options": {"excludeByName": {}, "renameByName": {}, "indexByName": {"wave\\stage": 0, "accepted": 1, "scheduled": 2, "open": 3}}}]
    made["fieldConfig"]["defaults"] |= {"unit": "none"}
    made["fieldConfig"]["overrides"] = [
        by("byName", "wave\\stage", displayName="Wave"), by("byName", "accepted", displayName="✔ Accepted"),
        by("byName", "scheduled", displayName="◫ Scheduled"), by("byName", "open", displayName="Open")]
    return made


def make(board):
    accounts = f"sum by (account) (max by (service, account) (assured_service_month_seconds{{{SERVICE}}}))"
    whole = f"sum(max by (service, account) (assured_service_month_seconds{{{SERVICE}}}))"
    panels = [
        stat("Promises kept so far", "Services whose availability of the month so far is at least the one promised.", 4, count_of(f"({MARGIN})", ">= 0"), "not measured",
             thresholds=palette.steps(UP)),
        stat("Promises broken so far", "Services whose availability of the month so far is below the one promised. It may still recover while the month lasts.", 4,
             count_of(f"({MARGIN})", "< 0"), "not measured", thresholds=palette.NONE_IS_GOOD(DEGRADED)),
        stat("Allowance overspent", "Services that have been down for longer than the whole month allows: the promise is broken whatever comes.", 4,
             count_of(BUDGET, "< 0"), "none allowed", thresholds=palette.NONE_IS_GOOD(DOWN)),
        stat("Credits at risk", "Services for which a credit falls due if the month ends as it stands.", 4, count_of(AT_RISK, "> 0"), "no credit terms",
             thresholds=palette.NONE_IS_GOOD(DEGRADED)),
        stat("Highest credit at risk", "The largest share of a monthly charge that falls due if the month ends as it stands. A share, never money: amounts stand in the evidence pack.", 4,
             f"max({AT_RISK})", "no credit terms", unit="percentunit", decimals=0, thresholds=palette.steps(UP, (1e-9, DEGRADED))),
        stat("Left of the month", "Time until the month ends, local to the monitor.", 4, LEFT, "not watched", unit="dtdurations", thresholds=palette.steps(palette.QUIET), decimals=1, size=26),
        services(),
        lines("Allowance left", "Share of the month's allowed down time that is left, of the ten services with the least. Zero is exactly the promise.", 12, 9,
              [(f"max by (service) (assured_service_budget_remaining_ratio{{{SERVICE}}}) and on (service) bottomk(10, max by (service) (assured_service_budget_remaining_ratio{{{SERVICE}}} @ end()))", "{{service}}")],
              "No down time is allowed, or nothing was measured", "percentunit", maximum=1, calcs=("lastNotNull",), worst="Last *", down=False, colours="palette-classic",
              shaded=False, place="right"),
        bars("Allowance at month's end", "What will be left of the allowed down time if it goes on being spent as in the time shown; the twelve services with the least. "
             "Choose a longer time for a steadier forecast.", 12, 9, f"bottomk(12, clamp_min({FORECAST}, -1))", "{{service}}", "No down time is allowed, or nothing was measured",
             "percentunit", palette.LEFT, maximum=1, minimum=-1, size=16),
        contracts(),
        broken(),
        bars("Where the time went", "The month so far of all services that are shown, by account. Unknown is neither up nor down; excluded is agreed not to count.", 16, 8,
             f"{accounts} / on () group_left () {whole}", "{{account}}", "Nothing is watched", "percentunit", palette.steps(palette.QUIET), maximum=1),
        waves(),
    ]
    panels[-2]["fieldConfig"]["overrides"] = [by("byName", name, displayName=word, color={"mode": "fixed", "fixedColor": colour}) for name, word, colour in
                                              (("up", "✔ Up", UP), ("down", "✖ Down", DOWN), ("unknown", "? Unknown", UNKNOWN), ("excluded", "◫ Excluded", MAINTENANCE))]
    panels[-2]["fieldConfig"]["defaults"]["decimals"] = 2
    return dashboard("assured-sla", "assured: promises and allowance", "The month so far against what was promised, and how it will end if it goes on like this.",
                     ["contract", "site", "service"], panels, board, "now-24h", "1m")
