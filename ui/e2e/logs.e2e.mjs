// The log page as people use it: asked, completed, narrowed, zoomed, scrolled through a million lines, opened at a megabyte.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { keys, onePage, PAGES_AT_ONCE, withPointerOn } from './harness.mjs'

const { visit } = onePage()
const refused = { allowed: ['Failed to load resource'] }
const lines = (page) => page.locator('[aria-label="Log lines"] [data-index]')
const query = (page) => new URL(page.url()).searchParams.get('query')

/** The numbers of the lines in view, from their text. */
const numbers = (page) => page.evaluate(() => {
  const box = document.querySelector('[aria-label="Log lines"]')
  const { top, bottom } = box.getBoundingClientRect()
  return [...box.querySelectorAll('[data-index]')]
    .filter((row) => row.getBoundingClientRect().bottom > top + 26 && row.getBoundingClientRect().top < bottom)
    .map((row) => Number(/#(\d+)/.exec(row.textContent)[1]))
})

/** Longest time in which the page did not answer, from now until asked. */
const watchFreezes = (page) => page.evaluate(() => {
  window.longest = 0
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.longest = Math.max(window.longest, entry.duration)))).observe({ entryTypes: ['longtask'] })
})

test('the log page', { concurrency: PAGES_AT_ONCE }, async (t) => {
  const tests = Object.entries(TESTS).map(([name, work]) => t.test(name, work))
  await Promise.all(tests)
})

