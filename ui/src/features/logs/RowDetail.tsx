import { ActionIcon, Button } from '@mantine/core'
import { useEffect, useState } from 'react'
import { copyText, CopyButton } from '~/components/Command'
import { Loading } from '~/components/Empty'
import { Icon } from '~/components/Icon'
import { ProblemView } from '~/components/Problem'
import { LinkButton } from '~/components/Ref'
import { say, sayProblem } from '~/components/toast'
import type { FieldEntry } from '~/lib/logfield'
import { bytes, plural } from '~/lib/number'
import { duration, fullTime } from '~/lib/time'
import css from './Detail.module.css'
import type { Lines } from './lines'
import { aroundHref } from './links'
import { LongText } from './LongText'
import type { RowAnswer } from './protocol'

export interface FieldActions {
  columns: string[]
  filter: (field: string, value: unknown, without: boolean) => void
  exists: (field: string, without: boolean) => void
  column: (field: string) => void
}

export type Look = 'fields' | 'line' | 'json'

const LOOKS: [Look, string][] = [['fields', 'Fields'], ['line', 'Line'], ['json', 'JSON']]
const FIELDS_SHOWN = 120
const MESSAGE_SHOWN = 1_200

/** What the worker knows of a line, asked for as soon as the line is held: an address may name it long before. */
export function useRow(lines: Lines | undefined, id: string | undefined, isHeld: boolean): RowAnswer | undefined {
  const [row, setRow] = useState<RowAnswer>()
  useEffect(() => {
    let gone = false
    setRow((before) => (before?.id === id ? before : undefined))
    if (lines && id && isHeld) void lines.row(id).then((answer) => { if (!gone && answer) setRow(answer) })
    return () => {
      gone = true
    }
  }, [lines, id, isHeld])
  return row
}

/** The line with nothing cut off: what the list holds of it at once, the rest as soon as the server has given it. */
function useWhole(lines: Lines, id: string): { row: RowAnswer | undefined; error: unknown; again: () => void } {
  const held = useRow(lines, id, true)
  const [whole, setWhole] = useState<RowAnswer>()
  const [error, setError] = useState<unknown>()
  const [round, setRound] = useState(0)
  const isCut = held?.isCut
  useEffect(() => {
    let gone = false
    setError(undefined)
    if (isCut) lines.wholeRow(id).then((answer) => { if (!gone) setWhole(answer) }, (reason: unknown) => { if (!gone) setError(reason) })
    return () => {
      gone = true
    }
  }, [lines, id, isCut, round])
  return { row: whole?.id === id ? whole : held, error, again: () => setRound((n) => n + 1) }
}

/** Every field of a line, each with the way to more or fewer of its kind; the whole line, however long; JSON laid out. */
export function RowDetail({ lines, id, look, setLook, actions, link }: {
  lines: Lines
  id: string
  look: Look
  setLook: (look: Look) => void
  actions: FieldActions
  link: (place: { id: string; us: number }) => string
}) {
  const { row, error, again } = useWhole(lines, id)
  if (!row) return <div className={css.detail}><Loading lines={4} /></div>
  const same = [...(row.service ? [{ field: 'service', value: row.service }] : []), ...(row.host ? [row.host] : [])]
  return (
    <div className={css.detail}>
      <div className={css.head}>
        <div className={css.looks} role="group" aria-label="How the line is shown">
          {LOOKS.map(([value, label]) => <button key={value} type="button" aria-pressed={look === value} onClick={() => setLook(value)}>{label}{value === 'line' && row.length > MESSAGE_SHOWN && <span>{bytes(row.length)}</span>}</button>)}
        </div>
        <LinkButton href={aroundHref(row, same, actions.columns.join(','))} size="compact-xs" leftSection={<Icon name="logs" size={12} />}>Surrounding lines</LinkButton>
        {row.traceId && <LinkButton href={aroundHref(row, [{ field: 'trace_id', value: row.traceId }])} size="compact-xs" leftSection={<Icon name="trace" size={12} />}>The whole trace</LinkButton>}
        <Button size="compact-xs" leftSection={<Icon name="link" size={12} />} onClick={() => void copyText(window.location.origin + link(row)).then(() => say('The link to this line is copied'))}>Link</Button>
        <Button size="compact-xs" leftSection={<Icon name="copy" size={12} />} onClick={() => copy(lines, id, 'message', 'The line is copied')}>Line</Button>
        <Button size="compact-xs" leftSection={<Icon name="copy" size={12} />} onClick={() => copy(lines, id, 'row', 'The line is copied as JSON')}>JSON</Button>
        <span className={css.when}>{fullTime(row.us / 1_000)}{row.receivedUs !== undefined && `, received ${lateness(row.receivedUs - row.us)}`}</span>
      </div>
      {error !== undefined && look === 'fields' && <div className={css.cut}><span className="dim">Long texts of this line are cut: the whole could not be read.</span><ProblemView error={error} retry={again} compact /></div>}
      {look === 'fields' && (
        <>
          <p className={css.message}>{row.message.slice(0, MESSAGE_SHOWN)}{row.length > MESSAGE_SHOWN && <>… <button type="button" className={css.more} onClick={() => setLook('line')}>the whole line, {bytes(row.length)}</button></>}</p>
          <Fields entries={row.entries} actions={actions} />
        </>
      )}
      {look !== 'fields' && <Whole key={`${id} ${look} ${row.isCut}`} lines={lines} id={id} what={look === 'line' ? 'message' : row.isJson ? 'pretty' : 'row'} />}
    </div>
  )
}

