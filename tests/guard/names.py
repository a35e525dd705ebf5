"""Reads answers of the server, given as JSON {path: [content type, body]}, with a parser and not with a search.

Every name in them is hostile. Says what could run, fetch or lead elsewhere; and, as JSON on the last line, every
local address that pages link to and how many texts had the name in them.
"""

import json
import re
import sys
from html.parser import HTMLParser

NAME = '"><script>alert(1)</script>'
VOID = set("area base br col embed hr img input link meta param source track wbr".split())
NEVER = set("iframe object embed applet base frame frameset template portal math foreignobject animate set".split())
OURS = re.compile(r"/static/(htmx|htmx-sse|board|uplot|charts)\.js")
LEADS = re.compile(r"(/(?!/)|#|tel:\+?[0-9]*$|mailto:[^<>\"' ]*$|https://grafana\.example\.net/)")


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.path, self.open, self.wrong, self.links, self.names = path, [], [], set(), 0

    def complain(self, what):
        line, column = self.getpos()
        self.wrong.append(f"{self.path}:{line}:{column}: {what}")

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        if len(values) != len(attributes):
            self.complain(f"<{tag}> has an attribute twice")
        if tag in NEVER:
            self.complain(f"<{tag}>")
        if tag == "script" and not OURS.fullmatch(values.get("src", "")):
            self.complain(f"a script that is not ours: {values}")
        if tag == "meta" and values.get("http-equiv") and not values.get("content", "").isdigit():
            self.complain(f"a meta that leads elsewhere: {values}")
        for name, value in values.items():
            if name.startswith("on") or name.startswith("hx-on") or name in ("style", "srcdoc", "hx-vals", "hx-vars", "formaction"):
                self.complain(f"<{tag} {name}>")
            if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9:-]*", name):
                self.complain(f"<{tag}> has an attribute that is none: {name!r}")
            if name in ("href", "src", "action", "xlink:href", "hx-get", "hx-post", "sse-connect", "poster", "data"):
                if not LEADS.match(value):
                    self.complain(f"<{tag} {name}={value!r}> leads elsewhere")
                elif value.startswith("/"):
                    self.links.add(value.split("#")[0])
            self.names += NAME in value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.complain(f"</{tag}> ends {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script" and data.strip():
            self.complain(f"a script with text: {data!r}")
        self.names += NAME in data

    def handle_comment(self, data):
        if NAME in data:
            self.complain("a name in a comment")


def json_names(value):
    if isinstance(value, dict):
        return sum(json_names(v) for v in value.values()) + sum(NAME in k for k in value)
    if isinstance(value, list):
        return sum(json_names(v) for v in value)
    return isinstance(value, str) and NAME in value


# https://github.com/prometheus/docs, exposition formats: a label's value has \\, \" and \n escaped.
SAMPLE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\\n]|\\["\\n])*",?)*\})? [^ ]+( [^ ]+)?( # .*)?')

wrong, links, names = [], set(), {}
for path, (kind, body) in json.load(sys.stdin).items():
    if kind == "application/json":
        names[path] = json_names(json.loads(body))
        if "<" in body or ">" in body:
            wrong.append(f"{path}: JSON that is harmful in a page")
        continue
    if kind.startswith("text/plain"):
        for n, line in enumerate(body.split("\n"), 1):
            if line and not line.startswith(("# HELP assured_", "# TYPE assured_", "# UNIT assured_")) and not SAMPLE.fullmatch(line):
                wrong.append(f"{path}:{n}: no sample: {line[:200]!r}")
        names[path] = body.count("<script>")
        continue
    if kind == "text/event-stream":
        events, name = [], None
        for line in body.split("\n"):
            field, _, value = line.partition(": ")
            if field not in ("", "event", "data", "retry"):
                wrong.append(f"{path}: an event has a field {field[:50]!r}")
            if field == "data":
                events.append(value)
        body = "\n".join(events)
    page = Page(path)
    page.feed(body)
    page.close()
    if page.open:
        wrong.append(f"{path}: {page.open} are never closed")
    wrong += page.wrong
    links |= page.links
    names[path] = page.names
for complaint in wrong[:50]:
    print(complaint)
print(json.dumps({"wrong": len(wrong), "links": sorted(links), "names": names}))
