// What people do on the pages: pull, answer, release, search, write a COE, enforce a policy, move by keyboard.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keys, onePage, showsFailingLines, startMock } from './harness.mjs'

const { visit, openPage } = onePage()

test('the andon is pulled from anywhere, answered, and released only with a countermeasure', () =>
  visit('/', {}, async (page) => {
    await page.getByRole('button', { name: 'Pull the andon' }).click()
    const dialog = page.getByRole('dialog')
    assert.ok(await dialog.getByRole('button', { name: 'Stop the line' }).isDisabled())
    await dialog.getByRole('combobox', { name: 'What is to be stopped' }).fill('invent')
    await page.getByRole('option', { name: 'inventory' }).click()
    await dialog.getByLabel('What is wrong, in your words').fill('stock is negative')
    await dialog.getByRole('button', { name: 'Stop the line' }).click()
    await page.getByRole('heading', { name: 'inventory is stopped' }).waitFor()
    await page.getByText('stock is negative').first().waitFor()
    await page.getByRole('button', { name: 'Acknowledge' }).click()
    await page.getByText('stopped, someone is on it').waitFor()
    const release = page.getByRole('button', { name: 'Release the line' })
    assert.ok(await release.isDisabled())
    await page.getByLabel('Countermeasure').fill('The counter is guarded now.')
    await release.click()
    await page.getByRole('heading', { name: 'inventory was stopped' }).waitFor()
  }))

test('an incident takes notes and states, and shows the change ranked first', () =>
  visit('/incidents/inc-12', { width: 390, height: 844 }, async (page) => {
    await page.getByText('86 %').waitFor()
    await showsFailingLines(page)
    await page.getByLabel('Note').fill('Refunds are queued.')
    await page.getByLabel('Note').press('Control+Enter')
    await page.getByText('Refunds are queued.').first().waitFor()
    await page.getByRole('button', { name: 'Now mitigated' }).click()
    await page.getByText('identified → mitigated').first().waitFor()
  }))

test('SQL runs by keyboard, marks what is refused, and exports', () =>
  visit('/sql', { allowed: ['Failed to load resource'] }, async (page) => {
    const editor = page.getByLabel('SQL statement')
    await editor.fill('delete from logs')
    await editor.press('Control+Enter')
    await page.getByText('LOG-0003').waitFor()
    await editor.fill('select name from changes')
    await editor.press('Control+Enter')
    await page.getByText('1,000 rows').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'CSV' }).click()
    assert.equal((await download).suggestedFilename(), 'andon.csv')
    assert.ok((await page.locator('tbody tr').count()) <= 200)
  }))

test('a COE keeps what was written when somebody else was faster', () =>
  visit('/coes/coe-8', { allowed: ['Failed to load resource'] }, async (page, mock) => {
    await page.getByRole('button', { name: 'Write' }).click()
    await page.getByLabel('Summary').fill('Customers were charged twice for 22 minutes.')
    // Somebody else stores meanwhile.
    const stored = await (await fetch(`${mock.base}/api/v1/coes/coe-8`)).json()
    stored.spec.detection = 'theirs'
    await fetch(`${mock.base}/api/v1/coes/coe-8`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(stored) })
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('OBJ-0005').waitFor()
    assert.equal(await page.getByLabel('Summary').inputValue(), 'Customers were charged twice for 22 minutes.')
    await page.getByRole('button', { name: 'Store mine over it' }).click()
    await page.getByRole('button', { name: 'Write' }).waitFor()
    await page.getByText('Customers were charged twice for 22 minutes.').first().waitFor()
    await page.getByRole('button', { name: 'Ask for review' }).click()
    await page.getByText('LRN-0001').waitFor()
  }))

test('a policy is tried on past changes and enforced after a question', () =>
  visit('/policies/no-friday-evening', {}, async (page) => {
    await page.getByRole('button', { name: 'Try' }).click()
    await page.getByText(/it would have refused/).first().waitFor()
    await page.getByRole('button', { name: 'Enforce', exact: true }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Enforce', exact: true }).click()
    await page.getByRole('button', { name: 'Take out of enforcement' }).waitFor()
  }))

test('a review is frozen, then the wheel draws a team that anyone can check', () =>
  visit('/review?week=2026-11-09', {}, async (page) => {
    assert.ok(await page.getByRole('button', { name: 'Spin' }).isDisabled())
    await page.getByRole('button', { name: 'Freeze the pack' }).click()
    await page.getByText('frozen', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Spin' }).click()
    await page.getByText(/presents$/).waitFor({ timeout: 15_000 })
    await page.getByText('Seed and weights').click()
  }))

test('YAML errors are placed by line, a dry run stores nothing', () =>
  visit('/apply', { allowed: ['Failed to load resource'] }, async (page) => {
    const editor = page.getByLabel('YAML')
    await editor.fill('kind: Component\nmetadata:\n\tname: x')
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.getByText('stdin:3:1').waitFor()
    // The caret goes there once the page has been drawn.
    await page.waitForFunction((field) => field.value.slice(0, field.selectionStart).split('\n').length === 3, await editor.elementHandle())
    await editor.fill('kind: Component\nmetadata:\n  name: brand-new')
    await page.getByRole('button', { name: 'Dry run' }).click()
    await page.getByText('would be created').waitFor()
  }))

test('the keyboard goes everywhere: palette, chords, lists', () =>
  visit('/', {}, async (page) => {
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: 'Page, object by name, or action' }).fill('payments')
    await page.getByRole('option', { name: /payments Charges cards/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/services\/payments$/)
    await keys(page, 'g', 'c')
    await page.waitForURL(/\/changes$/)
    // The page of the service before has rows as well.
    await page.getByRole('heading', { name: 'Changes', level: 1 }).waitFor()
    await page.locator('tbody tr[data-row]').first().waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/changes\/chg-10004$/)
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  }))

test('ten thousand changes scroll, and only the visible rows are in the document', () =>
  visit('/changes', {}, async (page) => {
    const region = page.getByRole('region', { name: 'Changes' })
    for (let i = 0; i < 4; i++) {
      const before = await page.getByText(/ of 10,/).textContent()
      await region.evaluate((box) => box.scrollTo(0, box.scrollHeight))
      await page.waitForFunction((text) => !document.body.textContent.includes(text), before)
    }
    assert.ok((await page.locator('tbody tr').count()) < 100)
  }))

test('what happens shows by itself, and a lost stream is said', async () => {
  const own = await startMock()
  const { page, close } = await openPage({ allowed: ['Failed to load resource', 'ERR_'] })
  await page.goto(`${own.base}/andon`)
  await page.getByRole('status', { name: /^Live/ }).waitFor()
  await fetch(`${own.base}/api/v1/andons`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ scope: 'search', reason: 'nothing is found' }) })
  await page.getByText('nothing is found').first().waitFor()
  own.stop()
  await page.getByRole('status', { name: /^Disconnected/ }).waitFor()
  await close()
})
