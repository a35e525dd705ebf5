"""Voice: what callers hear, and whether they get a line."""

import palette
from palette import DEGRADED, DOWN, STATE, UP
from panel import CARRY, bars, column, dashboard, heading, hidden, lines, link, stat, table, timeline
from query import SERVICE_AT, SITE, V, component_state, join, most, named_component, worst_by

GATEWAYS = f'{SITE},kind="voip-gateway"'
TRUNKS = f'{SITE},trunk=~"$trunk"'
TRUNK = "component, trunk"
VOICE = f"and on (component, class) assured_voice_mos{{{SITE}}}"
KEY = "component, class"


def channels(state):
    return f'sum by ({TRUNK}) (assured_gateway_channels{{{TRUNKS},state="{state}"}})'


USE = f"{channels('busy')} / ({channels('in_service')} > 0)"


def limit(measure):
    return (f'max by (class) (assured_objective_limit{{{SERVICE_AT},measure="{measure}"}}) and on (class) assured_voice_mos{{{SITE}}}', "promised: {{class}}")


def paths():
    base = lambda metric, fold="max": f"{fold} by ({KEY}) ({metric}{{{SITE}}})"
    key = lambda expr: f'max by (path) (label_join({expr}, "path", "/", "component", "class"))'
    mos = base("assured_voice_mos", "min")
    rows = f"and on ({KEY}) bottomk(100, {mos})"
    named = join(f"min by (component, class, codec) (assured_voice_mos{{{SITE}}})", "component", "title, kind", f"max by (component, title, kind) (assured_component_info{{{V}}})")
    return table(
        "Voice paths", "How calls to each gateway and over each link would sound now, by the E-model (ITU-T G.107) from delay, jitter and loss of the last five minutes. At most 100, the worst first.",
        14, 10,
        {"A": f'label_join({named} {rows}, "path", "/", "component", "class")',
         "B": key(f"{base('assured_voice_r_factor', 'min')} {rows}"),
         "C": key(f"{base('assured_probe_loss_ratio')} {rows}"),
         "D": key(f'max by ({KEY}) (assured_probe_jitter_seconds{{{SITE},definition="rfc3550"}}) {rows}')},
        [column("title", "Component", links=[link("Look closer", f"/d/assured-links?{CARRY}&var-component=${{__data.fields.component}}")]),
         column("kind", "What it is", 130, mappings=palette.KIND),
         column("class", "Class", 75),
         column("codec", "Codec", 95),
         column("Value #A", "MOS", 80, decimals=2, align="right"),
         column("Value #B", "R", 80, decimals=1, align="right"),
         column("Value #C", "Loss", 85, unit="percentunit", decimals=2, align="right"),
         column("Value #D", "Jitter", 85, unit="s", decimals=1, align="right"),
         hidden("component")],
        "No class of service carries voice, or nothing was measured", on="path", sort=[("MOS", False)])


def trunks():
    key = lambda expr: f'max by (path) (label_join({expr}, "path", "/", "component", "trunk"))'
    return table(
        "Trunks", "Channels of each trunk as its gateway tells them: in service, busy, and the share that is busy. Full means that the next caller hears a busy tone. "
        "Some gateways tell how many are in service only of all trunks together.",
        10, 10,
        {"D": f'label_join({join(f"max by ({TRUNK}) (assured_gateway_channels{{{TRUNKS}}})", "component", "title", "max by (component, title) (assured_component_info{%s})" % V)}, "path", "/", "component", "trunk")',
         "A": key(channels("in_service")), "B": key(channels("busy")), "C": key(USE)},
        [column("title", "Gateway"), column("trunk", "Trunk", 130),
         column("Value #A", "In service", 95, align="right", empty="not told"),
         column("Value #B", "Busy", 75, align="right", empty="not told"),
         column("Value #C", "Share busy", 110, unit="percentunit", decimals=0, align="right", empty="not told", cell="color-text",
                thresholds=palette.steps("text", (0.8, DEGRADED), (1, DOWN))),
         hidden("component")],
        "No gateway with channels is polled", on="path", sort=[("Share busy", True)])


