import { describe, expect, it } from 'vitest'
import type { LogField, LogRow } from '~/api/types'
import { complete, take } from '~/lib/complete'
import { clip, cutRow, entriesOf, hostOf, lengthOf, parseExact, prettyJson, valueOf } from '~/lib/logfield'
import { ask, emptyWindow, pageSize, receive, rowsAbove, rowsOf, type LogWindow } from '~/lib/logwindow'
import { addressOf, askedOf, columnsOf, differences, freeName, isNameAlone, nameOf } from '~/lib/logaddress'
import { fieldName, narrow, narrowExists } from '~/lib/lucene'
import { isoOfMicros, microsOf } from '~/lib/micros'
import { lex } from '~/lib/querylex'
import { paint } from '~/lib/querypaint'
import { sqlOf } from '~/lib/querysql'
import { needles, readTree } from '~/lib/querytree'
import { olderThan, profileOf, timeAt } from '~/lib/rail'
import { WrappedText } from '~/lib/textlines'
import { aroundHref, exportHref } from '~/features/logs/links'
import { sentence, spotOf } from '~/features/logs/QueryText'

const FIELDS: LogField[] = [
  { name: 'level', type: 'text', count: 100, top: [{ value: 'info', count: 80 }, { value: 'error', count: 20 }] },
  { name: 'service', type: 'text', count: 100, top: [{ value: 'payments', count: 60 }, { value: 'fraud-check', count: 40 }] },
  { name: 'http.response.status_code', type: 'number', count: 90, top: [{ value: '200', count: 80 }] },
  { name: 'http.route', type: 'text', count: 50, top: [{ value: '/basket', count: 50 }] },
]
const labels = (text: string, caret = text.length) => complete(text, caret, FIELDS).items.map((item) => item.label)
const taken = (text: string, label: string, caret = text.length) => {
  const found = complete(text, caret, FIELDS)
  const item = found.items.find((one) => one.label === label)
  if (!item) throw new Error(`no ${label} among ${found.items.map((i) => i.label).join(' ')}`)
  return take(text, found, item).text
}

describe('the words of a query', () => {
  it('are told apart as the server tells them', () => {
    expect(lex('level:error AND -"a b" http.route:/x/').filter((t) => t.kind !== 'space').map((t) => t.kind)).toEqual(['field', 'colon', 'word', 'operator', 'sign', 'phrase', 'field', 'colon', 'regex'])
    expect(lex('at:10:30 status:>=500 n:[1 TO *}').filter((t) => t.kind !== 'space').map((t) => t.text)).toEqual(['at', ':', '10:30', 'status', ':', '>=', '500', 'n', ':', '[1 TO *}'])
    expect(lex('a\\:b\\ c').map((t) => t.kind)).toEqual(['word'])
  })
  it('never fails and never loses a character', () => {
    for (const text of ['"open', 'a:(b', '/never', '[1 TO', ')))', 'a::b', '\\', 'é “x” 日本', ':', '- a']) expect(lex(text).map((t) => t.text).join('')).toBe(text)
  })
  it('show a mistake where the server names it', () => {
    expect(paint('service:(', 8).map((p) => [p.text, p.wrong])).toEqual([['service', false], [':', false], ['(', true]])
    expect(paint('a AND', 5).at(-1)).toMatchObject({ text: '', wrong: true })
  })
})

