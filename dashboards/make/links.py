"""Devices, links and their interfaces: what state, how they measure, what they carry."""

import palette
from palette import DOWN, PORT, STATE, UP
from panel import CARRY, column, dashboard, heading, hidden, lines, link, stat, table, timeline
from query import COMPONENT, V, component_state, join, most, named_component, quantile, slowest, worst_by

ONE = link("Only this one", f"/d/assured-links?{CARRY}&var-component=${{__data.fields.component}}")
INTERFACE = "component, interface"


def of(metric, more=""):
    return f"max by (component) ({metric}{{{COMPONENT}{more}}})"


def port(metric):
    return f"max by ({INTERFACE}) ({metric}{{{COMPONENT}}})"


def rate(metric, by=INTERFACE):
    return f"sum by ({by}) (rate({metric}{{{COMPONENT}}}[$__rate_interval]))"


def use(direction):
    """The share of an interface's speed that is carried in one direction."""
    speed = f"({port('assured_interface_speed_bits_per_second')} > 0)"
    return f"8 * {rate(f'assured_interface_{direction}_bytes_total')} / {speed}"


def overall(direction, what):
    return f"sum by ({INTERFACE}) (increase(assured_interface_{direction}_{what}_total{{{COMPONENT}}}[$__range] @ end()))"


def components():
    return table(
        "Devices and links", "How each of them stands and measures now; the worst come first. Loss and jitter are over five minutes and of the worst class; "
        "re-marked is the share of answers that came back with another code point than was sent.",
        24, 11,
        {"A": named_component(component_state(COMPONENT)),
         "B": f"{of('assured_component_since_timestamp_seconds')} * 1000",
         "C": f"max by (component) ({quantile(0.95, COMPONENT, 'component, class')})",
         "D": of("assured_probe_loss_ratio"),
         "E": of("assured_probe_jitter_seconds", ',definition="rfc3550"'),
         "F": f"clamp_max(max by (component) ({rate('assured_probe_remarked_total', 'component, class')} / ({rate('assured_probe_received_total', 'component, class')} > 0)), 1)",
         "G": f"count by (component) (max by (component, service) (assured_service_requires_info{{{V},component=~\"$component\"}})) and on (component) assured_component_info{{{COMPONENT}}}"},
        [column("Value #A", "State", 138, mappings=STATE, cell="color-background", align="left"),
         column("title", "Component", links=[ONE]),
         column("kind", "What it is", 160, mappings=palette.KIND),
         column("place", "Site", 220),
         column("Value #B", "Since", 135, unit="dateTimeFromNow", align="left"),
         column("Value #C", "Round trip, 95%", 125, unit="s", decimals=1, align="right", empty="no answer"),
         column("Value #D", "Loss", 90, unit="percentunit", decimals=2, align="right", empty="not measured"),
         column("Value #E", "Jitter", 90, unit="s", decimals=1, align="right", empty="no answer"),
         column("Value #F", "Re-marked", 95, unit="percentunit", decimals=0, align="right", empty="no answer"),
         column("Value #G", "Services", 90, align="right", empty="none"),
         hidden("component")],
        "No such component is watched", on="component", sort=[("State", True), ("Since", False)], pages=True, filters=True)


