"""Holds dashboards against Grafana's own types: `validate.py DASHBOARD.json...`; prints every fault, ends with 1 if there was one."""

import json
import pathlib
import sys

from jsonschema import Draft7Validator

SCHEMA = json.loads((pathlib.Path(__file__).parent / "grafana-schema.json").read_text(encoding="utf-8"))
KINDS = {"stat": "stat", "timeseries": "timeseries", "table": "table", "state-timeline": "statetimeline", "bargauge": "bargauge"}


def faults(definition, value, where):
    if definition not in SCHEMA["definitions"]:
        return []
    check = Draft7Validator({"$ref": f"#/definitions/{definition}", "definitions": SCHEMA["definitions"]})
    return [f"{where}{''.join(f'/{p}' for p in e.absolute_path)}: {e.message[:200]}" for e in check.iter_errors(value)]


def of_panel(panel, where):
    if panel["type"] == "row":
        return
    kind = KINDS.get(panel["type"])
    if kind is None:
        yield f"{where}: a kind of panel that no type is known for: {panel['type']}"
        return
    yield from faults(f"{kind}_options", panel["options"], f"{where} options")
    config = panel["fieldConfig"]
    yield from faults(f"{kind}_custom", config["defaults"].get("custom", {}), f"{where} custom")
    for override in config["overrides"]:
        for p in override["properties"]:
            name, value = p["id"], p["value"]
            if name.startswith("custom."):
                yield from faults(f"{kind}_custom", {name.removeprefix("custom."): value}, f"{where} override {name}")
            else:
                yield from faults("FieldConfig", {name: value}, f"{where} override {name}")


def of_dashboard(path):
    dashboard = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    yield from faults("dashboard_root", dashboard, path)
    for panel in dashboard.get("panels", []):
        yield from of_panel(panel, f"{path} panel {panel.get('id')}")


found = [fault for path in sys.argv[1:] for fault in of_dashboard(path)]
print("\n".join(found))
sys.exit(bool(found))
