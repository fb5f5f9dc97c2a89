// The page of valet view in a real browser, on a real daemon with traffic and a hook. VALET_SCREENSHOTS names a
// folder to put pictures of it in.

import assert from "node:assert/strict";
import type { Browser, Page } from "puppeteer-core";
import type { PortCounters } from "../../mod.ts";
import { DaemonScene, type Running, until } from "./daemon_scene.ts";
import { startView, stopView } from "./view_scene.ts";

const BROWSERS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/** The name of a browser that is installed; undefined if none is. */
const browserPath = findBrowser();

const SKIPPED = browserPath === undefined
  ? " (skipped: there is no browser; Debian: chromium-headless-shell)"
  : "";

function findBrowser(): string | undefined {
  for (const name of BROWSERS) {
    for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
      } catch {
        // not there
      }
    }
  }
  return undefined;
}

async function launch(): Promise<Browser> {
  // By a computed name: it is not needed where there is no browser
  const { launch }: typeof import("puppeteer-core") = await import(
    import.meta.resolve("puppeteer-core")
  );
  return await launch({
    executablePath: browserPath!,
    // The sandbox needs a user that is not root; no service of the browser's maker is to be asked
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
      .concat(["--disable-background-networking", "--disable-component-update", "--disable-sync"]),
  });
}

/** What must not happen on a page: errors, and requests to anywhere else. */
function watchFaults(page: Page, url: string): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn") faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) faults.push(`asked for ${request.url()}`);
  });
  return faults;
}

async function picture(page: Page, name: string): Promise<void> {
  const png = await page.screenshot({ fullPage: true });
  assert.ok(png.length > 10_000, `${name}: a picture of something`);
  const folder = Deno.env.get("VALET_SCREENSHOTS");
  if (folder) Deno.writeFileSync(`${folder}/${name}.png`, png);
}

/** The text of each element. */
function texts(page: Page, selector: string): Promise<string[]> {
  return page.$$eval(selector, (found) => found.map((it) => it.textContent ?? ""));
}

/** The text of an element, when it is so. */
function untilText(page: Page, selector: string, pattern: RegExp): Promise<string> {
  return until(`${selector} is ${pattern}`, async () => {
    const [text] = await texts(page, selector);
    return text !== undefined && pattern.test(text) && text;
  });
}

/** What code throws in a task of the page's own: what the driver evaluates itself no policy holds up. */
async function laterError(page: Page, code: string): Promise<unknown> {
  return await page.evaluate(`new Promise((resolve) => setTimeout(() => {
    try { ${code}; resolve("nothing"); } catch (error) { resolve(error.name); }
  }))`);
}

async function fits(page: Page, width: number): Promise<void> {
  await page.setViewport({ width, height: 900 });
  const wide = await page.evaluate("document.documentElement.scrollWidth");
  assert.ok(Number(wide) <= width, `${wide} pixels on a screen of ${width}`);
}

async function end({ process, finish }: Running): Promise<void> {
  process.kill("SIGTERM");
  const { code, stderr } = await finish();
  assert.equal(code, 0, stderr);
}

/** Names as interfaces can have them. */
const HOSTILE = ["<script>x", "<b>\"'&amp;"];

