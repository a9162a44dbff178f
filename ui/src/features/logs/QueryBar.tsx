import { Button, Popover } from '@mantine/core'
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { asProblem } from '~/api/problem'
import type { LogField, LogNote, Problem } from '~/api/types'
import { Icon } from '~/components/Icon'
import { ProblemView } from '~/components/Problem'
import { Words } from '~/components/Words'
import { complete, take, type Completion, type Completions } from '~/lib/complete'
import { percent } from '~/lib/number'
import { Notes } from './Notes'
import css from './Query.module.css'
import { QueryText, sentence, spotAt, spotOf, WhereAndNext } from './QueryText'

const SYNTAX: [string, string][] = [
  ['timeout', 'the message has the word, in any case'],
  ['"connection refused"', 'these words next to each other'],
  ['time* t?me', 'a word like this'],
  ['service:payments', 'that service'],
  ['level:>=warn', 'this severity or a higher one'],
  ['http.response.status_code:[500 TO 599]', 'a range of a field; { } leave the ends out'],
  ['order:*', 'lines that have the field'],
  ['level:(error OR warn)', 'one of several values'],
  ['a AND b, a OR b, NOT a, ( )', 'combine; a blank means AND'],
  ['/time(out|d)/', 'a regular expression, in this case of letters'],
]

/** The question asked of the lines: coloured, completed, and a mistake underlined where the server names it. */
export function QueryBar({ query, busy, error, notes, fields, run, change }: {
  query: string
  busy: boolean
  error: unknown
  notes: LogNote[]
  fields: LogField[]
  run: (query: string) => void
  change?: (text: string) => void
}) {
  const [text, setText] = useState(query)
  const [caret, setCaret] = useState(0)
  const [open, setOpen] = useState(false)
  const [chosen, setChosen] = useState(-1)
  const area = useRef<HTMLTextAreaElement>(null)
  const place = useRef<number | undefined>(undefined)
  const list = useId()
  useEffect(() => setText(query), [query])
  useEffect(() => change?.(text), [change, text])
  useLayoutEffect(() => {
    const field = area.current
    if (!field) return
    fitHeight(field)
    if (place.current !== undefined) field.setSelectionRange(place.current, place.current)
    place.current = undefined
  }, [text])

  // The buttons beside it come and go, and the text breaks elsewhere.
  useEffect(() => {
    const field = area.current
    if (!field) return
    let width = field.clientWidth
    const observer = new ResizeObserver(() => {
      if (field.clientWidth === width) return
      width = field.clientWidth
      fitHeight(field)
    })
    observer.observe(field)
    return () => observer.disconnect()
  }, [])

  const found = useMemo<Completions>(() => (open ? complete(text, caret, fields) : { from: 0, to: 0, items: [] }), [open, text, caret, fields])
  const problem = error ? asProblem(error) : undefined
  const spot = problem && text.trim() === query ? spotOf(problem, query) : undefined
  const shown = open && found.items.length > 0

  const accept = (item: Completion) => {
    const next = take(text, found, item)
    place.current = next.caret
    setText(next.text)
    setCaret(next.caret)
    setChosen(-1)
    setOpen(item.kind === 'field' || item.kind === 'operator' || /[:=(]$/.test(item.insert))
    area.current?.focus()
  }
  const submit = () => {
    setOpen(false)
    setChosen(-1)
    run(text.trim())
  }
  const onKey = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault()
      const item = shown && !event.ctrlKey && !event.metaKey ? found.items[chosen] : undefined
      if (item) accept(item)
      else submit()
    } else if (event.key === 'Tab' && shown && !event.shiftKey) {
      event.preventDefault()
      const item = found.items[Math.max(0, chosen)]
      if (item) accept(item)
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && (shown || event.key === 'ArrowDown')) {
      event.preventDefault()
      if (!shown) return setOpen(true)
      const step = event.key === 'ArrowDown' ? 1 : -1
      setChosen((at) => (at + step + found.items.length + (at < 0 && step < 0 ? 1 : 0)) % found.items.length)
    } else if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault()
      setOpen(true)
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      if (shown) setOpen(false)
      else area.current?.blur()
    }
  }

  return (
    <div className={css.bar}>
      <form className={css.query} onSubmit={(event) => { event.preventDefault(); submit() }}>
        <span className={css.icon}><Icon name="search" size={15} /></span>
        <div className={css.field}>
          <div className={css.paint} aria-hidden="true"><QueryText text={text} spot={spot?.offset} />{'\u200b'}</div>
          <textarea
            ref={area}
            data-page-search
            rows={1}
            value={text}
            onChange={(event) => {
              setText(event.target.value)
              setCaret(event.target.selectionStart)
              setChosen(-1)
              setOpen(true)
            }}
            onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
            onClick={() => setOpen(text === '' || open)}
            onKeyDown={onKey}
            onBlur={() => setOpen(false)}
            placeholder='service:payments AND level:error "charged twice"'
            aria-label="Log query"
            aria-invalid={Boolean(problem) || undefined}
            role="combobox"
            aria-expanded={shown}
            aria-controls={list}
            aria-autocomplete="list"
            aria-activedescendant={shown && chosen >= 0 ? `${list}-${chosen}` : undefined}
            autoComplete="off"
            autoCapitalize="off"
            autoCorrect="off"
            spellCheck={false}
          />
          <Menu id={list} found={found} open={shown} chosen={chosen} accept={accept} />
        </div>
        {text && (
          <button type="button" className={css.small} aria-label="Clear the query" onClick={() => { setText(''); run('') }}>
            <Icon name="close" size={12} />
          </button>
        )}
        <Help />
        <Button type="submit" variant="filled" loading={busy} className={css.go}>Search</Button>
      </form>
      {!problem && text.trim() === query && (
        <Notes
          notes={notes}
          show={(line, column) => {
            const { offset } = spotAt(query, line, column)
            area.current?.focus()
            area.current?.setSelectionRange(offset, offset + 1)
          }}
        />
      )}
      {problem && <QueryError error={error} problem={problem} column={spot?.column} />}
    </div>
  )
}

