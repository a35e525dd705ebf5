"""Pieces of PromQL that several dashboards share.

Every query looks from one vantage (`$vantage`), and is made safe against a daemon that is scraped twice or has just
changed its address: identities are folded by `max by` before anything is joined.
"""

from palette import SILENT, STATES

V = 'vantage="$vantage"'
SITE = f'{V},site=~"$site"'
CONTRACT = f'{V},contract=~"$contract"'
SERVICE_AT = f'{CONTRACT},site=~"$site"'
SERVICE = f'{SERVICE_AT},service=~"$service"'
COMPONENT = f'{SITE},component=~"$component"'

I_SERVICE = f"max by (service, title, class, sla) (assured_service_info{{{V}}})"
I_COMPONENT = f"max by (component, title, kind) (assured_component_info{{{V}}})"
I_SITE = f'max by (site, place, wave) (label_replace(assured_site_info{{{V}}}, "place", "$1", "title", "(.*)"))'
I_CONTACT = f"max by (contract, name, phone, email) (assured_contract_contact_info{{{V}}})"
I_CONTRACT = f"max by (contract, title, provider, reference) (assured_contract_info{{{V}}})"


def join(expr, on, labels, info):
    return f"{expr} * on ({on}) group_left ({labels}) {info}"


def named_service(expr):
    """Title, class and place of the service of each series."""
    return join(join(expr, "service", "title, class", I_SERVICE), "site", "place", I_SITE)


def named_component(expr):
    """Title, kind and place of the component of each series."""
    return join(join(expr, "component", "title, kind", I_COMPONENT), "site", "place", I_SITE)


def state(metric, selector, by):
    """States as numbers, so that the worst is the greatest and a timeline can draw them."""
    words = [w for w in STATES if w != "maintenance" or metric == "assured_service_state"]
    # Only states that hold: four of five series fall out before anything is matched.
    parts = " or ".join(f'{STATES[w][0]} * ({metric}{{{selector},state="{w}"}} == 1)' for w in words)
    return f"max by ({by}) ({parts})"


def service_state(selector=SERVICE_AT, by="site, service, contract"):
    return state("assured_service_state", selector, by)


def component_state(selector=SITE, by="site, component"):
    return state("assured_component_state", selector, by)


def or_silent(expr, label="service"):
    """A row that says so when the monitor is not heard of: an empty table must never look like good news."""
    row = f"{SILENT} * absent(assured_build_info{{{V}}})"
    return f'({expr}) or label_replace(label_replace({row}, "{label}", "–", "", ""), "title", "Nothing is heard of the monitor", "", "")'


def worst_by(metric, selector, by, count):
    """The `count` services or components that were up for the least of the range, if they were not up throughout."""
    return f'bottomk({count}, max by ({by}) (avg_over_time({metric}{{{selector},state="up"}}[$__range] @ end())) < 1)'


def truncated(ratio):
    """A share cut to a thousandth of a percent: 99.9996% is never shown as 100%."""
    return f"floor(100000 * ({ratio}) + 0.000001) / 100000"


def quantile(q, selector, by):
    """A quantile of round-trip times, from classic buckets or from native ones, whichever Prometheus keeps."""
    rate = lambda suffix, more: f"sum by ({by}{more}) (rate(assured_probe_rtt_seconds{suffix}{{{selector}}}[$__rate_interval]))"
    return f"(histogram_quantile({q}, {rate('_bucket', ', le')}) or histogram_quantile({q}, {rate('', '')}))"


def slowest(count, q, selector, only=lambda expr: expr):
    """A quantile for the `count` components and classes whose round trips took longest on average over the range.

    The average is one step's work; to rank by the quantile itself would mean working it out twice for everything there is.
    """
    key = "component, class"
    grown = lambda suffix: f"sum by ({key}) (increase(assured_probe_rtt_seconds{suffix}{{{selector}}}[$__range] @ end()))"
    mean = f"({grown('_sum')} / {grown('_count')} or histogram_sum({grown('')}) / histogram_count({grown('')}))"
    few = f"and on ({key}) topk({count}, {only(mean)})"
    rate = lambda suffix, more: f"sum by ({key}{more}) (rate(assured_probe_rtt_seconds{suffix}{{{selector}}}[$__rate_interval])) {few}"
    return f"histogram_quantile({q}, {rate('_bucket', ', le')}) or histogram_quantile({q}, {rate('', '')})"


def needed_by_chosen(expr):
    """Only components that a chosen service looks at."""
    return f"{expr} and on (component) assured_service_requires_info{{{SERVICE}}}"


def most(count, expr, of, by="component, class"):
    """Only the `count` series for which `of`, taken over the whole range, is greatest: the same ones all along."""
    return f"{expr} and on ({by}) topk({count}, {of})"