function copy(lines: Lines, id: string, what: 'message' | 'row', said: string) {
  lines.text(id, what).then((text) => copyText(text ?? '')).then((done) => done && say(said), sayProblem)
}

function lateness(us: number): string {
  return Math.abs(us) < 1_000 ? 'at once' : us > 0 ? `${duration(us / 1_000)} later` : `${duration(-us / 1_000)} before its own time`
}

function Whole({ lines, id, what }: { lines: Lines; id: string; what: 'message' | 'pretty' | 'row' }) {
  const [text, setText] = useState<string>()
  const [error, setError] = useState<unknown>()
  const [round, setRound] = useState(0)
  useEffect(() => {
    let gone = false
    setError(undefined)
    lines.text(id, what).then((answer) => { if (!gone) setText(answer ?? '') }, (reason: unknown) => { if (!gone) setError(reason) })
    return () => {
      gone = true
    }
  }, [lines, id, what, round])
  if (error !== undefined) return <ProblemView error={error} retry={() => setRound((n) => n + 1)} compact />
  return text === undefined ? <Loading lines={3} /> : <LongText text={text} label={what === 'message' ? 'The whole line' : 'The line as JSON'} />
}

const GROUPS: FieldEntry['group'][] = ['line', 'attributes', 'resource']

function Fields({ entries, actions }: { entries: FieldEntry[]; actions: FieldActions }) {
  const [words, setWords] = useState('')
  const [shown, setShown] = useState(FIELDS_SHOWN)
  const wanted = words.toLowerCase()
  const matching = wanted ? entries.filter((e) => e.name.toLowerCase().includes(wanted) || e.text.toLowerCase().includes(wanted)) : entries
  const listed = matching.slice(0, shown)
  return (
    <>
      {entries.length > 12 && (
        <div className={css.find}>
          <Icon name="search" size={12} />
          <input value={words} aria-label="Find a field or value in this line" placeholder={`Find in ${plural(entries.length, 'field')}`} onChange={(event) => setWords(event.target.value)} onKeyDown={(event) => { if (event.key === 'Escape' && words) { event.stopPropagation(); setWords('') } }} />
          {wanted && <span className="faint num">{matching.length}</span>}
        </div>
      )}
      <table className={css.table} aria-label="Fields of the line">
        {GROUPS.map((group) => {
          const own = listed.filter((entry) => entry.group === group)
          return own.length > 0 && <tbody key={group}>{own.map((entry, i) => <Field key={`${entry.name} ${i}`} entry={entry} actions={actions} />)}</tbody>
        })}
      </table>
      {matching.length > shown && <Button size="compact-xs" onClick={() => setShown((n) => n + 400)}>Show {Math.min(400, matching.length - shown)} more of {plural(matching.length, 'field')}</Button>}
    </>
  )
}

const CELL_SHOWN = 400

function Field({ entry, actions }: { entry: FieldEntry; actions: FieldActions }) {
  const [whole, setWhole] = useState(false)
  const { name, text } = entry
  const cut = !whole && text.length > CELL_SHOWN
  const searchable = entry.length <= 1_000 && entry.type !== 'structure'
  const isColumn = actions.columns.includes(name)
  return (
    <tr>
      <td className={css.actions}>
        <ActionIcon size="xs" disabled={!searchable} aria-label={`Only ${name}`} title="Only lines with this value" onClick={() => actions.filter(name, text, false)}><Icon name="plus" size={11} /></ActionIcon>
        <ActionIcon size="xs" disabled={!searchable} aria-label={`Without ${name}`} title="Without lines with this value" onClick={() => actions.filter(name, text, true)}><Icon name="minus" size={11} /></ActionIcon>
        <ActionIcon size="xs" aria-label={`Lines that have ${name}`} title="Lines that have the field" onClick={() => actions.exists(name, false)}><Icon name="check" size={11} /></ActionIcon>
        <ActionIcon size="xs" aria-pressed={isColumn} aria-label={`${name} as a column`} title={isColumn ? 'Take the column away' : 'Show as a column'} onClick={() => actions.column(name)}><Icon name="column" size={11} /></ActionIcon>
      </td>
      <th scope="row">{name}</th>
      <td>
        {cut ? text.slice(0, CELL_SHOWN) : text}
        {cut && <>… <button type="button" className={css.more} onClick={() => setWhole(true)}>all {bytes(entry.length)}</button></>}
        {whole && entry.length > text.length && <span className="faint"> … {bytes(entry.length - text.length)} more under JSON</span>}
        <span className={css.copy}><CopyButton text={text} label={`Copy ${name}`} /></span>
      </td>
    </tr>
  )
}