/** As high as the text in it. */
function fitHeight(field: HTMLTextAreaElement) {
  field.style.height = 'auto'
  field.style.height = `${field.scrollHeight}px`
}

function Menu({ id, found, open, chosen, accept }: { id: string; found: Completions; open: boolean; chosen: number; accept: (item: Completion) => void }) {
  const box = useRef<HTMLUListElement>(null)
  useEffect(() => {
    if (open && chosen >= 0) box.current?.children[chosen]?.scrollIntoView({ block: 'nearest' })
  }, [open, chosen])
  return (
    <div className={css.menu} hidden={!open}>
      <ul ref={box} id={id} role="listbox" aria-label="Ways to go on">
        {open && found.items.map((item, i) => (
          <li
            key={`${item.kind} ${item.label}`}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === chosen}
            data-kind={item.kind}
            onMouseDown={(event) => {
              event.preventDefault()
              accept(item)
            }}
          >
            {item.share !== undefined && <i style={{ width: `${Math.max(2, item.share * 100)}%` }} />}
            <code>{item.label}</code>
            <span>{item.share === undefined ? item.detail : percent(item.share)}</span>
          </li>
        ))}
      </ul>
      <p className={css.keys} aria-hidden="true"><kbd>Tab</kbd> takes <kbd>↑↓</kbd> choose <kbd>Enter</kbd> searches</p>
    </div>
  )
}

function Help() {
  return (
    <Popover position="bottom-end" width={380}>
      <Popover.Target>
        <button type="button" className={css.small} aria-label="Syntax of the query"><span aria-hidden="true">?</span></button>
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
  )
}

function QueryError({ error, problem, column }: { error: unknown; problem: Problem; column: number | undefined }) {
  if (column === undefined) return <div style={{ marginTop: 6 }}><ProblemView error={error} compact /></div>
  return (
    <div className={css.wrong} role="alert">
      <strong>{problem.code}</strong> <Words text={sentence(problem.detail ?? '')} /> <span className="dim"><WhereAndNext problem={problem} column={column} /></span>
    </div>
  )
}
