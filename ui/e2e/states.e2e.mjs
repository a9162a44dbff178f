// Every page without data, on a server that fails, and on one whose logs are starting again.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { goWithin, openPage, PAGES_AT_ONCE, settled, startBrowser, startMock, sweep } from './harness.mjs'
import { PAGES } from './paths.mjs'

let browser
before(async () => {
  browser = await startBrowser()
})
after(() => browser?.close())

const TAUGHT = ['/', '/services', '/changes', '/andon', '/incidents', '/alerts', '/on-call', '/alarms', '/logs', '/coes', '/policies', '/review', '/audit', '/catalog/components']

test('pages without data teach, and say no error', { concurrency: PAGES_AT_ONCE }, async (t) => {
  const empty = await startMock('empty')
  await sweep(t, browser, TAUGHT, {}, async ({ page, complaints }, path) => {
    await goWithin(page, empty.base, path)
    await settled(page)
    await page.waitForFunction(() => [...document.querySelectorAll('main code')].some((code) => /andon |curl /.test(code.textContent)))
    assert.deepEqual(complaints.splice(0), [])
  })
  empty.stop()
})

test('a broken server is told with code, detail and next step, on every page', { concurrency: PAGES_AT_ONCE }, async (t) => {
  const broken = await startMock('broken')
  const told = PAGES.filter((p) => !['/nowhere', '/apply?from=components', '/sql', '/settings', '/demo'].includes(p))
  await sweep(t, browser, told, { allowed: ['Failed to load resource'] }, async ({ page }, path) => {
    await goWithin(page, broken.base, path)
    await page.waitForFunction((at) => location.pathname + location.search === at, path.replaceAll(' ', '%20'))
    await page.waitForSelector('main [role="alert"]')
    const text = await page.locator('main [role="alert"]').first().textContent()
    assert.match(text, /SYS-0001/)
    assert.match(text, /nothing was half applied/)
    assert.match(text, /Next:/)
  })
  broken.stop()
})

test('while telemetry starts again the page says so, keeps the rest, and goes on by itself', async () => {
  const restarting = await startMock('restarting')
  const { page, complaints, close } = await openPage(browser, { allowed: ['Failed to load resource'] })
  await page.goto(`${restarting.base}/logs?query=level:error`)
  await page.getByText('logs are not available just now').waitFor()
  await page.getByText(/pages, andon and incidents go on/).waitFor()
  await fetch(`${restarting.base}/mock/recover`, { method: 'POST' })
  await page.locator('[aria-label="Log lines"] [data-index]').first().waitFor()
  await page.getByText('complete', { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
  await close()
  restarting.stop()
})
