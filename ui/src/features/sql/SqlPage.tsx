import { Button } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { answer, client } from '~/api/client'
import { kinds } from '~/api/queries'
import { asProblem, positionOf } from '~/api/problem'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Icon } from '~/components/Icon'
import { Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { download, toCsv, toObjects } from '~/lib/csv'
import { shell } from '~/lib/lucene'
import { count, plural } from '~/lib/number'
import { EXAMPLES, FIXED_TABLES, readHistory, remember } from './history'
import { ResultTable } from './ResultTable'
import css from './Sql.module.css'

const ROWS_MAX = 10_000

export function SqlPage() {
  const search = useSearch({ from: '/sql' })
  const navigate = useNavigate({ from: '/sql' })
  const [text, setText] = useState(search.q ?? EXAMPLES[0]?.sql ?? '')
  const [past, setPast] = useState(readHistory)
  const area = useRef<HTMLTextAreaElement>(null)
  const run = useMutation({
    mutationFn: (sql: string) => answer(client.POST('/api/v1/sql', { body: { sql, limit: ROWS_MAX } })),
  })
  const start = (sql: string) => {
    const trimmed = sql.trim()
    if (!trimmed) return
    setPast(remember(trimmed))
    void navigate({ search: { q: trimmed }, replace: true })
    run.mutate(trimmed)
  }
  const insert = (word: string) => {
    const field = area.current
    if (!field) return
    const at = field.selectionStart
    setText((t) => t.slice(0, at) + word + t.slice(field.selectionEnd))
    field.focus()
  }
  // A shared link runs its question at once.
  const first = useRef(true)
  useEffect(() => {
    if (first.current && search.q) run.mutate(search.q)
    first.current = false
  }, [run, search.q])
  useMark(area, run.error)

  return (
    <Page title="SQL" wide kicker="One reading statement over logs, the ledger and every kind of object.">
      <div className={css.layout}>
        <Schema insert={insert} />
        <div className={css.main}>
          <Panel flush>
            <textarea
              ref={area}
              className={css.editor}
              value={text}
              onChange={(event) => setText(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
                  event.preventDefault()
                  start(text)
                }
              }}
              aria-label="SQL statement"
              data-page-search
              rows={Math.min(16, Math.max(5, text.split('\n').length + 1))}
              spellCheck={false}
              autoCapitalize="off"
            />
            <div className={css.bar}>
              <Button variant="filled" loading={run.isPending} onClick={() => start(text)} leftSection={<Icon name="play" size={12} />}>Run</Button>
              <span className="faint small hide-phone">Ctrl Enter</span>
              <span className={css.space} />
              <Picker label="Examples" options={EXAMPLES.map((e) => [e.title, e.sql])} pick={setText} />
              <Picker label="History" options={past.map((sql) => [sql.replace(/\s+/g, ' ').slice(0, 90), sql])} pick={setText} />
            </div>
          </Panel>
          {run.isError && <ProblemView error={run.error} />}
          {run.data ? (
            <Panel
              title={<span className="num">{plural(run.data.rows.length, 'row')}{run.data.truncated && ', cut off at the limit'}</span>}
              aside={
                <>
                  <span className="num">{count(Math.max(1, Math.round((run.data.elapsedUs ?? 0) / 1_000)))} ms</span>
                  <Button size="compact-xs" onClick={() => run.data && download('andon.csv', 'text/csv', toCsv(run.data.columns.map((c) => c.name), run.data.rows))} leftSection={<Icon name="download" size={12} />}>CSV</Button>
                  <Button size="compact-xs" onClick={() => run.data && download('andon.json', 'application/json', JSON.stringify(toObjects(run.data.columns.map((c) => c.name), run.data.rows), null, 1))} leftSection={<Icon name="download" size={12} />}>JSON</Button>
                </>
              }
              flush
            >
              <ResultTable result={run.data} />
            </Panel>
          ) : (
            !run.isError && !run.isPending && (
              <Panel><Empty title="Ask something." command={`andon sql ${shell(text.replace(/\s+/g, ' ').trim() || 'select 1')}`}>Every kind of object is a table. The same statement runs in a shell:</Empty></Panel>
            )
          )}
        </div>
      </div>
    </Page>
  )
}

/** Puts the cursor where the statement is refused. */
function useMark(area: React.RefObject<HTMLTextAreaElement | null>, error: unknown) {
  useEffect(() => {
    const place = error ? positionOf(asProblem(error)) : undefined
    const field = area.current
    if (!place || !field) return
    const lines = field.value.split('\n')
    const offset = lines.slice(0, place.line - 1).reduce((n, line) => n + line.length + 1, 0) + place.column - 1
    const end = /\s|$/.exec(field.value.slice(offset))?.index ?? 1
    field.focus()
    field.setSelectionRange(offset, offset + Math.max(1, end))
  }, [area, error])
}

function Picker({ label, options, pick }: { label: string; options: [string, string][]; pick: (value: string) => void }) {
  return (
    <select className={css.picker} aria-label={label} value="" disabled={options.length === 0} onChange={(event) => event.target.value && pick(event.target.value)}>
      <option value="">{label}</option>
      {options.map(([title, value]) => <option key={title + value} value={value}>{title}</option>)}
    </select>
  )
}

function Schema({ insert }: { insert: (word: string) => void }) {
  const query = useQuery(kinds)
  const [open, setOpen] = useState<string | undefined>('logs')
  return (
    <aside className={css.schema} aria-label="Tables">
      <Fetched query={query} lines={8}>
        {(items) => {
          const tables = [
            ...FIXED_TABLES,
            ...items.map((kind) => ({
              name: kind.plural.replaceAll('-', '_'),
              columns: ['name', 'namespace', 'version', 'created_at', 'updated_at', ...kind.indexed.map((i) => i.name), 'spec', 'status'],
            })),
          ]
          return (
            <ul>
              {tables.map((table) => (
                <li key={table.name}>
                  <button type="button" aria-expanded={open === table.name} onClick={() => setOpen(open === table.name ? undefined : table.name)}>
                    <Icon name={open === table.name ? 'down' : 'chevron'} size={10} /> {table.name}
                  </button>
                  {open === table.name && (
                    <ul>
                      {table.columns.map((column) => (
                        <li key={column}><button type="button" onClick={() => insert(column)} title="Insert at the cursor">{column}</button></li>
                      ))}
                    </ul>
                  )}
                </li>
              ))}
            </ul>
          )
        }}
      </Fetched>
    </aside>
  )
}
