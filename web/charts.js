// Draws the charts of a page again with uPlot, so that one can point at a minute; the drawings that came
// with the page stay where this fails. Data come from the JSON API and are asked for again every minute.
"use strict";
(() => {
  const section = document.getElementById("charts");
  if (!section || !section.dataset.series || !window.uPlot) return;
  const scale = { ms: 1000, "%": 100, "": 1 };
  const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 2], [12, 4], [3, 6]];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const plots = new Map();
  let data = null;

  const zone = (() => {
    // The monitor's time zone, as everywhere on the page; a browser that does not know it shows UTC.
    try { new Intl.DateTimeFormat("en-GB", { timeZone: section.dataset.zone }); return section.dataset.zone; } catch { return "UTC"; }
  })();
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
  const time = (seconds) => clock.format(new Date(seconds * 1000));
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const draw = (figure) => {
    const canvas = figure.querySelector(".canvas");
    const { key, unit, limit } = figure.dataset;
    const factor = scale[unit];
    const lines = data.lines.map((line) => line[key].map((v) => (v === null ? null : v * factor)));
    const bound = limit === "" ? null : Number(limit) * factor;
    const all = bound === null ? lines : [...lines, data.times.map(() => bound)];
    const values = [data.times, ...all];
    const known = plots.get(figure);
    if (known) { known.setData(values); return; }
    const series = data.lines.map((line, n) => ({
      label: data.lines.every((l) => l.class === line.class) ? line.component : `${line.component} ${line.class}`,
      stroke: ink(`--line-${n % 8}`), dash: dashes[n % 8], width: 1.5, spanGaps: false, points: { size: 4 },
      value: (_, v) => (v === null || v === undefined ? "–" : `${v.toFixed(2)} ${unit}`),
    }));
    if (bound !== null) {
      series.push({ label: "promised", stroke: ink("--down"), dash: [4, 4], width: 1, points: { show: false },
        value: (_, v) => (v === null || v === undefined ? "–" : `${v} ${unit}`) });
    }
    const axis = { stroke: ink("--quiet"), grid: { stroke: ink("--rule"), width: 1 }, ticks: { stroke: ink("--rule") } };
    const [low, high] = key === "mos" ? [1, 4.5] : [0, null];
    canvas.replaceChildren();
    figure.classList.add("drawn");
    plots.set(figure, new uPlot({
      width: Math.max(canvas.clientWidth, 200), height: 200, cursor: { sync: { key: "assured" } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      scales: { y: { range: (_, __, max) => [low, high === null ? Math.max(max * 1.1, unit === "%" ? 1 : 0.1) : high] } },
      series: [{ value: (_, v) => (v ? time(v) : "–") }, ...series],
      axes: [{ ...axis, values: (_, ticks) => ticks.map(time) },
        { ...axis, size: 70, values: (_, ticks) => ticks.map((t) => `${t} ${unit}`) }],
    }, values, canvas));
  };

  const figures = [...section.querySelectorAll("figure.plot")];
  const all = () => figures.forEach(draw);
  const again = () => { plots.forEach((plot) => plot.destroy()); plots.clear(); if (data) all(); };
  const load = async () => {
    if (document.hidden && data) return;
    try {
      const answer = await fetch(section.dataset.series, { signal: AbortSignal.timeout(20_000) });
      if (!answer.ok) return;
      data = await answer.json();
      all();
    } catch { /* the drawings that are there stay */ }
  };
  dark.addEventListener("change", again);
  new ResizeObserver(() => plots.forEach((plot, figure) => {
    const width = figure.querySelector(".canvas").clientWidth;
    if (width > 0 && Math.abs(width - plot.width) > 2) plot.setSize({ width, height: 200 });
  })).observe(section);
  load();
  setInterval(load, 60_000);
})();