def interfaces():
    known = f"max by ({INTERFACE}) (last_over_time(assured_interface_oper_up{{{COMPONENT}}}[$__range]))"
    return table(
        "Interfaces", "Every interface that is polled: whether it is meant to be up and is, how fast it is, and the share of that which it carries now.",
        24, 10,
        # A device that is silent for now still has the interfaces that it told of.
        {"H": f'label_join({join(known, "component", "title", "max by (component, title) (assured_component_info{%s})" % V)}, "port", "/", "component", "interface")',
         **{ref: f'max by (port) (label_join({expr}, "port", "/", "component", "interface"))' for ref, expr in {
             "A": port("assured_interface_oper_up"),
             "B": port("assured_interface_admin_up"),
             "C": port("assured_interface_speed_bits_per_second"),
             "D": use("receive"),
             "E": use("transmit"),
             "F": f"{rate('assured_interface_receive_errors_total')} + {rate('assured_interface_transmit_errors_total')}",
             "G": f"{rate('assured_interface_receive_discards_total')} + {rate('assured_interface_transmit_discards_total')}"}.items()}},
        [column("Value #A", "Is", 110, mappings=PORT, cell="color-background", align="left", empty="? Not known"),
         column("Value #B", "Meant to be", 105, mappings=palette.mapping({1: ("up", None), 0: ("shut", None)}), align="left", empty="not told"),
         column("title", "Device", 260, links=[ONE]),
         column("interface", "Interface"),
         column("Value #C", "Speed", 115, unit="bps", decimals=0, align="right", empty="not told"),
         column("Value #D", "In", 95, unit="percentunit", decimals=1, align="right", empty="not known"),
         column("Value #E", "Out", 95, unit="percentunit", decimals=1, align="right", empty="not known"),
         column("Value #F", "Errors", 110, unit="suffix:/s", decimals=2, align="right", empty="not told"),
         column("Value #G", "Discards", 110, unit="suffix:/s", decimals=2, align="right", empty="not told"),
         hidden("component")],
        "No interface is polled: no device shown here has SNMP access", on="port", sort=[("Is", False), ("In", True)], pages=True, filters=True)


def parts():
    key = "component, table, row"
    rows = f"min by ({key}) (assured_device_part_up{{{COMPONENT}}})"
    return table(
        "Parts of devices", "Fans, power supplies, sensors, trunks, neighbours and whatever else a device tells the state of; those that do not work come first. At most 60 rows.",
        10, 9,
        {"A": join(f"bottomk(60, {rows})", "component", "title", "max by (component, title) (assured_component_info{%s})" % V)},
        [column("Value", "Is", 95, mappings=PORT, cell="color-background", align="left"),
         column("title", "Device", 200, links=[ONE]), column("table", "What it is", 130), column("row", "Which"), hidden("component")],
        "No device tells of its parts", sort=[("Is", False)], pages=True)


