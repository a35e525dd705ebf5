"""Writes the dashboards as JSON: `python3 dashboards/make [--out FOLDER] [--board URL] [--polled-every SECONDS]`. The same input gives the same bytes.

`--board` is where people's browsers reach the daemon's own pages; it can also be given with `?var-board=` later.
`--polled-every` is the configuration's `probing.snmp.interval`, the longest where there are several.
"""

import sys

sys.dont_write_bytecode = True  # no leavings beside the sources

import argparse
import json
import pathlib

import links
import monitor
import noc
import panel
import service
import sla
import voice

ALL = {"noc": noc, "service": service, "links": links, "voice": voice, "sla": sla, "monitor": monitor}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
parser.add_argument("--board", default="http://127.0.0.1:9878")
parser.add_argument("--polled-every", type=int, metavar="SECONDS", default=panel.POLLED_S)
arguments = parser.parse_args()
panel.POLLED_S = arguments.polled_every
for name, module in ALL.items():
    made = module.make(arguments.board.rstrip("/"))
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    (arguments.out / f"{name}.json").write_text(text, encoding="utf-8")
