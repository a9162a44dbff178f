// Every page, with data, on a desk and on a phone, light and dark: it draws, says no error, fits, and keeps nobody out.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openPage, overflow, seriousFindings, settled, startBrowser, startMock } from './harness.mjs'

export const PAGES = [
  '/', '/services', '/services/payments', '/changes', '/changes/chg-10001', '/changes/chg-10004', '/andon', '/andon/and-41', '/andon/and-40',
  '/incidents', '/incidents/inc-12', '/incidents/inc-11', '/alerts', '/alerts/alt-88', '/on-call', '/alarms', '/alarms/payments-errors',
  '/logs', '/logs?query=service%3Apayments%20AND%20level%3Aerror&since=6h', '/sql', '/sql?q=select%20name%20from%20changes', '/coes', '/coes/coe-7', '/coes/coe-8',
  '/policies', '/policies/idempotency-tested', '/review?week=2026-11-16', '/audit', '/trace/incidents/inc-12', '/catalog', '/catalog/changes',
  '/catalog/components/payments', '/apply?from=components', '/demo', '/settings', '/nowhere',
]

let mock
let browser
before(async () => {
  mock = await startMock()
  browser = await startBrowser()
})
after(async () => {
  await browser?.close()
  mock?.stop()
})

for (const [name, options] of [['desk, light', {}], ['phone, dark', { width: 390, height: 844, dark: true }]]) {
  test(`every page stands: ${name}`, async (t) => {
    const { page, complaints, close } = await openPage(browser, options)
    for (const path of PAGES) {
      await t.test(path, async () => {
        await page.goto(mock.base + path)
        await settled(page)
        assert.deepEqual(complaints.splice(0), [])
        assert.ok((await overflow(page)) <= 0, `the page is ${await overflow(page)} px wider than the window`)
        const rows = await page.locator('tbody tr').count()
        assert.ok(rows <= 200, `${rows} rows in the document`)
        assert.deepEqual(await seriousFindings(page), [])
      })
    }
    await close()
  })
}

test('pages without data teach, and say no error', async (t) => {
  const empty = await startMock('empty')
  const { page, complaints, close } = await openPage(browser)
  for (const path of ['/', '/services', '/changes', '/andon', '/incidents', '/alerts', '/on-call', '/alarms', '/logs', '/coes', '/policies', '/review', '/audit', '/catalog/components']) {
    await t.test(path, async () => {
      await page.goto(empty.base + path)
      await settled(page)
      assert.deepEqual(complaints.splice(0), [])
      const commands = await page.locator('main code').allTextContents()
      assert.ok(commands.some((text) => /andon |curl /.test(text)), `no command on ${path}`)
    })
  }
  await close()
  empty.stop()
})

test('a broken server is told with code, detail and next step, on every page', async (t) => {
  const broken = await startMock('broken')
  const { page, close } = await openPage(browser, { allowed: ['Failed to load resource'] })
  for (const path of PAGES.filter((p) => !['/nowhere', '/apply?from=components', '/sql', '/settings', '/demo'].includes(p))) {
    await t.test(path, async () => {
      await page.goto(broken.base + path)
      await page.waitForSelector('main [role="alert"]')
      const text = await page.locator('main [role="alert"]').first().textContent()
      assert.match(text, /SYS-0001/)
      assert.match(text, /nothing was half applied/)
      assert.match(text, /Next:/)
    })
  }
  await close()
  broken.stop()
})
