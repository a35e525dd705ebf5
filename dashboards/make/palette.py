"""How a state looks: a word and a mark that carry the meaning, and a colour that only helps.

The colours are Okabe and Ito's, darkened or lightened until all five stay apart for people who see no red, no green
or no blue; tests/dashboards.rs works that out. "Up" is the quietest of them: on a wall only trouble should shine.
"""

UP, MAINTENANCE, DEGRADED, UNKNOWN, DOWN = "#0b5c4b", "#4593d0", "#f0b429", "#6a51a3", "#d55e00"
PROMISE = "#f0e442"  # dashed lines: what was promised
PLAIN = "#56b4e9"  # a single line that is neither good nor bad
GOOD_LINE = "#009e73"
QUIET = "#46535f"  # a figure that is neither good nor bad

# The number that a state has in queries: the greater, the worse.
STATES = {
    "up": (1, "✔ Up", UP),
    "maintenance": (2, "◫ Maintenance", MAINTENANCE),
    "degraded": (3, "▲ Degraded", DEGRADED),
    "unknown": (4, "? Unknown", UNKNOWN),
    "down": (5, "✖ Down", DOWN),
}
SILENT = 9  # nothing is heard of the monitor itself


def mapping(pairs):
    """Words and colours for values: `{"0": ("No", "#fff")}`."""
    options = {str(value): {"index": n, "text": text, **({"color": colour} if colour else {})}
               for n, (value, (text, colour)) in enumerate(pairs.items())}
    return [{"type": "value", "options": options}]


STATE = mapping({**{n: (text, colour) for n, text, colour in STATES.values()}, SILENT: ("✖ Silent", DOWN)})
# The same in a grid, where a place may have nothing at all.
STATE_OR_NONE = STATE + [{"type": "special", "options": {"match": "null", "result": {"index": 6, "text": "–"}}}]
# In a cell there is room for a mark and a short word.
HOLDS = mapping({1: ("✔ Holds", UP), 0: ("✖ Broken", DOWN)})
PORT = mapping({1: ("✔ Up", UP), 0: ("✖ Down", DOWN)})
KIND = mapping({
    "router": ("Router", None), "voip-gateway": ("Voice gateway", None), "host": ("Host", None),
    "link-primary": ("Link, primary", None), "link-standby": ("Link, standby", None),
    "link-load-share": ("Link, shares load", None),
})
MEASURE = mapping({
    "rtt_mean": ("Round trip, mean", None), "rtt_p50": ("Round trip, median", None),
    "rtt_p95": ("Round trip, 95%", None), "rtt_p99": ("Round trip, 99%", None), "rtt_max": ("Round trip, longest", None),
    "jitter": ("Jitter", None), "pdv_p99": ("Delay variation, 99%", None), "loss": ("Loss", None), "mos": ("MOS", None),
})


def steps(first, *rest):
    """Colours from thresholds: the first holds below all of `rest`, pairs of value and colour."""
    return {"mode": "absolute", "steps": [{"color": first, "value": None}] + [{"color": c, "value": v} for v, c in rest]}


# What is left of something promised: 0 is exactly the promise, whatever the contract says it is.
LEFT = steps(DOWN, (0, DEGRADED), (0.25, UP))
KEPT = steps(DOWN, (0, UP))
# The same for words in a table, where what is well needs no colour.
LEFT_TEXT = steps(DOWN, (0, DEGRADED), (0.25, "text"))
KEPT_TEXT = steps(DOWN, (0, "text"))
NONE_IS_GOOD = lambda colour: steps(UP, (1, colour))

# Stands for "nothing to compare": sorts after all that there is, and shows as a dash.
NOTHING = 9
NOTHING_IS_A_DASH = [{"type": "value", "options": {str(NOTHING): {"index": 0, "text": "–", "color": "text"}}},
                     {"type": "special", "options": {"match": "null", "result": {"index": 1, "text": "–", "color": "text"}}}]