describe('a line that is cut for the list', () => {
  const row: LogRow = { id: '7', timestamp: '2026-01-01T00:00:00Z', message: 'm'.repeat(50), attributes: { body: 'b'.repeat(30), deep: { list: ['short', 'l'.repeat(20)] }, 'host.name': 'h'.repeat(40), n: 5 } }
  it('names what was cut, with its length, as the server does', () => {
    const less = cutRow(row, 10)
    expect(less.clipped).toEqual({ message: 50, 'attributes.body': 30, 'attributes.deep.list.1': 20, 'attributes.host.name': 40 })
    expect([less.message.length, lengthOf(less), lengthOf(row)]).toEqual([10, 50, 50])
    expect(less.attributes?.deep).toEqual({ list: ['short', 'llllllllll'] })
    expect(cutRow(row, 1_000)).toBe(row)
  })
  it('tells the true length of a field, and takes no cut text for a condition', () => {
    const less = cutRow(row, 10)
    expect(entriesOf(less).find((entry) => entry.name === 'body')).toMatchObject({ text: 'b'.repeat(10), length: 30 })
    expect(hostOf(less)).toBeUndefined()
    expect(hostOf(row)?.value).toBe('h'.repeat(40))
  })
})

describe('what the server says to do next', () => {
  it('stands as a sentence', () => {
    expect(sentence('add the missing )')).toBe('Add the missing ).')
    expect(sentence('Write `a` or `b`.')).toBe('Write `a` or `b`.')
  })
})

describe('completion', () => {
  it('offers fields at the start of a word, the best first', () => {
    expect(labels('stat')[0]).toBe('http.response.status_code')
    expect(taken('rou', 'http.route')).toBe('http.route:')
    expect(taken('level:error AND ser', 'service')).toBe('level:error AND service:')
  })
  it('offers the values of a field, quoted where they must be', () => {
    expect(labels('service:')).toContain('payments')
    expect(taken('service:fr', 'fraud-check')).toBe('service:fraud-check ')
    expect(taken('http.route:', '/basket')).toBe('http.route:"/basket" ')
    expect(taken('service:"pay', 'payments')).toBe('service:payments ')
    expect(labels('level:')).toContain('>=warn')
    expect(labels('level:(error OR wa')).toEqual(['warn'])
    expect(labels('level:>=')).not.toContain('*')
  })
  it('offers operators behind a condition, and never another field inside a phrase', () => {
    expect(labels('level:error ').slice(0, 3)).toEqual(['AND', 'OR', 'AND NOT'])
    expect(taken('level:error A', 'AND')).toBe('level:error AND ')
    expect(labels('"charged tw')).toEqual([])
  })
  it('teaches in an empty box', () => {
    expect(labels('')).toContain('"connection refused"')
  })
  it('replaces the word under the caret and keeps what is behind', () => {
    expect(taken('serv AND b', 'service', 4)).toBe('service: AND b')
  })
})

describe('a search built by clicking on fields', () => {
  it('asks for lines that have a field, and turns around', () => {
    expect(narrowExists('level:error', 'order')).toBe('level:error AND order:*')
    expect(narrowExists('level:error AND order:*', 'order', true)).toBe('level:error AND NOT order:*')
  })
  it('writes odd field names so that they are read back', () => {
    expect(fieldName('a b:c')).toBe('a\\ b\\:c')
    expect(narrow('', 'a b', 'x')).toBe('a\\ b:x')
    expect(readTree(narrow('', '-odd (name)', 'x'))).toMatchObject({ field: '-odd (name)', test: { text: 'x' } })
  })
})

const sql = (query: string) => sqlOf({ query, since: 'S', until: 'U', columns: ['service', 'http.route'], order: 'newest', numbers: new Set(['status']) }) ?? ''

