"""Panels and dashboards as Grafana's JSON. Sizes are in its grid: 24 columns, rows of 38 pixels."""

import palette
from palette import PROMISE, QUIET, UP

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
CARRY = "${datasource:queryparam}&${vantage:queryparam}&${__url_time_range}"
# How often devices are polled by SNMP. Their counters move as often, so rates of them must reach over several polls:
# Grafana makes $__rate_interval four times this. Set by `--polled-every`.
POLLED_S = 60
RATES_OF_POLLS = tuple(f"rate(assured_{of}_" for of in ("interface", "snmp", "device", "gateway"))


def target(ref, expr, legend=None, instant=False, table=False):
    made = {"refId": ref, "datasource": SOURCE, "expr": " ".join(expr.split()), "editorMode": "code",
            "instant": instant, "range": not instant}
    if any(rate in expr for rate in RATES_OF_POLLS):
        made["interval"] = f"{POLLED_S}s"
    if table:
        made["format"] = "table"
    if legend:
        made["legendFormat"] = legend
    return made


def panel(kind, title, text, w, h, targets, options, defaults, custom=None, overrides=(), **more):
    return {"type": kind, "title": title, "description": text, "datasource": SOURCE, "gridPos": {"w": w, "h": h},
            "targets": targets, "options": options,
            "fieldConfig": {"defaults": {**defaults, **({"custom": custom} if custom else {})}, "overrides": list(overrides)},
            **more}


def by(matcher, of, **properties):
    """An override; `__` in a property's name stands for a dot."""
    return {"matcher": {"id": matcher, "options": of},
            "properties": [{"id": k.replace("__", "."), "value": v} for k, v in properties.items()]}


def link(title, url, new=False):
    return {"title": title, "url": url, "targetBlank": new}


