import { Button, Popover } from '@mantine/core'
import { useEffect, useState } from 'react'
import { asProblem, positionOf } from '~/api/problem'
import { Icon } from '~/components/Icon'
import { ProblemView } from '~/components/Problem'
import css from './Logs.module.css'
import { Words } from '~/components/Words'

const SYNTAX: [string, string][] = [
  ['timeout', 'the message has the word'],
  ['"connection refused"', 'these words next to each other'],
  ['service:payments', 'that service'],
  ['level:>=warn', 'this severity or higher'],
  ['http.response.status_code:[500 TO 599]', 'a range of a field'],
  ['order:*', 'lines that have the field'],
  ['a AND b, a OR b, NOT a, ( )', 'combine'],
  ['/time(out|d)/', 'a regular expression'],
]

/** The question asked of the lines; a mistake is shown at its place. */
export function QueryBar({ query, busy, error, run }: { query: string; busy: boolean; error: unknown; run: (query: string) => void }) {
  const [text, setText] = useState(query)
  useEffect(() => setText(query), [query])
  return (
    <div>
      <form
        className={css.query}
        onSubmit={(event) => {
          event.preventDefault()
          run(text.trim())
        }}
      >
        <Icon name="search" size={15} />
        <input
          data-page-search
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder='service:payments AND level:error "charged twice"'
          aria-label="Log query"
          aria-invalid={Boolean(error) || undefined}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
        />
        {text && (
          <button type="button" className={css.clear} aria-label="Clear the query" onClick={() => { setText(''); run('') }}>
            <Icon name="close" size={12} />
          </button>
        )}
        <Popover position="bottom-end" width={360}>
          <Popover.Target>
            <button type="button" className={css.clear} aria-label="Syntax of the query"><span aria-hidden="true">?</span></button>
          </Popover.Target>
          <Popover.Dropdown>
            <dl className={css.syntax}>
              {SYNTAX.map(([example, words]) => (
                <div key={example}>
                  <dt><code>{example}</code></dt>
                  <dd>{words}</dd>
                </div>
              ))}
            </dl>
          </Popover.Dropdown>
        </Popover>
        <Button type="submit" variant="filled" loading={busy}>Search</Button>
      </form>
      {error ? <QueryError query={query} error={error} /> : null}
    </div>
  )
}

/** The query again, with a mark where it cannot be read. */
function QueryError({ query, error }: { query: string; error: unknown }) {
  const problem = asProblem(error)
  const place = problem.code.startsWith('LOG-0001') ? positionOf(problem) : undefined
  if (!place) return <div style={{ marginTop: 8 }}><ProblemView error={error} compact /></div>
  const at = Math.min(Math.max(0, place.column - 1), query.length)
  return (
    <div className={css.wrong} role="alert">
      <code>
        {query.slice(0, at)}
        <mark>{query.slice(at, at + 1) || '␣'}</mark>
        {query.slice(at + 1)}
      </code>
      <p>
        <strong>{problem.code}</strong> <Words text={problem.detail} /> <span className="dim">Column {place.column}.</span>
      </p>
      {problem.hint && <p className="dim"><Words text={problem.hint} /></p>}
    </div>
  )
}