describe('the same search in SQL', () => {
  it('has the columns, the interval and the order', () => {
    expect(sql('')).toBe("select timestamp, severity, service, coalesce(attr(attributes, 'http.route'), attr(resource, 'http.route')) as \"http.route\", message\nfrom logs\nwhere timestamp >= timestamp 'S'\n  and timestamp < timestamp 'U'\norder by timestamp desc\nlimit 1000")
  })
  it('says what each condition says', () => {
    expect(sql('timeout')).toContain("regexp_like(message, '\\btimeout\\b', 'i')")
    expect(sql('"it\'s down"')).toContain("'\\bit\\W+s\\W+down\\b'")
    expect(sql('service:Payments')).toContain("lower(service) = 'payments'")
    expect(sql('level:>=warn')).toContain('severity_number >= 13')
    expect(sql('level:>warn')).toContain('severity_number > 16')
    expect(sql('level:error')).toContain("(severity_number between 17 and 20 or lower(severity_text) = 'error')")
    expect(sql('status:[500 TO 599}')).toContain("(coalesce(attr_number(attributes, 'status'), attr_number(resource, 'status')) >= 500 and")
    expect(sql('resource.host.name:*')).toContain("attr(resource, 'host.name') is not null")
    expect(sql('a OR NOT b')).toContain(" or not (regexp_like(message, '\\bb\\b', 'i')))")
  })
  it('is none where the query cannot be read', () => {
    for (const broken of ['service:(', 'a AND', '"open', 'a: b', ')', '[1 TO', 'OR']) expect(readTree(broken), broken).toBeUndefined()
  })
})

describe('what is marked in the lines', () => {
  it('are words and phrases of the message that are asked for', () => {
    const wanted = needles('timeout AND "acquirer answered" AND service:x AND NOT gone')
    expect('the Acquirer  answered: Timeout, gone'.match(wanted ?? /-/)).toEqual(['Acquirer  answered', 'Timeout'])
    expect('timeouts'.match(wanted ?? /-/)).toBeNull()
    expect(needles('service:x')).toBeUndefined()
    expect(needles('/(a+)+$/')).toBeUndefined()
  })
  it('brings the matching part of a long line into view', () => {
    const text = `${'x '.repeat(50_000)}needle at the end`
    const found = clip(text, 200, needles('needle'))
    expect(found.text).toContain('needle')
    expect(found.from).toBeGreaterThan(99_000)
    expect(clip(text, 200).from).toBe(0)
  })
})

/** A server with so many lines, newest first from the last one; the anchor lies between two of them. */
function server(total: number, anchor: number | undefined, size: number) {
  return (window: LogWindow<number>, side: 'up' | 'down') => {
    const wanted = ask(window, side)
    if (!wanted) return undefined
    const start = wanted.cursor === undefined ? (anchor ?? total) : Number(wanted.cursor)
    const rows: number[] = []
    if (wanted.side === 'down') for (let i = start - 1; i >= 0 && rows.length < size; i--) rows.push(i)
    else for (let i = start; i < total && rows.length < size; i++) rows.push(i)
    const last = rows.at(-1)
    const more = last !== undefined && (wanted.side === 'down' ? last > 0 : last < total - 1)
    return { wanted, rows, next: more && last !== undefined ? String(wanted.side === 'down' ? last : last + 1) : undefined }
  }
}

function walk(total: number, anchor: number | undefined, steps: ('up' | 'down')[], size = 10, max = 35) {
  const read = server(total, anchor, size)
  let window = emptyWindow<number>(anchor !== undefined)
  for (const side of steps) {
    const page = read(window, side)
    if (page) window = receive(window, page.wanted, page.rows, page.next, max).window
  }
  return window
}