def stat(title, text, w, expr, no, unit="none", thresholds=None, mappings=None, h=4, decimals=None, graph=False,
         legend=None, links=None, mode="auto", size=None):
    """One number, large. `no` is what it says when there is none."""
    defaults = {"unit": unit, "noValue": no, "color": {"mode": "thresholds"},
                "thresholds": thresholds or palette.steps(palette.QUIET), "mappings": mappings or []}
    if decimals is not None:
        defaults["decimals"] = decimals
    if links:
        defaults["links"] = links
    options = {"colorMode": "background_solid", "graphMode": "area" if graph else "none", "justifyMode": "center", "textMode": mode,
               "orientation": "auto", "wideLayout": True, "showPercentChange": False,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if size:
        options["text"] = {"valueSize": size}
    return panel("stat", title, text, w, h, [target("A", expr, legend, instant=not graph)], options, defaults)


def lines(title, text, w, h, series, no, unit, minimum=None, maximum=None, decimals=None, stack=False, limit=None, soft=None,
          fixed=None, colours=None, calcs=("max", "lastNotNull"), worst="Max", down=True, place="right", shaded=None,
          points=300):
    """Lines over time. `series` are pairs of query and legend; `limit` is a pair for what was promised, dashed.

    Colours only tell lines apart, their names stand in the legend, the worst first. Where there is a `maximum` at which
    all is lost or full, the colour says how near to it a line came.
    """
    if shaded is None:
        shaded = fixed is not None and len(series) == 1  # areas of several lines hide each other
    custom = {"drawStyle": "line", "lineWidth": 2, "fillOpacity": 30 if stack else (8 if shaded else 0), "showPoints": "never",
              "spanNulls": False, "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "lineInterpolation": "linear", "axisPlacement": "auto"}
    defaults = {"unit": unit, "noValue": no,
                "color": ({"mode": "continuous-BlYlRd", "seriesBy": "max"} if maximum == 1 else {"mode": "palette-classic"}) if fixed is None else {"mode": "fixed", "fixedColor": fixed[0]}}
    if soft is not None:
        custom["axisSoftMax"] = soft
    if colours:
        defaults["color"] = {"mode": colours}
    for key, value in (("min", minimum), ("max", maximum), ("decimals", decimals)):
        if value is not None:
            defaults[key] = value
    targets = [target(chr(65 + n), expr, legend) for n, (expr, legend) in enumerate(series)]
    overrides = []
    if fixed:
        overrides = [by("byFrameRefID", chr(65 + n), color={"mode": "fixed", "fixedColor": colour})
                     for n, colour in enumerate(fixed[:len(series)]) if n]
    if limit:
        targets.append(target("L", *limit))
        overrides.append(by("byFrameRefID", "L", color={"mode": "fixed", "fixedColor": PROMISE},
                            custom__lineStyle={"fill": "dash", "dash": [10, 8]}, custom__lineWidth=2, custom__fillOpacity=0))
    legend = {"showLegend": True, "displayMode": "table", "placement": place, "calcs": list(calcs)}
    if worst:
        legend |= {"sortBy": worst, "sortDesc": down}
    return panel("timeseries", title, text, w, h, targets,
                 {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc" if down else "asc"}}, defaults, custom, overrides,
                 maxDataPoints=points)


def timeline(title, text, w, h, expr, legend, no, mappings, links=None):
    """What state when: a row for each."""
    defaults = {"noValue": no, "mappings": mappings, "color": {"mode": "thresholds"}, "thresholds": palette.steps(QUIET)}
    if links:
        defaults["links"] = links
    return panel("state-timeline", title, text, w, h, [target("A", expr, legend)],
                 {"mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.85,
                  "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
                  "tooltip": {"mode": "single", "sort": "none"}},
                 defaults, {"fillOpacity": 90, "lineWidth": 0}, maxDataPoints=240)


def column(field, title, width=None, unit=None, **more):
    """A column of a table. `more`: decimals, mappings, thresholds, cell (how it is coloured), links, hide, align, empty."""
    return {"field": field, "title": title, "width": width, "unit": unit, **more}


def hidden(field):
    return column(field, field, hide=True)


def table(title, text, w, h, queries, columns, no, on=None, sort=(), pages=False, filters=False):
    """A table of instant queries, joined `on` a label when there are several. Columns stand as they are given."""
    overrides = []
    for c in columns:
        properties = {"displayName": c["title"], "noValue": c.get("empty", "–")}
        if c.get("cell") == "color-text":
            # What is not there has no colour either: it is neither good nor bad.
            nothing = {"index": 0, "text": properties["noValue"], "color": "text"}
            properties["mappings"] = [{"type": "special", "options": {"match": "null", "result": nothing}}]
        for key in ("unit", "decimals", "mappings", "thresholds"):
            if c.get(key) is not None:
                properties[key] = c[key]
        if c.get("width"):
            properties["custom__width"] = c["width"]
        if c.get("align"):
            properties["custom__align"] = c["align"]
        if c.get("cell"):
            properties["custom__cellOptions"] = {"type": c["cell"], **({"mode": "basic"} if c["cell"] == "color-background" else {})}
        if c.get("links"):
            properties["links"] = c["links"]
        if c.get("hide"):
            properties["custom__hideFrom"] = {"viz": True, "legend": False, "tooltip": False}
        overrides.append(by("byName", c["field"], **properties))
    names = [c["field"] for c in columns]
    steps = [{"id": "joinByField", "options": {"byField": on, "mode": "outer"}}] if len(queries) > 1 else []
    steps += [{"id": "filterFieldsByName", "options": {"include": {"names": names}}},
              {"id": "organize", "options": {"excludeByName": {}, "renameByName": {}, "indexByName": {n: i for i, n in enumerate(names)}}}]
    targets = [target(ref, expr, instant=True, table=True) for ref, expr in queries.items()]
    options = {"showHeader": True, "cellHeight": "sm", "frameIndex": 0, "enablePagination": pages,
               "sortBy": [{"displayName": name, "desc": desc} for name, desc in sort]}
    return panel("table", title, text, w, h, targets, options,
                 {"noValue": no, "color": {"mode": "thresholds"}, "thresholds": palette.steps("transparent"), "mappings": []},
                 {"align": "auto", "cellOptions": {"type": "auto"}, "minWidth": 55, "inspect": False, "filterable": filters},
                 overrides, transformations=steps)


def bars(title, text, w, h, expr, legend, no, unit, thresholds, maximum=None, minimum=0, size=20):
    """A bar for each series."""
    defaults = {"unit": unit, "noValue": no, "min": minimum, "color": {"mode": "thresholds"}, "thresholds": thresholds, "mappings": []}
    if maximum is not None:
        defaults["max"] = maximum
    options = {"displayMode": "basic", "orientation": "horizontal", "valueMode": "text", "namePlacement": "left", "text": {"titleSize": 13, "valueSize": size},
               "showUnfilled": True, "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
               "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return panel("bargauge", title, text, w, h, [target("A", expr, legend, instant=True)], options, defaults)


def heading(title):
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": 24, "h": 1}, "panels": []}


def variable(name, label, query, text, many=True):
    made = {"type": "query", "name": name, "label": label, "description": text, "datasource": SOURCE,
            "query": {"query": query, "refId": f"{name}-variable"}, "refresh": 2, "sort": 7, "regex": "", "hide": 0}
    if many:
        # Without `allValue` two thousand services would make one pattern of two thousand names.
        made |= {"multi": True, "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
    else:
        made |= {"multi": False, "includeAll": False}
    return made


VARIABLES = {
    "contract": ("Contract", 'label_values(assured_service_info{vantage="$vantage"}, contract)', "Contracts whose services are shown."),
    "site": ("Site", 'label_values(assured_component_info{vantage="$vantage"}, site)', "Sites that are shown."),
    "service": ("Service", 'label_values(assured_service_info{vantage="$vantage",contract=~"$contract",site=~"$site"}, service)',
                "Services that are shown."),
    "component": ("Component", 'label_values(assured_component_info{vantage="$vantage",site=~"$site"}, component)',
                  "Devices and links that are shown."),
    "trunk": ("Trunk", 'label_values(assured_gateway_channels{vantage="$vantage",site=~"$site"}, trunk)', "Trunks that are shown."),
}


def dashboard(uid, title, text, variables, panels, board, since, refresh):
    """Places each panel as high as it fits, then as far left, and numbers them."""
    filled = [0] * 24  # how far down each column of the grid is taken
    for number, made in enumerate(panels, 1):
        w, h = made["gridPos"]["w"], made["gridPos"]["h"]
        x = min(range(25 - w), key=lambda x: max(filled[x:x + w]))
        y = max(filled[x:x + w])
        filled[x:x + w] = [y + h] * w
        made["gridPos"] = {"x": x, "y": y, "w": w, "h": h}
        made["id"] = number
    variables = [VARIABLES[name] and (name, *VARIABLES[name]) for name in variables]
    return {
        "uid": uid, "title": title, "description": text, "tags": ["assured"], "schemaVersion": 41, "version": 1,
        "editable": False, "graphTooltip": 1, "timezone": "browser", "weekStart": "monday", "fiscalYearStartMonth": 0,
        "refresh": refresh, "time": {"from": since, "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "15s", "30s", "1m", "5m", "15m"]},
        "annotations": {"list": []},
        "links": [
            {"type": "dashboards", "title": "", "tags": ["assured"], "asDropdown": False, "includeVars": True, "keepTime": True,
             "icon": "external link", "targetBlank": False, "tooltip": ""},
            {"type": "link", "title": "Status board", "url": "${board:raw}/", "tags": [], "asDropdown": False, "includeVars": False,
             "keepTime": False, "icon": "dashboard", "targetBlank": True, "tooltip": "The daemon's own page"},
        ],
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Data source", "description": "The Prometheus that scrapes assured.",
             "query": "prometheus", "refresh": 1, "regex": "", "hide": 0, "multi": False, "includeAll": False},
            variable("vantage", "Seen from", "label_values(assured_build_info, vantage)", "Which monitor is looking.", many=False),
            *[variable(*v) for v in variables],
            {"type": "textbox", "name": "board", "label": "Status board", "description": "Where the daemon's own pages are.",
             "query": board, "current": {"text": board, "value": board}, "hide": 2},
        ]},
        "panels": panels,
    }
