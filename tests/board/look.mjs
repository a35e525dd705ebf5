// Looks at pages as a person would, in Chromium, and ends badly when something is not as it should be.
// `node look.mjs WHAT PAGES`, run by tests/board.rs from the root of the repository.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import path from "node:path";

const tools = path.resolve("target/tools/board");
const require = createRequire(`${tools}/`);
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");
const [what, json] = process.argv.slice(2);
const pages = JSON.parse(json);
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
if (!executablePath) throw new Error("Chromium of the Debian package `chromium` is missing");

const check = (fact, words) => { if (!fact) throw new Error(words); };

// Has whoever started us do something, and waits until it is done.
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const please = async (words) => { console.log(`> ${words}`); await lines.next(); };

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });

// A page of which every complaint is remembered: console, exceptions, the content security policy, dialogs.
const open = async (options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(120_000); // only a machine that is far too busy needs so long
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) page.complaints.push(m.text()); });
  page.on("pageerror", (e) => page.complaints.push(String(e)));
  page.on("dialog", (d) => { page.complaints.push(`dialog: ${d.message()}`); d.dismiss(); });
  return page;
};
const calm = (page, where) => check(page.complaints.length === 0, `${where}: ${page.complaints.join(" | ")}`);

const everywhere = (base) => ["/", "/?wall", "/?q=lib&state=up", "/services/ch-voice", "/services/sch-hertford-voice", "/sites/county-hall"]
  .map((address) => base + address);

// Opens a page that nobody has in store and says how many bytes came: page, styles, scripts, pictures, heads of answers.
const weighed = async (page, address) => {
  const wire = await page.context().newCDPSession(page);
  let bytes = 0;
  await wire.send("Network.enable");
  wire.on("Network.dataReceived", (e) => { bytes += e.encodedDataLength; });
  wire.on("Network.responseReceived", (e) => { bytes += e.response.encodedDataLength; });
  await page.goto(address, { waitUntil: "load" });
  await page.waitForFunction(() => document.getElementById("pulse").textContent === "Live");
  return bytes;
};