def make(board):
    key = "component, class"
    down = lambda kind, what: stat(
        what, f"{what}, confirmed.", 4, f"count({component_state(COMPONENT + ',kind=~' + chr(34) + kind + chr(34), 'component')} == 5) "
        f"or 0 * count({component_state(COMPONENT + ',kind=~' + chr(34) + kind + chr(34), 'component')})", "none watched", thresholds=palette.NONE_IS_GOOD(DOWN))
    wrong = f"{port('assured_interface_admin_up')} == 1 and on ({INTERFACE}) {port('assured_interface_oper_up')} == 0"
    panels = [
        down("link-.*", "Links down"),
        down("router|host|voip-gateway", "Devices down"),
        stat("Interfaces down", "Interfaces that are meant to be up and are not.", 4, f"count({wrong}) or 0 * count({port('assured_interface_oper_up')})",
             "none polled", thresholds=palette.NONE_IS_GOOD(DOWN)),
        stat("Most loss", "Greatest share of probes lost over five minutes by a component that is not down.", 4,
             f"max({of('assured_probe_loss_ratio')} and on (component) {component_state(COMPONENT, 'component')} < 5)", "not measured", unit="percentunit", decimals=1),
        stat("Fullest interface", "Greatest share of an interface's speed that is carried now, in either direction. There is no contractual limit: full is full.", 4,
             f"max(({use('receive')} >= {use('transmit')}) or {use('transmit')} or {use('receive')})", "none polled", unit="percentunit", decimals=1,
             thresholds=palette.steps(UP, (0.8, palette.DEGRADED), (0.95, DOWN))),
        stat("Devices that restarted", "Devices whose uptime began anew in the time shown.", 4,
             f"count({of('assured_device_uptime_seconds')} < $__range_s) or 0 * count({of('assured_device_uptime_seconds')})", "none polled",
             thresholds=palette.NONE_IS_GOOD(palette.DEGRADED)),
        components(),
        timeline("States", "The components that were up for the least of the time shown, at most 20. Those that were up throughout are left out.", 12, 9,
                 f"{component_state(COMPONENT, 'component')} and on (component) {worst_by('assured_component_state', COMPONENT, 'component', 20)}",
                 "{{component}}", "All that is shown here was up throughout", STATE),
        lines("Round trip, 95%", "95% of probes came back within this time; the eight components and classes with the longest on average.", 12, 9,
              [(slowest(8, 0.95, COMPONENT), "{{component}} {{class}}")],
              "No probe came back in the time shown", "s", minimum=0, points=120),
        lines("Loss over five minutes", "Share of probes lost; the eight components and classes with the most.", 12, 8,
              [(most(8, f"max by ({key}) (assured_probe_loss_ratio{{{COMPONENT}}})", f"max by ({key}) (max_over_time(assured_probe_loss_ratio{{{COMPONENT}}}[$__range] @ end()))"),
                "{{component}} {{class}}")], "Nothing was measured in the time shown", "percentunit", minimum=0),
        lines("Re-marked answers", "Share of answers that came back with another code point than was sent: somebody on the way does not honour the class. The eight with the most.",
              12, 8,
              [(most(8, f"clamp_max({rate('assured_probe_remarked_total', key)} / ({rate('assured_probe_received_total', key)} > 0), 1)",
                     f"sum by ({key}) (increase(assured_probe_remarked_total{{{COMPONENT}}}[$__range] @ end())) > 0"), "{{component}} {{class}}")],
              "No answer came back re-marked in the time shown", "percentunit", minimum=0, maximum=1),
        heading("Interfaces, by SNMP"),
        interfaces(),
        *[lines(f"{word}, share of speed", f"What the interfaces {verb}, as a share of their speed; the eight that {verb} most.", 12, 8,
                [(most(8, use(direction), overall(direction, "bytes"), INTERFACE), "{{component}} {{interface}}")],
                "No interface is polled", "percentunit", minimum=0, maximum=1)
          for word, verb, direction in (("In", "receive", "receive"), ("Out", "send", "transmit"))],
        *[lines(f"{word}, in and out", f"{text} The eight interfaces with the most.", 12, 8,
                [(most(8, f"{rate(f'assured_interface_receive_{what}_total')} + {rate(f'assured_interface_transmit_{what}_total')}",
                       f"{overall('receive', what)} + {overall('transmit', what)}", INTERFACE), "{{component}} {{interface}}")],
                "No interface tells of it", "suffix:/s", minimum=0, soft=1)
          for word, what, text in (("Errors", "errors", "Packets that were damaged."), ("Discards", "discards", "Packets thrown away though nothing was wrong with them: usually a full queue."))],
        parts(),
        *[lines(title, f"{text} The eight with the most.", 7, 9,
                [(most(8, f"max by (component, row) (assured_device_reading{{{COMPONENT},{which}}})",
                       f"max by (component, row) (max_over_time(assured_device_reading{{{COMPONENT},{which}}}[$__range] @ end()))", "component, row"), "{{component}} {{row}}")],
                "No device tells of it", unit, minimum=0, decimals=decimals, calcs=("max", "lastNotNull"))
          for title, text, which, unit, decimals in (
              ("Processors", "How busy the processors of devices are, as they tell it: the highest of their averages.", 'reading=~"load_5m|load|cpu",unit="ratio",table!~"ups.*"', "percentunit", 0),
              ("Temperatures", "What the sensors of devices tell.", 'unit="celsius"', "celsius", 0))],
        lines("SNMP requests, by result", "Requests a second to the agents of the devices that are shown, by what came of them. Silence is unknown, never down.", 12, 8,
              [(rate("assured_snmp_requests_total", "result"), "{{result}}")], "No device is polled by SNMP", "suffix:/s", minimum=0, shaded=False),
        lines("Devices that do not answer SNMP", "Requests a second that timed out, were refused or failed; the eight devices with the most.", 12, 8,
              [(most(8, f'sum by (component) (rate(assured_snmp_requests_total{{{COMPONENT},result!="ok"}}[$__rate_interval]))',
                     f'sum by (component) (increase(assured_snmp_requests_total{{{COMPONENT},result!="ok"}}[$__range] @ end())) > 0', "component"), "{{component}}")],
              "Every request was answered, or no device is polled by SNMP", "suffix:/s", minimum=0),
    ]
    return dashboard("assured-links", "assured: links and interfaces", "Devices, links and their interfaces.", ["contract", "site", "component"], panels, board, "now-3h", "30s")
