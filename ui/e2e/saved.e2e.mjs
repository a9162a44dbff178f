// Searches kept under a name: saved from the bar, found, opened by link, changed, shared, taken away; and by whom they may not be.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onePage, PAGES_AT_ONCE, withPointerOn } from './harness.mjs'

const full = onePage()
const reader = onePage('reader')
const empty = onePage('empty')
const many = onePage('full')

const lines = (page) => page.locator('[aria-label="Log lines"] [data-index]')
const parameter = (page, name) => new URL(page.url()).searchParams.get(name)
const menu = (page) => page.getByRole('dialog', { name: /^Saved search/ })
const refused = { allowed: ['Failed to load resource'] }
const api = (mock, name) => `${mock.base}/api/v1/saved-searches/${name}`
const json = (method, body) => ({ method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

test('saved searches', { concurrency: PAGES_AT_ONCE }, async (t) => {
  await Promise.all(Object.entries(TESTS).map(([name, work]) => t.test(name, work)))
})

const TESTS = {
  'what stands in the bar is saved by keyboard, with its range and columns': () => full.visit('/logs?query=level:error&since=6h&columns=service,http.route', {}, async (page, mock) => {
    await lines(page).first().waitFor()
    await page.getByLabel('Log query').fill('level:error AND service:search')
    await page.keyboard.press('Control+s')
    const dialog = page.getByRole('dialog', { name: 'Save this search' })
    assert.ok(await dialog.getByRole('button', { name: 'Save' }).isDisabled())
    await dialog.getByLabel('Name').fill('Errors of the search')
    await dialog.getByLabel('What it is for').fill('None is normal.')
    await dialog.getByLabel('Name').press('Enter')
    await page.waitForURL(/saved=errors-of-the-search/)
    assert.equal(parameter(page, 'query'), 'level:error AND service:search')
    await page.getByRole('button', { name: 'Saved search: Errors of the search', exact: true }).waitFor()
    const { spec } = await (await fetch(api(mock, 'errors-of-the-search'))).json()
    assert.deepEqual(spec, { title: 'Errors of the search', query: 'level:error AND service:search', since: '6h', columns: ['service', 'http.route'], order: 'newest', description: 'None is normal.' })
  }),

  'the menu finds as one types and opens by Enter; a change shows, and goes back': () => full.visit('/logs', {}, async (page) => {
    await lines(page).first().waitFor()
    await page.keyboard.press('s')
    // The field has the keys at once, also while the list is still on its way.
    await page.waitForFunction(() => document.activeElement?.ariaLabel === 'Find a saved search')
    await page.keyboard.type('slow acq')
    await menu(page).locator('li').waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(/saved=slow-acquirer/)
    assert.equal(parameter(page, 'query'), '"slow answer" AND level:>=warn')
    assert.equal(parameter(page, 'order'), 'oldest')
    await page.getByRole('button', { name: 'Saved search: The acquirer is slow', exact: true }).waitFor()
    await page.getByLabel('Log query').fill('level:>=warn')
    await page.getByLabel('Log query').press('Enter')
    await page.getByRole('button', { name: 'Saved search: The acquirer is slow, modified' }).click()
    await menu(page).getByText('modified: query').waitFor()
    await menu(page).getByRole('button', { name: 'As saved' }).click()
    await page.waitForURL(/slow\+answer/)
    await page.getByRole('button', { name: 'Saved search: The acquirer is slow', exact: true }).waitFor()
  }),

  'a link that names it alone opens what is saved now': () => full.visit('/logs?saved=payments-declined', {}, async (page) => {
    await page.waitForURL(/query=service%3Apayments/)
    assert.equal(parameter(page, 'columns'), 'service,http.route')
    assert.equal(parameter(page, 'since'), '6h')
    await lines(page).first().waitFor()
  }),

  'arrows lead through the list': () => full.visit('/logs', {}, async (page) => {
    await lines(page).first().waitFor()
    await page.keyboard.press('s')
    await menu(page).getByLabel('Find a saved search').fill('all of the gateway')
    await menu(page).locator('li').waitFor()
    await page.keyboard.press('ArrowDown')
    await page.waitForFunction(() => document.activeElement?.tagName === 'A')
    await page.keyboard.press('Enter')
    await page.waitForURL(/saved=gateway-everything/)
    assert.equal(parameter(page, 'columns'), '-')
  }),

  'Enter before the list has come opens what it finds when it comes': () => full.visit('/logs', {}, async (page) => {
    await lines(page).first().waitFor()
    let asked, answer
    const isAsked = new Promise((resolve) => { asked = resolve })
    const isEntered = new Promise((resolve) => { answer = resolve })
    await page.route('**/api/v1/saved-searches?*', async (route) => {
      asked()
      await isEntered
      await route.continue()
    })
    await page.keyboard.press('s')
    await menu(page).getByLabel('Find a saved search').fill('all of the gateway')
    await isAsked
    await page.keyboard.press('Enter')
    assert.equal(await menu(page).locator('li').count(), 0)
    answer()
    await page.waitForURL(/saved=gateway-everything/)
    await menu(page).waitFor({ state: 'detached' })
  }),

  'a query that cannot be read is marked at its column, and nothing is saved': () => full.visit('/logs', refused, async (page, mock) => {
    await lines(page).first().waitFor()
    await page.getByLabel('Log query').fill('service:payments AND "declined')
    await page.keyboard.press('Control+s')
    const dialog = page.getByRole('dialog', { name: 'Save this search' })
    await dialog.getByLabel('Name').fill('Broken')
    await dialog.getByRole('button', { name: 'Save' }).click()
    assert.match(await dialog.getByRole('alert').textContent(), /SIG-0002.*Column 22/)
    assert.match(await dialog.locator('mark').textContent(), /^"declined/)
    assert.equal((await fetch(api(mock, 'broken'))).status, 404)
  }),

  'it is updated over its own version alone': () => full.visit('/logs', refused, async (page, mock) => {
    const body = { apiVersion: 'andon.dev/v1', kind: 'SavedSearch', metadata: { name: 'shared-one' }, spec: { title: 'Shared one', query: 'level:warn', since: '1h', columns: ['service'] } }
    await fetch(api(mock, 'shared-one'), json('PUT', body))
    await page.goto(`${mock.base}/logs?saved=shared-one`)
    await page.waitForURL(/query=level%3Awarn/)
    await page.getByLabel('Log query').fill('level:warn AND service:ledger')
    await page.getByLabel('Log query').press('Enter')
    await page.getByRole('button', { name: 'Saved search: Shared one, modified' }).waitFor()
    await page.keyboard.press('Control+s')
    const dialog = page.getByRole('dialog', { name: 'Save the search' })
    await dialog.getByText('A new one needs another name.').waitFor()
    // Somebody else stores in the moment before.
    let isFirst = true
    await page.route('**/saved-searches/shared-one', async (route) => {
      if (route.request().method() === 'PUT' && isFirst) {
        isFirst = false
        await fetch(api(mock, 'shared-one'), json('PUT', { ...body, spec: { ...body.spec, query: 'theirs' } }))
      }
      await route.continue()
    })
    await dialog.getByRole('button', { name: 'Update “Shared one”' }).click()
    await dialog.getByText('OBJ-0005').waitFor()
    await dialog.getByRole('button', { name: 'Store mine over it' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Saved search: Shared one', exact: true }).waitFor()
    assert.equal((await (await fetch(api(mock, 'shared-one'))).json()).spec.query, 'level:warn AND service:ledger')
  }),

  'what others do to it while the dialog is open is told, and not stored over unseen': () => full.visit('/logs', refused, async (page, mock) => {
    const body = { apiVersion: 'andon.dev/v1', kind: 'SavedSearch', metadata: { name: 'busy-one' }, spec: { title: 'Busy one', query: 'level:warn', since: '1h', columns: ['service'] } }
    await fetch(api(mock, 'busy-one'), json('PUT', body))
    await page.goto(`${mock.base}/logs?saved=busy-one`)
    await page.waitForURL(/query=level%3Awarn/)
    await page.getByLabel('Log query').fill('level:error')
    await page.getByLabel('Log query').press('Enter')
    await page.getByRole('button', { name: 'Saved search: Busy one, modified' }).waitFor()
    await page.keyboard.press('Control+s')
    const dialog = page.getByRole('dialog', { name: 'Save the search' })
    await dialog.getByRole('button', { name: 'Update “Busy one”' }).waitFor()
    await fetch(api(mock, 'busy-one'), json('PUT', { ...body, spec: { ...body.spec, title: 'Theirs', query: 'theirs' } }))
    await dialog.getByText(/Somebody stored it meanwhile \(name, query\)/).waitFor()
    await dialog.getByRole('button', { name: 'Store mine over it' }).waitFor()
    assert.equal((await (await fetch(api(mock, 'busy-one'))).json()).spec.query, 'theirs')
    await fetch(api(mock, 'busy-one'), { method: 'DELETE' })
    await dialog.getByText('Somebody deleted it meanwhile.').waitFor()
    assert.equal(await dialog.getByRole('button', { name: /Update|over it/ }).count(), 0)
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Saved search: Busy one', exact: true }).waitFor()
    assert.equal((await (await fetch(api(mock, 'busy-one'))).json()).spec.query, 'level:error')
  }),

  'of hundreds some stand in the menu in their natural order, and a word finds the others': () => many.visit('/logs', {}, async (page, mock) => {
    for (let n = 1; n <= 120; n++) await fetch(api(mock, `number-${n}`), json('PUT', { apiVersion: 'andon.dev/v1', kind: 'SavedSearch', metadata: { name: `number-${n}` }, spec: { title: `Number ${n}`, query: 'level:error' } }))
    await page.reload()
    await lines(page).first().waitFor()
    await page.keyboard.press('s')
    await menu(page).locator('li').first().waitFor()
    assert.equal(await menu(page).locator('li').count(), 50)
    const names = (await menu(page).locator('li').allTextContents()).map((text) => /^Number (\d+)/.exec(text)?.[1]).filter(Boolean).map(Number)
    assert.deepEqual(names, names.map((_, i) => i + 1))
    await menu(page).getByRole('button', { name: /^Show 50 more of/ }).click()
    assert.equal(await menu(page).locator('li').count(), 100)
    await menu(page).getByLabel('Find a saved search').fill('number 117')
    await page.keyboard.press('Enter')
    await page.waitForURL(/saved=number-117/)
  }),

  'it is renamed without being changed, and deleted after a question': () => full.visit('/logs', refused, async (page, mock) => {
    const body = { apiVersion: 'andon.dev/v1', kind: 'SavedSearch', metadata: { name: 'old-one' }, spec: { title: 'Old one', query: 'level:debug' } }
    await fetch(api(mock, 'old-one'), json('PUT', body))
    await page.goto(`${mock.base}/logs?saved=old-one`)
    await page.getByRole('button', { name: 'Saved search: Old one', exact: true }).click()
    await menu(page).getByRole('button', { name: 'Rename…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Rename the search' })
    await dialog.getByLabel('Name').fill('Better one')
    await dialog.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('button', { name: 'Saved search: Better one', exact: true }).waitFor()
    assert.equal((await (await fetch(api(mock, 'old-one'))).json()).spec.query, 'level:debug')
    await page.keyboard.press('s')
    const row = menu(page).locator('li', { hasText: 'Better one' })
    await withPointerOn(row, row.getByRole('button', { name: 'Delete Better one' }))
    await page.getByRole('dialog', { name: /^Delete/ }).getByRole('button', { name: 'Delete' }).click()
    await page.waitForFunction(() => !location.search.includes('saved='))
    assert.equal((await fetch(api(mock, 'old-one'))).status, 404)
    assert.equal(parameter(page, 'query'), 'level:debug')
  }),

  'one that is gone is said so': () => full.visit('/logs', refused, async (page, mock) => {
    await page.goto(`${mock.base}/logs?saved=never-was`)
    await page.getByText('OBJ-0001').waitFor()
    await page.getByRole('link', { name: 'All logs' }).click()
    await lines(page).first().waitFor()
  }),

  'two of one name get addresses of their own': () => full.visit('/logs', refused, async (page, mock) => {
    await fetch(api(mock, 'night-watch'), json('PUT', { apiVersion: 'andon.dev/v1', kind: 'SavedSearch', metadata: { name: 'night-watch' }, spec: { title: 'Watch by night', query: 'theirs' } }))
    await lines(page).first().waitFor()
    await page.keyboard.press('Control+s')
    const dialog = page.getByRole('dialog', { name: 'Save this search' })
    await dialog.getByLabel('Name').fill('Watch by night')
    await dialog.getByText('Another search has this name.').waitFor()
    await dialog.getByLabel('Name').fill('Night watch!')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(/saved=night-watch-2/)
    assert.equal((await (await fetch(api(mock, 'night-watch'))).json()).spec.query, 'theirs')
  }),

  'who may only read opens and shares, and is told what is missing': () => reader.visit('/logs?saved=payments-declined', {}, async (page) => {
    await page.getByRole('button', { name: 'Saved search: Declined payments', exact: true }).click()
    await menu(page).getByText(/needs the permission object\.write/).waitFor()
    assert.ok(await menu(page).getByRole('button', { name: 'Rename…' }).isDisabled())
    assert.ok(await menu(page).getByRole('button', { name: 'Delete…' }).isDisabled())
    assert.ok(await menu(page).getByRole('button', { name: 'Copy link', exact: true }).isEnabled())
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+s')
    const dialog = page.getByRole('dialog', { name: 'Save the search' })
    await dialog.getByLabel('Name').fill('Mine')
    assert.ok(await dialog.getByRole('button', { name: 'Save as a new one' }).isDisabled())
    await dialog.getByText(/needs the permission object\.write/).waitFor()
  }),

  'where none is saved the menu teaches': () => empty.visit('/logs', {}, async (page) => {
    await page.getByRole('button', { name: 'Saved searches' }).click()
    await menu(page).getByText('No search is saved yet.').waitFor()
    await menu(page).getByText('andon apply -f declined-payments.yaml').waitFor()
  }),

  'what the server leaves out of a query is said with its column; what is archived with the command': () => full.visit('/logs?query=timeout%5E2%20OR%20charge&since=30d', {}, async (page) => {
    const notes = page.getByRole('list', { name: 'Notes about the answer' })
    await notes.getByText('The boost (^) is ignored: lines are not scored.').waitFor()
    await notes.getByText(/are in the archive/).waitFor()
    assert.match(await notes.locator('code').textContent(), /^andon telemetry restore --since/)
    await notes.getByRole('button', { name: 'Column 8' }).click()
    assert.equal(await page.evaluate(() => { const field = document.activeElement; return field.value.slice(field.selectionStart, field.selectionEnd) }), '^')
  }),
}