const looks = {
  // No finding of axe that is serious or critical, on any page, in light and dark; nothing complains.
  async accessible() {
    const addresses = [...everywhere(pages.council), `${pages.empty}/`, `${pages.hostile}/`, `${pages.hostile}/services/ch-voice`, `${pages.hostile}/sites/county-hall`];
    const of = async (colorScheme) => {
      // axe is brought in past the policy, which is what it is for; the policy itself is watched below.
      const page = await open({ colorScheme, bypassCSP: true });
      // Colours are all that differs in the dark: one page of each kind shows them.
      for (const address of colorScheme === "dark" ? everywhere(pages.council) : addresses) {
        await page.goto(address);
        await page.addScriptTag({ path: axe });
        const found = await page.evaluate((options) =>
          window.axe.run(document, options), { resultTypes: ["violations"], ...(colorScheme === "dark" ? { runOnly: ["color-contrast"] } : {}) });
        const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
        check(bad.length === 0, `${colorScheme} ${address}: ${bad.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`).join("\n")}`);
      }
      calm(page, colorScheme);
      await page.context().close();
    };
    await of("light");
    await of("dark");
    const page = await open();
    for (const address of [...addresses, `${pages.hostile}/services/nobody`]) {
      const answer = await page.goto(address);
      if (answer.status() === 404) { page.complaints.length = 0; continue; }
      await page.waitForFunction(() => document.getElementById("pulse").textContent === "Live");
      calm(page, address);
    }
  },

  // An outage appears on a page that is open, is said, takes nobody's place away; a lost stream is told loudly.
  async live() {
    const page = await open();
    await page.goto(`${pages.board}/`);
    await page.evaluate(() => { window.sameDocument = true; });
    const heading = page.locator("#headline");
    check((await heading.textContent()).includes("All is well"), "it begins well");
    check((await page.locator("#say").textContent()) === "", "nothing is said before something happens");
    await page.focus("#tile-lib-hatfield");
    const filtered = await open();
    await filtered.goto(`${pages.board}/?state=down`);
    check((await filtered.locator("#sites").textContent()).includes("No site"), "none is down yet");
    await please("down");
    await page.waitForFunction(() => document.getElementById("headline").textContent.includes("2 services are down"));
    check(await page.evaluate(() => window.sameDocument), "the page was not loaded again");
    check((await page.locator("#wrong").textContent()).includes("Hatfield Library"), "the card is there");
    await page.waitForFunction(() => document.getElementById("say").textContent.includes("is degraded"));
    check((await page.locator("#say").textContent()).match(/ And \d+ more changed\./), "a flood of changes is cut");
    check(await page.evaluate(() => document.activeElement.id === "tile-lib-hatfield"), "the focus stays on its tile");
    await filtered.locator("#sites").getByText("Hatfield Library").first().waitFor();
    await please("up");
    await page.waitForFunction(() => document.getElementById("headline").textContent.includes("All is well"));
    calm(page, "live");
    calm(filtered, "filtered");
    await filtered.context().close();
    await please("stop");
    await page.locator("#stale").getByText("NOT LIVE since Sun 22 Nov 08:41:30 GMT").waitFor();
    check(await page.evaluate(() => document.documentElement.classList.contains("is-stale")), "it no longer looks as if it were right");
    check((await page.locator("#pulse").textContent()) === "Not live", "the top says so too");
  },

  // A service of the real daemon goes down and comes up while the page is open.
  async lab() {
    const page = await open();
    await page.goto(`${pages.board}/`);
    const says = (words) => page.waitForFunction((w) => document.getElementById("headline").textContent.includes(w), words, { timeout: 120_000 });
    await says("All is well with 2 services");
    await page.evaluate(() => { window.sameDocument = true; });
    await says("1 service is down");
    check((await page.locator("#wrong").textContent()).includes("weak down"), "what is down is named");
    await page.waitForFunction(() => document.getElementById("say").textContent === "s-weak is down.");
    const service = await open();
    await service.goto(`${pages.board}/services/s-weak`);
    await says("All is well with 2 services");
    await service.waitForFunction(() => document.getElementById("headline").textContent.includes(": up"), null, { timeout: 120_000 });
    await service.locator("#outages").getByText("weak").first().waitFor();
    check(await page.evaluate(() => window.sameDocument), "the page was not loaded again");
    check((await page.locator("#month").textContent()).includes("s-weak"), "the month knows of it");
    calm(page, "board");
    calm(service, "service");
  },

  // The skip link, the search, every link in turn, and out again.
  async keyboard() {
    const page = await open();
    await page.goto(`${pages.council}/`);
    await page.keyboard.press("Tab");
    const skip = page.locator(".skip");
    check(await skip.evaluate((e) => e === document.activeElement), "the first stop is the skip link");
    check((await skip.boundingBox()).x >= 0, "it can be seen when it has the focus");
    await page.keyboard.press("Enter");
    check(await page.evaluate(() => document.activeElement.id === "main"), "it leads to the content");
    await page.keyboard.press("/");
    check(await page.evaluate(() => document.activeElement.id === "q"), "/ goes to the search");
    await page.keyboard.type("hatfield");
    await page.locator("#sites caption").getByText("1 of 14 sites").waitFor();
    check(page.url().includes("q=hatfield"), "the address can be given to others");
    check((await page.locator("#found").textContent()).includes("1 site found"), "the count is said");
    await page.keyboard.press("Escape");
    check(await page.evaluate(() => document.activeElement !== document.getElementById("q")), "Escape leaves the search");
    await page.goto(`${pages.council}/`);
    const stops = new Set();
    let home = false;
    for (let n = 0; n < 400 && !home; n += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(() => {
        const e = document.activeElement;
        if (e === document.body) return null;
        const style = getComputedStyle(e);
        return { words: `${e.tagName} ${e.id} ${e.className} ${e.textContent.slice(0, 30)} ${e.getAttribute("href")}`, seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
      });
      home = stop === null || (n > 5 && stop.words.includes("To the content"));
      if (stop) { check(stop.seen, `the focus cannot be seen on ${stop.words}`); stops.add(stop.words); }
    }
    check(home, "one gets out of the page");
    check(stops.size > 60, `every link is a stop: ${stops.size}`);
    calm(page, "council");
    await page.goto(`${pages.large}/`);
    await page.keyboard.press("/");
    await page.keyboard.type("site-0012");
    await page.locator("#sites caption").getByText("3 of 500 sites").waitFor();
    await page.goto(`${pages.large}/`);
    await page.focus("#page-after");
    await page.keyboard.press("Enter");
    await page.locator("#sites caption").getByText("Sites 41 to 80 of 500").waitFor();
    // The focus is put back when the new table has settled, a moment after it is there.
    await page.waitForFunction(() => document.activeElement.id === "page-after");
    calm(page, "large");
  },

  // 360 pixels, a 4K wall, bytes on the wire, no scripts, hostile names.
  async sizes() {
    const phone = await open({ viewport: { width: 360, height: 780 } });
    for (const address of [...everywhere(pages.council), `${pages.large}/`, `${pages.hostile}/`, `${pages.hostile}/services/ch-voice`, `${pages.hostile}/sites/county-hall`]) {
      await phone.goto(address);
      const [wide, room] = await phone.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      check(wide <= room, `${address} is ${wide} wide in ${room}`);
      calm(phone, address);
    }
    check(await phone.evaluate(() => window.alert.toString().includes("native")), "nothing ran");
    await phone.context().close();

    for (const [width, height] of [[1920, 1080], [3840, 2160]]) {
      const wall = await open({ viewport: { width, height } });
      await wall.goto(`${pages.council}/?wall`);
      const seen = await wall.evaluate(() => ({
        size: parseFloat(getComputedStyle(document.getElementById("headline")).fontSize),
        low: Math.max(...[...document.querySelectorAll(".card, #tiles")].map((e) => e.getBoundingClientRect().bottom)),
        links: document.querySelectorAll("nav, footer, form").length,
      }));
      check(seen.size >= width / 40, `the headline is ${seen.size} px on ${width}`);
      check(seen.low <= height, `the last trouble ends at ${seen.low} of ${height}`);
      check(seen.links === 0, "no chrome on a wall");
      await wall.context().close();
    }

    const page = await open();
    const bytes = await weighed(page, `${pages.council}/services/ch-voice`);
    check(bytes > 10_000 && bytes < 300_000, `${bytes} bytes`);
    calm(page, "service");
    await page.context().close();

    const plain = await open({ javaScriptEnabled: false });
    await plain.goto(`${pages.council}/`);
    const words = await plain.locator("body").innerText();
    for (const word of ["2 services are down", "Hatfield Library", "Unknown", "Degraded", "Maintenance", "0800 000 0000", "overspent by 34%", "Refreshes every 15 seconds"]) {
      check(words.includes(word), `without scripts the board lacks: ${word}`);
    }
    await plain.fill("#q", "ware");
    await plain.press("#q", "Enter");
    check((await plain.locator("#sites caption").innerText()).includes("1 of 14 sites"), "the search works without scripts");
    await plain.goto(`${pages.council}/services/ch-voice`);
    check((await plain.locator("svg.needs").getAttribute("aria-label")).includes("degraded"), "the drawing has words");
  },

  // Two thousand services on five hundred sites, all well and with sixty of them in trouble: what comes over the wire,
  // what stands on the first screen, finding one of them, and walls and phones.
  async crowd() {
    for (const address of ["/", "/?wall", "/?q=service-01339", "/services/service-01339", "/sites/site-01336"].flatMap((a) => [pages.large + a, pages.crowded + a])) {
      const page = await open();
      const bytes = await weighed(page, address);
      check(bytes > 10_000 && bytes < 300_000, `${address}: ${bytes} bytes`);
      calm(page, address);
      await page.context().close();
    }

    const page = await open();
    await page.goto(`${pages.large}/`);
    check((await page.locator("#headline").textContent()).includes("All is well with 2000 services"), "all two thousand");
    check(await page.locator("#tiles li").count() === 500, "a tile for each of five hundred sites");
    await page.goto(`${pages.crowded}/`);
    check((await page.locator("#headline").textContent()).includes("24 services are down"), "the verdict counts");
    const first = await page.evaluate(() => document.querySelector(".card .call").getBoundingClientRect().bottom);
    check(first < 800, `whom to call about the worst is on the first screen: ${first}`);
    await page.keyboard.press("/");
    await page.keyboard.type("service-01339");
    await page.locator("#found").getByText("1 site found").waitFor();
    check(await page.locator("#found").evaluate((e) => e.getBoundingClientRect().bottom < innerHeight), "the count stands where one types");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.id === "sites-by-class");
    await page.locator("#sites").getByText("Site 1336").first().waitFor();
    check(await page.locator("#sites").evaluate((e) => e.getBoundingClientRect().top < innerHeight), "Enter leads to what was found");
    await page.goto(`${pages.crowded}/?state=down`);
    await page.locator("#sites caption").getByText("24 of 500 sites").waitFor();
    await page.goto(`${pages.crowded}/?page=13`);
    await page.locator("#sites caption").getByText("Sites 481 to 500 of 500").waitFor();
    calm(page, "crowded");

    for (const [width, height] of [[1920, 1080], [3840, 2160]]) {
      const wall = await open({ viewport: { width, height } });
      await wall.goto(`${pages.crowded}/?wall`);
      const low = await wall.evaluate(() => Math.max(...[...document.querySelectorAll(".card, #tiles, #wrong")].map((e) => e.getBoundingClientRect().bottom)));
      check(low <= height, `on a wall of ${width} the last of it ends at ${low} of ${height}`);
      check(await wall.locator("#tiles li").count() === 500, "every site has its tile");
      await wall.context().close();
    }
    for (const colorScheme of ["light", "dark"]) {
      const phone = await open({ viewport: { width: 360, height: 780 }, colorScheme, bypassCSP: true });
      for (const address of ["/", "/?state=down", "/services/service-01339"].map((a) => pages.crowded + a)) {
        await phone.goto(address);
        const [wide, room] = await phone.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        check(wide <= room, `${address} is ${wide} wide in ${room}`);
      }
      await phone.context().close();
    }
  },

  // The same measurements as drawings without scripts and as charts with them.
  async charts() {
    const plain = await open({ javaScriptEnabled: false });
    await plain.goto(`${pages.board}/services/ch-data?hours=3`);
    check(await plain.locator("#charts svg.lines path.line").count() >= 3, "lines are drawn");
    const row = await plain.locator("#charts tbody tr", { hasText: "ch-primary" }).innerText();
    check(row.includes("20.0 ms") && row.includes("5."), `the figures stand beside it: ${row}`);
    const page = await open();
    await page.goto(`${pages.board}/services/ch-data?hours=3`);
    await page.waitForFunction(() => document.querySelectorAll("#charts .uplot canvas").length === 3);
    const inked = await page.evaluate(() => [...document.querySelectorAll("#charts .uplot canvas")].map((c) => {
      const bits = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      return bits.some((v) => v !== 0);
    }));
    check(inked.every(Boolean), "something is on every canvas");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForFunction(() => document.querySelectorAll("#charts .uplot canvas").length === 3);
    calm(page, "charts");
    await page.goto(`${pages.board}/sites/county-hall?hours=6&class=voice`);
    await page.waitForFunction(() => document.querySelectorAll("#charts .uplot canvas").length === 4);
    calm(page, "site");
  },
};

try {
  await looks[what]();
} finally {
  await browser.close();
}
process.exit(0);