describe('pages by cursor, both ways', () => {
  const downward = (rows: number[]) => rows.every((row, i) => i === 0 || row === (rows[i - 1] ?? 0) - 1)
  it('never has a gap or a line twice, wherever one goes', () => {
    let seed = 5
    for (let run = 0; run < 200; run++) {
      const steps = Array.from({ length: 60 }, () => ((seed = (seed * 1103515245 + 12345) % 2147483648) > 1e9 ? ('down' as const) : ('up' as const)))
      const window = walk(200, run % 2 ? 117 : undefined, ['down', ...steps])
      const rows = rowsOf(window)
      expect(downward(rows)).toBe(true)
      expect(rows.length).toBeLessThanOrEqual(40)
      if (run % 2 === 0) expect(rows[0]).toBe(199 - (rowsAbove(window) ?? -1))
    }
  })
  it('brings back exactly what was let go', () => {
    const down: ('up' | 'down')[] = Array.from({ length: 12 }, () => 'down')
    const there = walk(1_000, undefined, down)
    expect(rowsOf(there)[0]).toBe(909)
    expect(rowsAbove(there)).toBe(90)
    const back = walk(1_000, undefined, [...down, ...Array.from({ length: 12 }, () => 'up' as const)])
    expect(rowsOf(back)[0]).toBe(999)
    expect(ask(back, 'up')).toBeUndefined()
  })
  it('ends at both ends', () => {
    const window = walk(25, 12, ['down', 'up', 'up', 'down', 'up', 'down', 'down'], 10, 100)
    expect(rowsOf(window)).toHaveLength(25)
    expect(ask(window, 'up')).toBeUndefined()
    expect(ask(window, 'down')).toBeUndefined()
  })
  it('ignores a page that fits no end', () => {
    const window = walk(100, undefined, ['down', 'down'])
    expect(receive(window, { at: 9, side: 'down', cursor: 'x' }, [1], undefined, 100).window).toBe(window)
  })
  it('asks for few large lines and many small ones', () => {
    expect(pageSize(100 * 1_500_000, 100, 100)).toBe(10)
    expect(pageSize(100 * 300, 100, 100)).toBe(250)
    expect(pageSize(0, 0, 80)).toBe(80)
  })
})

describe('the place among all hits', () => {
  const profile = profileOf([0, 100, 200], 100, [{ counts: [10, 0, 30] }, { counts: [0, 0, 60] }])
  it('goes from a time to a number and back', () => {
    expect(profile.total).toBe(100)
    expect(olderThan(profile, 250)).toBe(55)
    expect(timeAt(profile, 55)).toBe(250)
    expect(olderThan(profile, 1_000)).toBe(100)
    expect(timeAt(profile, 100)).toBe(300)
    expect(olderThan(profile, -5)).toBe(0)
  })
})

describe('a line', () => {
  const row: LogRow = { id: '1', timestamp: '2026-11-22T01:02:03.000456Z', severityNumber: 17, severity: 'ERR', message: 'x', service: 'payments', attributes: { 'http.route': '/a', deep: { er: { x: 1 } }, list: [1, 2], off: false }, resource: { 'host.name': 'node-1' } }
  it('gives its fields by the names that queries use', () => {
    expect(valueOf(row, 'deep.er.x')).toBe(1)
    expect(valueOf(row, 'http.route')).toBe('/a')
    expect(valueOf(row, 'resource.host.name')).toBe('node-1')
    expect(valueOf(row, 'attributes.host.name')).toBeUndefined()
    expect(valueOf(row, 'level')).toBe('error')
    expect(valueOf(row, 'constructor')).toBeUndefined()
    expect(entriesOf(row).map((e) => e.name)).toEqual(['service', 'level', 'severity_text', 'http.route', 'deep.er.x', 'list', 'off', 'host.name'])
    expect(hostOf(row)).toEqual({ field: 'host.name', value: 'node-1' })
  })
  it('keeps its time to the microsecond', () => {
    expect(isoOfMicros(microsOf(row.timestamp))).toBe(row.timestamp)
    expect(microsOf('2026-11-22T01:02:03Z') - microsOf('2026-11-22T02:02:02.5+01:00')).toBe(500_000)
  })
  it('keeps whole numbers that are too large for this language', () => {
    // Browsers hand over the source of a number; this Node may not yet.
    let source: string | undefined
    JSON.parse('1', ((_key: string, value: unknown, context?: { source?: string }) => ((source = context?.source), value)) as never)
    if (source === '1') expect(parseExact('{"order":9007199254740993,"n":1}')).toEqual({ order: '9007199254740993', n: 1 })
    expect(parseExact('{"n":1,"text":"1234567890123456"}')).toEqual({ n: 1, text: '1234567890123456' })
    expect(prettyJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}')
    expect(prettyJson('{broken')).toBeUndefined()
  })
  it('links to its surroundings and to a file of all that match', () => {
    const query = new URLSearchParams(aroundHref({ id: '7', us: 1_000_000_000_000 }, [{ field: 'service', value: 'a b' }]).slice(6))
    expect(query.get('query')).toBe('service:"a b"')
    expect(query.get('focus')).toBe('7')
    expect(exportHref({ query: '', since: 's', until: 'u' }, 'parquet')).toBe('/api/v1/logs/export?query=*&since=s&until=u&format=parquet')
  })
})

