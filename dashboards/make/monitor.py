"""The monitor itself: whether it can be believed."""

import palette
from palette import DEGRADED, DOWN, UNKNOWN, UP
from panel import dashboard, lines, stat
from query import V


def rate(metric, by="", more=""):
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{V}{more}}}[$__rate_interval]))"


def make(board):
    flag = lambda bad, good, colour=DOWN: palette.mapping({0: (good, UP), 1: (bad, colour)})
    ours = f"and on (instance, job) assured_build_info{{{V}}}"
    panels = [
        stat("Sees its surroundings", "Cut off means that every sentinel fails: the trouble is on our side, and time is unknown, not down.", 4,
             f"max(assured_monitor_isolated{{{V}}})", "✖ Silent", mappings=flag("✖ Cut off", "✔ Yes"), size=34),
        stat("Configuration", "Whether the last reload of the configuration succeeded. When it failed, the former one goes on being used.", 4,
             f"min(assured_config_last_reload_successful{{{V}}})", "✖ Silent", mappings=palette.mapping({1: ("✔ In force", UP), 0: ("✖ Not reloaded", DOWN)}), size=30),
        stat("Evidence writes that failed", "In the time shown. What is not written cannot be proven.", 4,
             f"sum(increase(assured_evidence_write_failures_total{{{V}}}[$__range]))", "no evidence kept", thresholds=palette.NONE_IS_GOOD(DOWN), decimals=0),
        stat("Running for", "Since the daemon started.", 4, f"time() - max(assured_start_timestamp_seconds{{{V}}})", "✖ Silent", unit="dtdurations", decimals=1, size=28,
             thresholds=palette.steps(palette.QUIET)),
        stat("Version and sockets", "What is running and which kind of ICMP socket it probes with.", 4, f"max by (version, engine) (assured_build_info{{{V}}})", "✖ Silent",
             legend="{{version}}, {{engine}}", mode="name", size=22, thresholds=palette.steps(palette.QUIET)),
        stat("Names that do not resolve", "Host names in the configuration that have no address at present: what stands behind them is unknown.", 4,
             f"max(assured_monitor_unresolved{{{V}}})", "✖ Silent", thresholds=palette.NONE_IS_GOOD(UNKNOWN)),
        lines("Probes", "Probes a second: sent, answered in time, lost, and answered too late.", 12, 8,
              [(rate("assured_probe_sent_total"), "sent"), (rate("assured_probe_received_total"), "answered"), (rate("assured_probe_lost_total"), "lost"),
               (rate("assured_probe_late_total"), "too late")], "Nothing is probed", "pps", minimum=0, fixed=(palette.PLAIN, palette.GOOD_LINE, DOWN, DEGRADED), worst=None, shaded=False,
              calcs=("mean", "max", "lastNotNull")),
        lines("Not measured, by cause", "Outcomes a second that we failed to measure, and why. They are unknown time, never loss.", 12, 8,
              [(f"{rate('assured_monitor_not_measured_total', 'cause')}", "{{cause}}")], "Everything was measured since the daemon started", "suffix:/s", minimum=0, soft=1),
        lines("Lag of the scheduler", "How late the last slot was. A probe that leaves late is still measured from when it left.", 8, 8,
              [(f"max(assured_scheduler_lag_seconds{{{V}}})", "lag")], "Nothing is heard of the monitor", "s", minimum=0, fixed=(palette.PLAIN,), worst=None),
        lines("Slots skipped", "Slots a second that were not probed because they were missed, and steps of the wall clock that were noticed.", 8, 8,
              [(rate("assured_scheduler_skipped_total"), "slots skipped"), (rate("assured_monitor_clock_steps_total"), "clock steps")],
              "Nothing is heard of the monitor", "suffix:/s", minimum=0, fixed=(DEGRADED, UNKNOWN), worst=None, shaded=False, soft=1),
        lines("Datagrams that are not ours", "Received a second but answering no probe of ours, by kind. A few are usual; many spoofed ones are not.", 8, 8,
              [(rate("assured_monitor_stray_total", "kind"), "{{kind}}")], "Nothing is heard of the monitor", "suffix:/s", minimum=0, soft=1),
        lines("Evidence written", "Records a minute that went into the chain, over five minutes. A line at zero means that nothing is being kept.", 8, 8,
              [(f"clamp_min(sum(delta(assured_evidence_head_sequence{{{V}}}[5m])) / 5, 0)", "records a minute")], "No evidence is kept", "short", minimum=0, fixed=(palette.PLAIN,), worst=None),
        lines("Scrapes", "How long Prometheus takes to read the monitor's metrics.", 8, 8, [(f"max(scrape_duration_seconds {ours})", "duration")],
              "Prometheus does not tell", "s", minimum=0, fixed=(palette.PLAIN,), worst=None),
        lines("Series", "Samples that Prometheus takes in a scrape.", 8, 8, [(f"sum(scrape_samples_scraped {ours})", "samples")], "Prometheus does not tell", "none", minimum=0, decimals=0,
              fixed=(palette.PLAIN,), worst=None),
        lines("Alerts told directly", "Alerts that stand and are told to the Alertmanagers by the daemon itself, and those whose latest news some Alertmanager has not taken yet.", 8, 8,
              [(f"max(assured_alerts_standing{{{V}}})", "standing"), (f"max(assured_alerts_queued{{{V}}})", "not taken yet")], "No Alertmanager is told directly", "none",
              minimum=0, decimals=0, fixed=(palette.PLAIN, DEGRADED), worst=None, shaded=False, soft=1),
        lines("Alertmanagers, since last heard", "How long ago each Alertmanager last took what it was told. It should hear every minute or so.", 8, 8,
              [(f"time() - max by (alertmanager) (assured_alertmanager_last_success_timestamp_seconds{{{V}}})", "{{alertmanager}}")],
              "No Alertmanager has been told anything directly", "s", minimum=0),
        lines("Alerts in trouble", "Requests a second to an Alertmanager that failed, and alerts a second that were given up.", 8, 8,
              [(rate("assured_alertmanager_send_failures_total"), "requests failed"), (rate("assured_alerts_dropped_total"), "alerts given up")],
              "No Alertmanager is told directly", "suffix:/s", minimum=0, fixed=(DEGRADED, DOWN), worst=None, shaded=False, soft=1),
    ]
    return dashboard("assured-monitor", "assured: the monitor itself", "Whether what the other dashboards say can be believed.", [], panels, board, "now-3h", "30s")