Deno.test({
  name: `a browser shows what is counted, and names as they are, light and dark${SKIPPED}`,
  ignore: browserPath === undefined,
  fn: async () => {
    await using scene = new DaemonScene();
    for (const name of HOSTILE) {
      await scene.ok("vale-ctl", "-n", name, "-C", "64");
      await scene.ok("vale-ctl", "-a", `vale0:${name}`);
    }
    const names = ["a", "b", "c"].map((name) => `vale0:${name}`);
    const script = new URL("view_traffic.ts", import.meta.url).pathname;
    const traffic = scene.spawnProgram(Deno.execPath(), "run", "-A", script, "64", ...names);
    const view = await startView(scene);
    const browser = await launch();
    try {
      const page = await browser.newPage();
      const faults = watchFaults(page, view.url);
      await page.setViewport({ width: 1280, height: 900 });
      await page.goto(view.url);
      await untilText(page, "#connection", /^Live, daemon$/);
      await untilText(page, ".ports tbody tr:nth-child(3) td.sent .rate", /^[1-9].*pps$/);

      assert.deepEqual(await texts(page, ".ports tbody .name"), [...HOSTILE, "a", "b", "c"]);
      assert.deepEqual(await texts(page, ".jack .name"), [...HOSTILE, "a", "b", "c"]);
      assert.equal((await page.$$("main script, main b, main img")).length, 0, "no name is HTML");
      await untilText(page, ".stations .mac", /^02:00:00:00:00:01$/);
      assert.deepEqual(await texts(page, ".stations td .name"), ["a"]);
      await untilText(page, ".ports tbody tr:nth-child(5) td.lost .below", /ringFull/);
      const points = await page.$$eval(
        "td.sent .line",
        (lines) => lines.map((line) => line.getAttribute("points")?.split(" ").length ?? 0),
      );
      assert.ok(points.every((count) => count >= 1), `${points}`);
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
      const ground = "getComputedStyle(document.body).backgroundColor";
      const light = await page.evaluate(ground);
      await picture(page, "light");
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
      assert.notEqual(await page.evaluate(ground), light);
      await picture(page, "dark");

      await page.select("#sort", "sent");
      await untilText(page, ".ports tbody tr:first-child .name", /^a$/);
      await page.type("#filter", "<b>");
      await untilText(page, ".ports tbody tr:first-child .name", /^<b>/);
      assert.equal((await texts(page, ".ports tbody tr")).length, 1);

      await end(traffic);
      assert.deepEqual(faults, []);
      // The policy holds: nothing that comes in can become HTML, or lead elsewhere
      assert.equal(await laterError(page, 'document.body.innerHTML = "<b>x</b>"'), "TypeError");
      assert.equal(await laterError(page, 'eval("1")'), "EvalError");
    } finally {
      await browser.close();
    }
    await stopView(view);
  },
});

Deno.test({
  name: `a browser shows the hook, many ports, pauses, and says when daemon or view end${SKIPPED}`,
  ignore: browserPath === undefined,
  fn: async () => {
    await using scene = new DaemonScene();
    await scene.ok("daemon", "start");
    const script = new URL("view_traffic.ts", import.meta.url).pathname;
    const names = Array.from({ length: 120 }, (_, i) => `vale1:p${i}`);
    const traffic = scene.spawnProgram(Deno.execPath(), "run", "-A", script, "16", ...names);
    await until("they are there", async () => (await scene.ok("vale-ctl")).includes("vale1:p119"));
    Deno.writeTextFileSync(
      scene.path("to_1.ts"),
      "export default () => 1;\nexport const stats = () => '<i>5</i>';",
    );
    await scene.ok("hook", "load", "vale1", "to_1.ts");
    const view = await startView(scene);
    const browser = await launch();
    try {
      const page = await browser.newPage();
      const faults = watchFaults(page, view.url);
      await page.goto(view.url);
      await untilText(page, ".chip", /^hook: to_1\.ts$/);
      await untilText(page, ".hook .facts", /packets[1-9].*pps/);
      await untilText(page, ".hook .facts", /"<i>5<\/i>"/);
      assert.equal((await page.$$(".jack")).length, 120);
      assert.equal((await page.$$(".ports tbody tr")).length, 120);
      await fits(page, 1280);
      await picture(page, "many");
      await fits(page, 390);
      await picture(page, "narrow");

      await page.click("#pause");
      await untilText(page, "#connection", /^Paused/);
      const [before] = await texts(page, "#summary");
      await until("traffic goes on", async () => await sentBy(scene, "vale1:p0") > 500);
      assert.deepEqual(await texts(page, "#summary"), [before]);
      await page.click("#pause");
      await untilText(page, "#connection", /^Live/);

      await end(traffic);
      await untilText(page, "#summary", /^0 bridges/);
      await untilText(page, "#waiting h3", /^Hook for vale1, which does not exist yet$/);
      await scene.ok("daemon", "stop");
      await untilText(page, "#notice", /^(No daemon runs|The daemon has ended)/);
      await picture(page, "gone");
      await scene.ok("vale-ctl", "-n", "vi0", "-C", "64");
      await scene.ok("vale-ctl", "-a", "vale2:vi0");
      await untilText(page, "h2", /^vale2$/);
      assert.equal(await page.evaluate("document.querySelector('#notice').hidden"), true);
      assert.deepEqual(faults, []);
      await stopView(view);
      await untilText(page, "#notice", /^"valet view" has ended\./);
    } finally {
      await browser.close();
    }
  },
});

async function sentBy(scene: DaemonScene, name: string): Promise<number> {
  const { ports } = await scene.json<{ ports: PortCounters[] }>("stats", name);
  return ports[0].txPackets;
}
