import { Button, Menu, Tooltip } from '@mantine/core'
import { useMemo } from 'react'
import { problemOf, ProblemError } from '~/api/problem'
import type { LogField } from '~/api/types'
import { stringifySearch } from '~/app/search'
import { copyText } from '~/components/Command'
import { Icon } from '~/components/Icon'
import { LinkButton } from '~/components/Ref'
import { say, sayProblem } from '~/components/toast'
import { logsCommand } from '~/lib/lucene'
import { plural } from '~/lib/number'
import { sqlOf } from '~/lib/querysql'
import type { Lines } from './lines'
import { exportHref } from './links'
import type { Question } from './list'
import type { SlimRow } from './protocol'

/** What can be done with a search: asked in SQL, shared, taken away as a file. */
export function Tools({ lines, rows, question, search, columns, fields }: {
  lines: Lines
  rows: SlimRow[]
  question: Question
  search: Record<string, unknown> & { since?: string; until?: string; tail?: boolean }
  columns: string[]
  fields: LogField[]
}) {
  const sql = useMemo(() => sqlOf({ ...question, columns, numbers: new Set(fields.filter((f) => f.type === 'number').map((f) => f.name)) }), [question, columns, fields])
  const fixed = () => `${window.location.origin}/logs${stringifySearch({ ...search, since: question.since, until: question.until, saved: undefined, tail: undefined })}`
  const copy = (text: string, said: string) => void copyText(text).then((done) => done && say(said))
  const save = async (format: 'ndjson' | 'csv') => {
    try {
      const blob = await lines.export(rows.map((row) => row.id), format, columns)
      saveAs(URL.createObjectURL(blob), `logs.${format}`)
    } catch (error) {
      sayProblem(error)
    }
  }
  return (
    <>
      {sql
        ? <LinkButton href={`/sql?q=${encodeURIComponent(sql)}`} leftSection={<Icon name="sql" size={13} />}>SQL</LinkButton>
        : <Tooltip label="The query cannot be read, so there is no statement for it"><Button data-disabled aria-disabled leftSection={<Icon name="sql" size={13} />}>SQL</Button></Tooltip>}
      <Menu position="bottom-end" width={250}>
        <Menu.Target><Button leftSection={<Icon name="link" size={13} />} rightSection={<Icon name="down" size={11} />}>Share</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => copy(window.location.href, 'The link is copied')}>Copy the link, as it stands</Menu.Item>
          <Menu.Item onClick={() => copy(fixed(), 'The link is copied; its times do not move')}>Copy the link with these times</Menu.Item>
          <Menu.Item onClick={() => copy(logsCommand({ query: question.query, since: search.since ?? '1h', until: search.until, tail: search.tail }), 'The command is copied')}>Copy as a command</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Menu position="bottom-end" width={250}>
        <Menu.Target><Button leftSection={<Icon name="download" size={13} />} rightSection={<Icon name="down" size={11} />}>Export</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>All lines that match</Menu.Label>
          {(['ndjson', 'csv', 'parquet'] as const).map((format) => <Menu.Item key={format} onClick={() => void exportAll(question, format)}>{NAMES[format]}</Menu.Item>)}
          <Menu.Label>The {plural(rows.length, 'line')} held here</Menu.Label>
          <Menu.Item disabled={rows.length === 0} onClick={() => void save('ndjson')}>NDJSON</Menu.Item>
          <Menu.Item disabled={rows.length === 0} onClick={() => void save('csv')}>CSV, with these columns</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  )
}

const NAMES = { ndjson: 'NDJSON', csv: 'CSV', parquet: 'Parquet' }

/** Lets the browser write the answer to disk; before, the server is asked whether it would give one, so that no error ends up in a file. */
async function exportAll(question: Question, format: 'ndjson' | 'csv' | 'parquet') {
  const href = exportHref(question, format)
  const control = new AbortController()
  try {
    const response = await fetch(href, { signal: control.signal })
    if (!response.ok) throw new ProblemError(problemOf(response.status, await response.json().catch(() => undefined)))
    control.abort()
    saveAs(href, `logs.${format}`)
  } catch (error) {
    sayProblem(error)
  }
}

function saveAs(href: string, name: string) {
  const link = document.createElement('a')
  link.href = href
  link.download = name
  link.click()
  if (href.startsWith('blob:')) setTimeout(() => URL.revokeObjectURL(href), 60_000)
}
