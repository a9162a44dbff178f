// What is watched inside the page: when the lines, their count and their fields stand there, and how long the page stood still.

/** Runs in the page before anything else. Every part is `fresh` or not; a mark is the time at which it became so again. */
export function watch() {
  const all = (selector) => document.querySelector(selector);
  const region = () => all('[aria-label="Log lines"]');
  const isBusy = () => all('main [aria-busy="true"]') !== null;
  const parts = {
    lines: () => (region() ? !region().parentElement.dataset.stale && all('[aria-label="Log lines"] [data-index]') !== null : all('main h1') !== null && !isBusy()),
    count: () => all('main [role="status"] strong') !== null && all('main [role="status"] strong[data-stale]') === null,
    fields: () => all('[aria-label="Fields that occur"]') !== null && !all('[aria-label="Fields that occur"]').dataset.stale,
    detail: () => all('[aria-label="Fields of the line"]') !== null,
    tail: () => document.body?.textContent.includes('following') && all('[aria-label="Log lines"] [data-index="0"]')?.textContent !== window.firstBefore,
  };
  window.longest = 0;
  window.marks = {};
  window.stale = {};
  const check = () => {
    for (const [name, isFresh] of Object.entries(parts)) {
      if (!isFresh()) window.stale[name] = true;
      else if (window.stale[name]) {
        window.stale[name] = false;
        window.marks[name] = performance.now();
      }
    }
  };
  window.begin = () => {
    window.marks = {};
    window.longest = 0;
    window.firstBefore = all('[aria-label="Log lines"] [data-index="0"]')?.textContent;
    window.began = performance.now();
    check();
  };
  window.began = 0;
  new MutationObserver(check).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.longest = Math.max(window.longest, entry.duration); })).observe({ entryTypes: ['longtask'] });
}

async function told(page, parts) {
  await page.waitForFunction((names) => names.every((name) => window.marks[name] !== undefined), parts);
  return page.evaluate((names) => ({
    ...Object.fromEntries(names.map((name) => [`${name}Ms`, Math.round(window.marks[name] - window.began)])), longestTaskMs: Math.round(window.longest),
  }), parts);
}

/** Does something, and tells when each of the parts stood there again. */
export async function act(page, parts, work) {
  await page.evaluate(() => window.begin());
  await work();
  return told(page, parts);
}

/** Opens an address afresh. */
export async function opened(page, address) {
  await page.goto(new URL(address, page.url()).href);
  return told(page, ['lines', 'count', 'fields']);
}

/** Turns the wheel over the lines, and tells how evenly the page was drawn meanwhile. */
export async function scrolled(page, turns) {
  const box = await page.locator('[aria-label="Log lines"]').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.evaluate(() => {
    window.begin();
    window.gaps = [];
    let before = performance.now();
    const frame = (now) => {
      if (!window.gaps) return;
      window.gaps.push(now - before);
      before = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  for (let turn = 0; turn < turns; turn += 1) await page.mouse.wheel(0, 900);
  return page.evaluate(() => {
    const gaps = window.gaps.sort((a, b) => a - b);
    window.gaps = undefined;
    return { frameMedianMs: Math.round(gaps[gaps.length >> 1]), frameWorstMs: Math.round(gaps.at(-1)), longestTaskMs: Math.round(window.longest) };
  });
}

/** A step as a row of results: how long until the lines stood there, and what else there is to know. */
export function rowOf({ step, calls, longestTaskMs, ...told }) {
  const [[name, number], ...others] = Object.entries(told);
  const words = (key) => key.replace(/Ms$/, '');
  const slowest = calls.reduce((most, each) => (each.ms > (most?.ms ?? 200) ? each : most), undefined);
  const note = [...others.map(([key, value]) => `${words(key)} ${value}`), `page stood still ${longestTaskMs} ms at most`, ...(slowest ? [`slowest call ${slowest.ms} ms: ${slowest.call}`] : [])];
  return { what: `${step}: ${words(name)}`, number, unit: 'ms', note: note.join(', ') };
}