describe('a text of any size in rows', () => {
  it('is cut at its width and its line ends, and loses nothing', () => {
    const text = 'abcdefghij\n\nklm\n'
    const wrapped = new WrappedText(text, 8)
    expect(Array.from({ length: wrapped.count }, (_, i) => wrapped.line(i))).toEqual(['abcdefgh', 'ij', '', 'klm', ''])
    expect(wrapped.lineAt(text.indexOf('k'))).toBe(3)
  })
  it('takes a megabyte at once', () => {
    const wrapped = new WrappedText('x'.repeat(1_500_000), 120)
    expect(wrapped.count).toBe(12_500)
    expect(wrapped.line(12_499)).toHaveLength(120)
  })
})

describe('a saved search', () => {
  const saved = { query: 'service:payments', since: '6h', columns: ['service', 'status'], order: 'oldest' as const }
  it('and its address say the same', () => {
    expect(addressOf(saved)).toEqual({ query: 'service:payments', since: '6h', until: undefined, columns: 'service,status', order: 'oldest' })
    for (const asked of [saved, { query: '', columns: [] }, { query: 'a b', since: '24h', until: '1h', columns: ['service'], order: 'newest' as const }]) expect(differences(asked, askedOf(addressOf(asked)))).toEqual([])
  })
  it('that says no time is opened with the usual one, and without columns where none are named', () => {
    expect(addressOf({ query: 'x' })).toMatchObject({ since: '1h', columns: '-' })
    expect(columnsOf('-')).toEqual([])
    expect(columnsOf(undefined)).toEqual(['service'])
  })
  it('tells in which parts a view has moved away from it', () => {
    expect(differences(saved, { ...saved, query: ' service:payments ' })).toEqual([])
    expect(differences(saved, { ...saved, query: 'service:ledger' })).toEqual(['query'])
    expect(differences(saved, { ...saved, since: '1h', columns: [], order: 'newest' })).toEqual(['range', 'columns', 'order'])
    expect(differences({ query: '' }, { query: '', since: '1h', columns: [], order: 'newest' })).toEqual([])
  })
  it('is opened by its name alone only where the address says nothing else', () => {
    expect(isNameAlone({ saved: 'x' })).toBe(true)
    expect(isNameAlone({ saved: 'x', ...addressOf({ query: '' }) })).toBe(false)
    expect(isNameAlone({})).toBe(false)
  })
  it('gets a name that the server takes, and that is free', () => {
    expect(nameOf('  Déclined payments: Visa & Co! ')).toBe('declined-payments-visa-co')
    expect(nameOf('日本')).toBe('search')
    expect(nameOf('x'.repeat(49) + ' y')).toBe('x'.repeat(49))
    const taken = new Set(['a', 'a-2'])
    expect(freeName('a', (name) => taken.has(name))).toBe('a-3')
  })
  it('shows where its query cannot be read', () => {
    const problem = (code: string, place: string) => ({ type: '', title: '', status: 422, detail: '', code, place })
    expect(spotOf(problem('SIG-0002', 'spec.query[1:9]'), 'service:(')).toEqual({ offset: 8, column: 9 })
    expect(spotOf(problem('LOG-0001', 'query:2:3'), 'é\nb (')).toEqual({ offset: 4, column: 3 })
    expect(spotOf(problem('SIG-0002', 'spec.columns[1]'), 'a')).toBeUndefined()
    expect(spotOf(problem('OBJ-0005', 'spec.query[1:1]'), 'a')).toBeUndefined()
  })
})
