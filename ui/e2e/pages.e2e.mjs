// Every page, with data, on a desk and on a phone, light and dark: it draws, says no error, fits, and keeps nobody out.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { goWithin, overflow, PAGES_AT_ONCE, seriousFindings, settled, startBrowser, startMock, sweep } from './harness.mjs'
import { PAGES } from './paths.mjs'

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

async function stands({ page, complaints }, path) {
  await settled(page)
  assert.deepEqual(complaints.splice(0), [])
  assert.ok((await overflow(page)) <= 0, `the page is ${await overflow(page)} px wider than the window`)
  const rows = await page.locator('tbody tr, [data-index]').count()
  assert.ok(rows <= 200, `${rows} rows in the document`)
  assert.deepEqual(await seriousFindings(page, { whole: path === '/' }), [])
}

// On a desk every page is opened by its address, on a phone by going from one to the next.
test('every page stands: desk, light', { concurrency: PAGES_AT_ONCE }, (t) =>
  sweep(t, browser, PAGES, {}, async (opened, path) => {
    await opened.page.goto(mock.base + path)
    await stands(opened, path)
  }))

test('every page stands: phone, dark', { concurrency: PAGES_AT_ONCE }, (t) =>
  sweep(t, browser, PAGES, { width: 390, height: 844, dark: true }, async (opened, path) => {
    await goWithin(opened.page, mock.base, path)
    await stands(opened, path)
  }))
