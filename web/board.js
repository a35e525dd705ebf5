// What pages do beside htmx: they say loudly when they are no longer live, and take "/" to the search.
// Everything that is shown comes from the server; without this script pages refresh as a whole.
"use strict";
(() => {
  const STALE_MS = 10_000;
  const AGAIN_MS = 15_000;
  const stale = document.getElementById("stale");
  const pulse = document.getElementById("pulse");
  const live = document.body.hasAttribute("sse-connect");
  let heard = Date.now();
  let tried = Date.now();
  let shown = false;

  // The monitor's own time of what is shown, as the page shows it.
  const last = () => document.getElementById("clock").textContent.trim();

  // The stream speaks every few seconds even when nothing changes; silence means that nobody knows.
  const judge = () => {
    const late = Date.now() - heard > STALE_MS;
    if (late !== shown) {
      shown = late;
      document.documentElement.classList.toggle("is-stale", late);
      pulse.textContent = late ? "Not live" : "Live";
      stale.textContent = late
        ? `NOT LIVE since ${last()}. The monitor does not answer this page; what stands here may be wrong.`
        : "";
    }
    if (late && Date.now() - tried > AGAIN_MS) {
      tried = Date.now();
      fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5_000) })
        .then((answer) => { if (answer.ok) location.reload(); })
        .catch(() => {});
    }
  };

  if (live) {
    pulse.textContent = "Live";
    document.body.addEventListener("htmx:sseMessage", () => { heard = Date.now(); judge(); });
    setInterval(judge, 1_000);
    document.addEventListener("visibilitychange", judge);
  }

  document.body.addEventListener("htmx:afterSwap", () => {
    const sites = document.getElementById("sites");
    const found = document.getElementById("found");
    const words = sites && found && `${sites.dataset.found} ${sites.dataset.found === "1" ? "site" : "sites"} found`;
    if (!words || !sites.hasAttribute("hx-get")) return;
    if (found.textContent !== words) {
      const there = document.createElement("a");
      there.href = "#sites-by-class";
      there.textContent = words;
      found.replaceChildren(there);
    }
    if (wanted) {
      wanted = false;
      document.getElementById("sites-by-class").focus();
    }
  });

  // Whoever presses Enter wants to see what was found; whoever still types does not want to be carried off.
  let wanted = false;
  document.addEventListener("submit", (event) => { wanted = event.target.id === "find"; });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, select, textarea, [contenteditable]");
    const search = document.getElementById("q");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      if (search) { search.focus(); search.select(); } else location.assign("/#q");
    } else if (event.key === "Escape" && event.target === search) {
      search.blur();
    }
  });
  if (location.hash === "#q" && document.getElementById("q")) document.getElementById("q").focus();
})();
