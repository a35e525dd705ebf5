// Keeps a page fresh without losing the reader's place: fetches it again every few seconds, puts in
// what has changed, and says so when no answer comes. Without this script the page refreshes as a whole.
"use strict";
(() => {
  const seconds = Number(document.body.dataset.refresh);
  if (!seconds) return;
  const stale = document.getElementById("stale");
  let last = Date.now();

  const swap = (fresh) => {
    for (const name of ["main", ".clock", ".banners"]) {
      const [now, then] = [document.querySelector(name), fresh.querySelector(name)];
      if (!now || !then || now.innerHTML === then.innerHTML) continue;
      const held = now.contains(document.activeElement) ? document.activeElement : null;
      const mark = held && (held.getAttribute("href") || held.getAttribute("aria-labelledby"));
      const place = window.scrollY;
      const [olds, news] = [[...now.children], [...then.children]];
      if (olds.length === news.length) {
        news.forEach((one, n) => { if (one.outerHTML !== olds[n].outerHTML) olds[n].replaceWith(one); });
      } else {
        now.replaceChildren(...news);
      }
      if (mark && !now.contains(held)) {
        const again = [...now.querySelectorAll("[href], [aria-labelledby]")]
          .find((e) => e.tagName === held.tagName && (e.getAttribute("href") || e.getAttribute("aria-labelledby")) === mark);
        if (again) again.focus({ preventScroll: true });
      }
      window.scrollTo({ top: place, behavior: "instant" });
    }
    document.title = fresh.title;
  };

  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.pathname + location.search, { signal: AbortSignal.timeout(seconds * 1000) });
      if (!answer.ok) throw new Error(String(answer.status));
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      last = Date.now();
      stale.hidden = true;
    } catch {
      stale.querySelector("span").textContent = new Date(last).toLocaleTimeString();
      stale.hidden = false;
    }
  };
  setInterval(refresh, seconds * 1000);
  document.addEventListener("visibilitychange", refresh);
})();