const TESTS = {
  'a mistake is underlined at its column, and gone when the query is mended': () => visit('/logs?since=1h', refused, async (page) => {
    const field = page.getByLabel('Log query')
    await field.fill('service:(')
    await field.press('Enter')
    const alert = page.locator('main [role="alert"]')
    await alert.waitFor()
    assert.equal(await page.locator('main mark').textContent(), '(')
    assert.match(await alert.textContent(), /LOG-0001.*Column 9/)
    await field.fill('level:error')
    assert.equal(await page.locator('main form mark').count(), 0)
    await field.press('Enter')
    await lines(page).first().waitFor()
    assert.equal(await alert.count(), 0)
  }),

  'fields and values complete by keyboard': () => visit('/logs', {}, async (page) => {
    await page.getByText('service', { exact: true }).first().waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('serv')
    await page.getByRole('option', { name: /^service/ }).first().waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.type('paym')
    await page.getByRole('option', { name: /^payments/ }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    assert.equal(await page.getByLabel('Log query').inputValue(), 'service:payments ')
    await page.keyboard.type('level:err')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Enter')
    await page.waitForURL(/query=service/)
    assert.equal(query(page), 'service:payments level:err')
  }),

  'a line opens by keyboard, its fields narrow the search, become columns, and stay in the address': () => visit('/logs?query=level:error', {}, async (page) => {
    await lines(page).first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'http.route as a column' }).last().click()
    await page.waitForURL(/columns=service%2Chttp.route/)
    await page.locator('[aria-label="Log lines"]').getByText('http.route').first().waitFor()
    await page.waitForURL(/focus=/)
    await page.getByRole('button', { name: 'Only service', exact: true }).click()
    await page.waitForURL(/AND/)
    assert.match(query(page), /^level:error AND service:/)
    await withPointerOn(page.locator('[title="http.route"]').first(), page.getByRole('button', { name: 'Take the column http.route away' }))
    await page.waitForFunction(() => !location.search.includes('http.route'))
  }),

  'the same address shows the same line': () => visit('/logs?query=dataset:million&since=26h', {}, async (page) => {
    await lines(page).first().waitFor()
    for (let i = 0; i < 6; i++) await page.keyboard.press('j')
    await page.waitForURL(/focus=big-999994/)
    const there = page.url()
    await page.goto('about:blank')
    await page.goto(there)
    const open = page.locator('[data-open]')
    await open.waitFor()
    assert.match(await open.textContent(), /#999994/)
  }),

  'the sidebar includes, excludes and asks for a field': () => visit('/logs', {}, async (page) => {
    const bar = page.getByRole('complementary', { name: 'Fields' })
    await bar.getByRole('button', { name: 'error', exact: true }).click()
    await page.waitForURL(/level/)
    await withPointerOn(bar.getByRole('button', { name: 'payments', exact: true }), bar.getByRole('button', { name: 'Without service payments' }))
    await page.waitForURL(/NOT/)
    await withPointerOn(bar.locator('[title^="duration_ms"]'), bar.getByRole('button', { name: 'Lines that have duration_ms' }))
    await page.waitForURL(/duration_ms/)
    assert.equal(query(page), 'level:error AND NOT service:payments AND duration_ms:*')
  }),

  'the bars zoom by dragging, and a double click or Esc goes back': () => visit('/logs?since=6h', {}, async (page) => {
    const chart = page.locator('.u-over')
    await chart.waitFor()
    const box = await chart.boundingBox()
    const drag = async () => {
      await page.mouse.move(box.x + box.width * 0.3, box.y + 20)
      await page.mouse.down()
      await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 })
      await page.mouse.up()
      await page.waitForURL(/until=/)
    }
    await drag()
    const span = new URL(page.url()).searchParams
    assert.ok(Math.abs(Date.parse(span.get('until')) - Date.parse(span.get('since')) - 72 * 60_000) < 5 * 60_000)
    await page.locator('.u-over').dblclick({ position: { x: 40, y: 20 } })
    await page.waitForURL(/since=6h/)
    await drag()
    await page.keyboard.press('Escape')
    await page.waitForURL(/since=6h/)
  }),

  'a million lines: any place at once, a whole run of lines without gap, few rows in the document': () => visit('/logs?query=dataset:million&since=26h', {}, async (page) => {
    await page.getByText(/1,000,000 lines/).waitFor()
    const rail = page.getByRole('slider', { name: 'Place among all lines' })
    await lines(page).first().waitFor()
    const top = await numbers(page)
    assert.equal(top[0], 999_999)
    const box = await rail.boundingBox()
    await page.mouse.click(box.x + 8, box.y + box.height / 2)
    await page.waitForFunction(() => Math.abs(Number(/#(\d+)/.exec(document.querySelector('[aria-label="Log lines"] [data-index]')?.textContent)?.[1]) - 500_000) < 30_000)
    await page.getByText(/about line/).waitFor()
    const region = page.locator('[aria-label="Log lines"]')
    // Up and down over the anchor: the lines run on in both directions.
    for (const by of [-3_000, -9_000, 20_000, 30_000, -4_000]) {
      await region.evaluate((element, y) => element.scrollBy(0, y), by)
      await page.waitForFunction(() => document.querySelectorAll('[aria-label="Log lines"] [data-index]').length > 10)
      const seen = await numbers(page)
      for (let i = 1; i < seen.length; i++) assert.equal(seen[i], seen[i - 1] - 1)
      assert.ok((await lines(page).count()) < 100)
    }
    await rail.focus()
    await page.keyboard.press('End')
    await page.waitForFunction(() => [...document.querySelectorAll('[aria-label="Log lines"] [data-index]')].some((row) => /#[0-9]{1,4}(?!\d)/.test(row.textContent)))
    await page.keyboard.press('Home')
    await page.waitForFunction(() => document.querySelector('[aria-label="Log lines"] [data-index]')?.textContent.includes('#999999'))
  }),

  'thousands of lines further the list still holds few, and the way back is exact': () => visit('/logs?query=dataset:million&since=26h', {}, async (page) => {
    await lines(page).first().waitFor()
    const region = page.locator('[aria-label="Log lines"]')
    const reach = async (until, by) => {
      // However slowly it goes on a busy machine, it goes on.
      for (let at, since = Date.now(); Date.now() - since < 60_000; ) {
        const seen = await numbers(page)
        if (until(seen)) return seen
        if (seen[0] !== at) [at, since] = [seen[0], Date.now()]
        await region.evaluate((element, y) => element.scrollBy(0, y), by)
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
      }
      throw new Error(`never got there: ${await numbers(page)}`)
    }
    const far = await reach((seen) => seen[0] < 994_500, 1_500)
    for (let i = 1; i < far.length; i++) assert.equal(far[i], far[i - 1] - 1)
    const back = await reach((seen) => seen[0] === 999_999, -1_500)
    for (let i = 1; i < back.length; i++) assert.equal(back[i], back[i - 1] - 1)
  }),

  'what was searched is seen where it stands far behind the beginning of a line': () => visit('/logs?query=drain', {}, async (page) => {
    const first = lines(page).first()
    await first.locator('mark').waitFor()
    assert.match(await first.innerText(), /…[^…]*go on to drain/)
    const { right, edge } = await first.evaluate((line) => ({ right: line.querySelector('mark').getBoundingClientRect().right, edge: innerWidth }))
    assert.ok(right < edge, `${right} px of ${edge}`)
  }),

  'lines of megabytes are listed by what was searched, opened, found in and laid out, without a freeze': () => visit('/logs?query=dataset:huge%20AND%20needle&since=24h', {}, async (page) => {
    await watchFreezes(page)
    const long = lines(page).filter({ hasText: '1.5 MB' }).first()
    await long.waitFor()
    assert.equal(await lines(page).filter({ hasText: '600 kB' }).first().locator('mark').textContent(), 'NEEDLE')
    await long.getByRole('button').first().click()
    await page.getByRole('button', { name: /^Line/ }).first().click()
    await page.getByText(/1\.5 MB, [\d,]+ rows/).waitFor()
    await page.getByLabel('Find in this line').fill('needle-7f3a')
    await page.getByText('1 of 1').waitFor()
    await page.locator('[aria-label="The whole line"] mark').first().waitFor()
    await page.getByRole('button', { name: 'JSON', exact: true }).first().click()
    await page.getByRole('region', { name: 'The line as JSON' }).waitFor()
    assert.ok((await page.locator('[aria-label="The line as JSON"] > div > div').count()) < 120)
    assert.ok((await page.evaluate(() => document.body.textContent.length)) < 200_000)
    const { longest, measure } = await page.evaluate(() => {
      const began = performance.now()
      for (let i = 0, sum = 0; i < 30_000_000; i++) sum = (sum * 31 + i) | 0
      return { longest: window.longest, measure: performance.now() - began }
    })
    // Held against a piece of work of the same moment, so that a busy machine is not taken for a page that stood still.
    assert.ok(longest < Math.max(1_500, 50 * measure), `the page stood still for ${longest} ms`)
  }),

  'a list asks for cut lines; an opened line is read whole, and says so where it cannot be': () => visit('/logs?query=dataset:huge&since=24h', refused, async (page) => {
    const asked = []
    page.on('request', (request) => asked.push(request.url()))
    await page.reload()
    const long = lines(page).filter({ hasText: '1.5 MB' }).first()
    await long.waitFor()
    const pages = asked.filter((url) => /\/api\/v1\/logs\?/.test(url))
    assert.ok(pages.length > 0 && pages.every((url) => url.includes('clip=')))
    assert.equal(asked.filter((url) => /\/api\/v1\/logs\/huge-/.test(url)).length, 0)
    await page.context().route('**/api/v1/logs/huge-*', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ type: '/help/errors/SYS-0002', title: 'Not available now', status: 503, code: 'SYS-0002', detail: 'The telemetry process is starting again.' }) }))
    await long.getByRole('button').first().click()
    await page.getByText('Long texts of this line are cut').waitFor()
    await page.context().unroute('**/api/v1/logs/huge-*')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('Long texts of this line are cut').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: /^Line/ }).first().click()
    await page.getByText(/1\.5 MB, [\d,]+ rows/).waitFor()
  }),

  'a file of the lines held here has them whole': () => visit('/logs?query=dataset:huge&since=24h', {}, async (page) => {
    await lines(page).first().waitFor()
    await page.getByRole('button', { name: 'Export' }).click()
    const held = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: 'NDJSON' }).last().click()
    const rows = readFileSync(await (await held).path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line))
    assert.ok(rows.some((row) => row.message.length > 1_400_000))
    assert.equal(rows.filter((row) => row.clipped).length, 0)
  }),

  'thousands of fields: the sidebar and the line show what fits and find the rest': () => visit('/logs?query=dataset:fields&since=24h', {}, async (page) => {
    const bar = page.getByRole('complementary', { name: 'Fields' })
    await bar.getByPlaceholder(/Find in 5,0\d\d fields/).waitFor()
    assert.ok((await bar.locator('li').count()) < 120)
    await bar.getByLabel('Find a field').fill('value_4999')
    await bar.getByText('measure.group_49.value_4999').waitFor()
    await lines(page).first().getByRole('button').first().click()
    await page.getByLabel('Find a field or value in this line').fill('value_4321')
    await page.getByRole('rowheader', { name: 'measure.group_21.value_4321' }).waitFor()
  }),

  'surrounding lines of one line, both ways, with the line marked': () => visit('/logs?query=level:error', {}, async (page) => {
    await lines(page).first().waitFor()
    await keys(page, 'j', 'c')
    await page.waitForURL(/around=1/)
    assert.match(query(page), /^service:\S+ AND host\.name:/)
    await page.locator('[data-focus]').waitFor()
    await page.getByText('Around the line of').waitFor()
    await page.getByRole('link', { name: 'all lines' }).click()
    await page.waitForFunction(() => !location.search.includes('query='))
    await page.locator('[data-focus]').waitFor()
  }),

  'a link to the lines around one says which one, and leads on': () => visit('/logs?query=level:error', {}, async (page) => {
    await lines(page).first().waitFor()
    await keys(page, 'j', 'j', 'c')
    await page.waitForURL(/around=1/)
    await page.goto(page.url())
    await page.getByText('Around the line of').waitFor()
    await page.locator('[data-focus]').waitFor()
    await page.getByRole('link', { name: 'same trace' }).click()
    await page.waitForURL(/query=trace_id/)
  }),

  'the tail follows, waits while one reads further down, and goes on': () => visit('/logs', {}, async (page) => {
    await lines(page).first().waitFor()
    await page.keyboard.press('t')
    await page.waitForURL(/tail=1/)
    await page.getByText('following').waitFor()
    await page.getByText(/lines\/s/).waitFor()
    await lines(page).first().waitFor()
    // The lines from before the tail come a moment later; without them there is nothing to scroll.
    await page.waitForFunction(() => { const box = document.querySelector('[aria-label="Log lines"]'); return box && box.scrollHeight > box.clientHeight + 400 })
    await page.locator('[aria-label="Log lines"]').evaluate((element) => element.scrollTo(0, 400))
    await page.getByText('held', { exact: true }).waitFor()
    await page.getByRole('button', { name: /new line/ }).click()
    await page.getByText('following').waitFor()
    assert.equal(await page.locator('[aria-label="Log lines"]').evaluate((element) => element.scrollTop), 0)
  }),

  'the same question in SQL by one click': () => visit('/logs?query=service:payments%20AND%20level:error', refused, async (page) => {
    await page.getByRole('link', { name: 'SQL', exact: true }).last().click()
    await page.waitForURL(/\/sql/)
    const text = await page.getByLabel('SQL statement').inputValue()
    assert.match(text, /lower\(service\) = 'payments'/)
    assert.match(text, /severity_number between 17 and 20/)
  }),

  'lines go into files: those held here, and all through the server': () => visit('/logs?query=level:error', refused, async (page) => {
    await lines(page).first().waitFor()
    await page.getByRole('button', { name: 'Export' }).click()
    const held = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: 'CSV, with these columns' }).click()
    assert.equal((await held).suggestedFilename(), 'logs.csv')
    await page.getByRole('button', { name: 'Export' }).click()
    const all = page.waitForEvent('download')
    await page.getByRole('menuitem', { name: 'NDJSON' }).first().click()
    assert.match((await all).url(), /\/api\/v1\/logs\/export\?query=level%3Aerror&since=2026.*&format=ndjson/)
  }),

  'what is missing is said, not hidden': () => visit('/logs?query=shard:lost', {}, async (page) => {
    await page.getByText(/incomplete: segment 000041 is damaged/).waitFor()
  }),

  'on a phone the fields come as a sheet': () => visit('/logs', { width: 390, height: 844 }, async (page) => {
    await page.getByRole('button', { name: 'Fields', exact: true }).click()
    await page.getByRole('complementary', { name: 'Fields' }).getByRole('button', { name: 'error', exact: true }).click()
    await page.waitForURL(/level/)
  }),
}