def make(board):
    room = f'min by (service, class) (assured_objective_value{{{SERVICE_AT},measure="mos"}}) - max by (service, class) (assured_objective_limit{{{SERVICE_AT},measure="mos"}})'
    panels = [
        stat("Worst voice now", "The least mean opinion score of any path that carries voice, over the last five minutes: 4.4 is the best that G.711 gives, below 3.6 many callers complain.",
             4, f"min(assured_voice_mos{{{SITE}}})", "not measured", decimals=2),
        stat("Least room, month", "Month's mean opinion score less the one promised, of the service with the least room. Below zero the promise is broken.", 4,
             f"min({room})", "none promised", decimals=2, thresholds=palette.KEPT),
        stat("Gateways down", "Voice gateways that are confirmed down.", 4,
             f"count({component_state(GATEWAYS, 'component')} == 5) or 0 * count({component_state(GATEWAYS, 'component')})", "none watched", thresholds=palette.NONE_IS_GOOD(DOWN)),
        stat("Channels busy", "Channels in use, of those in service beside it.", 4, f"sum({channels('busy')} and on ({TRUNK}) {channels('in_service')})", "none polled"),
        stat("Channels in service", "Channels that could carry a call over all trunks that are shown.", 4, f"sum({channels('in_service')})", "none polled"),
        stat("Trunks full", "Trunks whose channels in service are all busy: the next caller hears a busy tone.", 4,
             f"count({USE} >= 1) or 0 * count({USE})", "none polled", thresholds=palette.NONE_IS_GOOD(DOWN)),
        lines("Voice quality (MOS)", "Mean opinion score of the eight paths with the worst. The dashed line is the least that the contracts promise.", 14, 10,
              [(f"min by ({KEY}) (assured_voice_mos{{{SITE}}}) and on ({KEY}) bottomk(8, min by ({KEY}) (min_over_time(assured_voice_mos{{{SITE}}}[$__range] @ end())))", "{{component}} {{class}}")],
              "No class of service carries voice, or nothing was measured", "none", minimum=1, maximum=4.5, decimals=2, limit=limit("mos"),
              calcs=("min", "lastNotNull"), worst="Min", down=False, shaded=False),
        lines("Channels over time", "Channels in use of the eight busiest trunks.", 10, 10,
              [(most(8, channels("busy"), f'sum by ({TRUNK}) (max_over_time(assured_gateway_channels{{{TRUNKS},state="busy"}}[$__range] @ end()))', TRUNK), "{{component}} {{trunk}}")],
              "No gateway with channels is polled", "none", minimum=0, decimals=0),
        paths(),
        trunks(),
        lines("Loss of voice packets", "Share of probes lost in classes that carry voice; the eight paths with the most. The dashed line is what the contracts allow.", 8, 9,
              [(most(8, f"max by ({KEY}) (assured_probe_loss_ratio{{{SITE}}}) {VOICE}", f"max by ({KEY}) (max_over_time(assured_probe_loss_ratio{{{SITE}}}[$__range] @ end())) {VOICE}"), "{{component}} {{class}}")],
              "No class of service carries voice", "percentunit", minimum=0, limit=limit("loss")),
        lines("Jitter of voice packets", "Smoothed jitter (RFC 3550) in classes that carry voice; the eight paths with the most. The dashed line is what the contracts allow.", 8, 9,
              [(most(8, f'max by ({KEY}) (assured_probe_jitter_seconds{{{SITE},definition="rfc3550"}}) {VOICE}',
                     f'max by ({KEY}) (max_over_time(assured_probe_jitter_seconds{{{SITE},definition="rfc3550"}}[$__range] @ end())) {VOICE}'), "{{component}} {{class}}")],
              "No class of service carries voice", "s", minimum=0, limit=limit("jitter")),
        timeline("Gateways", "The voice gateways that were up for the least of the time shown, at most 12. Those that were up throughout are left out.", 8, 9,
                 f"{component_state(GATEWAYS, 'component')} and on (component) {worst_by('assured_component_state', GATEWAYS, 'component', 12)}",
                 "{{component}}", "Every voice gateway was up throughout", STATE),
    ]
    return dashboard("assured-voice", "assured: voice and gateways", "What callers hear, and whether they get a line.", ["contract", "site", "trunk"], panels, board, "now-3h", "30s")
