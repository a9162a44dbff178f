// Starts the mock with the built pages and a browser; gives pages that fail on what they say to the console.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before } from 'node:test'
import { chromium } from 'playwright-core'

const UI = path.resolve(import.meta.dirname, '..')
const BROWSERS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export async function startMock(mode = 'full', more = {}) {
  if (!existsSync(path.join(UI, 'dist/index.html'))) throw new Error('Run `npm run build` first.')
  const child = fork(path.join(UI, 'mock/server.mjs'), { env: { ...process.env, MOCK: mode, PORT: '0', ...more }, silent: true })
  const { port } = await new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`the mock ended with ${code}`)))
  })
  return { base: `http://127.0.0.1:${port}`, stop: () => child.kill() }
}

export async function startBrowser() {
  const executablePath = BROWSERS.find((found) => found && existsSync(found))
  if (!executablePath) throw new Error('No Chromium here: install it, or name it in CHROMIUM.')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-background-networking'] })
}

/** What never comes is told apart from what comes late, also while a compiler has the machine. */
const PATIENCE_MS = 120_000

/** A page that remembers what went wrong on it. `allowed` are console texts that the test expects. */
export async function openPage(browser, { width = 1440, height = 900, dark = false, allowed = [] } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', acceptDownloads: true })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const complaints = []
  const note = (text) => {
    if (!allowed.some((part) => text.includes(part))) complaints.push(text)
  }
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') note(`${message.text()} (${page.url()})`)
  })
  page.on('pageerror', (error) => note(String(error)))
  return { page, complaints, close: () => context.close() }
}

/** A mock and a browser for the tests of one file, and `visit`: one piece of work on one page, which must not complain. */
export function onePage(mode = 'full') {
  let mock
  let browser
  before(async () => {
    mock = await startMock(mode)
    browser = await startBrowser()
  })
  after(async () => {
    await browser?.close()
    mock?.stop()
  })
  const visit = async (path, options, work) => {
    const { page, complaints, close } = await openPage(browser, options)
    await page.goto(mock.base + path)
    await settled(page)
    try {
      await work(page, mock)
    } catch (error) {
      // What was on the screen tells more than what was not found on it.
      if (process.env.E2E_SHOTS) await page.screenshot({ path: `${process.env.E2E_SHOTS}/${Date.now()}.png` })
      throw error
    }
    assert.deepEqual(complaints, [])
    await close()
  }
  return { visit, openPage: (options) => openPage(browser, options) }
}

/** Keys one after the other, not waiting for what each does: as fingers are, however busy the machine is. */
export const keys = (page, ...names) => Promise.all(names.map((name) => page.keyboard.press(name)))

/** Uses what shows only while the pointer is over something; what comes meanwhile may take the pointer's place away. */
export async function withPointerOn(over, tool) {
  for (let attempt = 1; ; attempt++) {
    await over.hover()
    try {
      return await tool.click({ timeout: PATIENCE_MS / 20 })
    } catch (error) {
      if (attempt === 10) throw error
    }
  }
}

/** Waits until nothing on the page is still being read and every chart stands there. */
export async function settled(page) {
  await page.waitForSelector('main h1')
  await page.waitForFunction(() => !document.querySelector('main [aria-busy="true"], main [data-chart]:not(:has(canvas))'))
}

/** Counts the pixels of a chart that have exactly a colour of the theme, such as `--band-error`. */
export const inked = (chart, property) => chart.evaluate((element, name) => {
  const drawn = element.querySelector('canvas')
  const [colour, copy] = [document.createElement('canvas'), document.createElement('canvas')]
    .map((canvas) => Object.assign(canvas, { width: drawn.width, height: drawn.height }).getContext('2d', { willReadFrequently: true }))
  colour.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  colour.fillRect(0, 0, 1, 1)
  const [red, green, blue] = colour.getImageData(0, 0, 1, 1).data
  copy.drawImage(drawn, 0, 0)
  const { data } = copy.getImageData(0, 0, drawn.width, drawn.height)
  let count = 0
  for (let i = 0; i < data.length; i += 4) if (data[i] === red && data[i + 1] === green && data[i + 2] === blue && data[i + 3] === 255) count++
  return count
}, property)

/** Asserts that the graph of failing lines has its bars and the alarm's threshold. */
export async function showsFailingLines(page) {
  const chart = page.getByRole('img', { name: /^Failing lines over time.*threshold/ })
  for (const property of ['--band-error', '--stopped-solid']) assert.ok((await inked(chart, property)) > 20, `${property} is drawn`)
}

const NOWHERE = 'No such page'

/** Goes on inside the loaded application, as a click on a link does: a tenth of the work of a fresh load. */
export async function goWithin(page, base, path) {
  if (!page.url().startsWith(base)) return page.goto(base + path)
  // By way of a page that is no other's, so that the one before is not taken for the next.
  const to = (next) => page.evaluate((address) => {
    history.pushState({}, '', address)
    dispatchEvent(new PopStateEvent('popstate'))
  }, next)
  await to('/between')
  await page.locator('main h1', { hasText: NOWHERE }).waitFor()
  await to(path)
  if (path !== '/nowhere') await page.waitForFunction((gone) => ![...document.querySelectorAll('main h1')].some((h) => h.textContent === gone), NOWHERE)
}

/** Runs the work for every path on a few pages side by side, each path a test of its own. */
export async function sweep(t, browser, paths, options, work) {
  const free = await Promise.all(Array.from({ length: PAGES_AT_ONCE }, () => openPage(browser, options)))
  const turns = free.map((opened, i) => paths.filter((_, n) => n % PAGES_AT_ONCE === i).map((path) => [opened, path]))
  await Promise.all(turns.map(async (turn) => {
    for (const [opened, path] of turn) await t.test(path, () => work(opened, path))
  }))
  await Promise.all(free.map(({ close }) => close()))
}

/** The machines that test have two cores. */
export const PAGES_AT_ONCE = 2

/** What is the same on every page is looked at once, and of rows that are all alike the first few. */
const ALIKE = ['tbody tr:nth-child(n+7)', '[data-index]:nth-child(n+7)', '[class*="timeline"] li:nth-child(n+7)']

/** What axe finds that would keep people out. Run by a function of the driver, so the content policy stays as strict as it is. */
export async function seriousFindings(page, options) {
  const findings = await look(page, options)
  if (findings.length === 0) return findings
  // A control that has just come alive still shows the colours of a dead one: look again once nothing moves.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)))
  await settled(page)
  return look(page, options)
}

async function look(page, { whole = true } = {}) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE)
  return page.evaluate(async ({ alike, from }) => {
    const exclude = alike.filter((selector) => document.querySelector(selector)).map((selector) => [selector])
    const { violations } = await window.axe.run({ include: [[from]], exclude }, { resultTypes: ['violations'] })
    return violations
      .filter((v) => v.impact === 'serious' || v.impact === 'critical')
      .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? ''}`).join(' | ')}`)
  }, { alike: ALIKE, from: whole ? 'html' : 'main' })
}

export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
