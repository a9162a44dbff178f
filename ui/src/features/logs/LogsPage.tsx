import { Button, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { LogNote } from '~/api/types'
import { LogBars } from '~/charts/LogBars'
import { Icon } from '~/components/Icon'
import { Page } from '~/components/Page'
import { useGo } from '~/components/Ref'
import { isoOfMicros } from '~/lib/micros'
import { addressOf, askedOf, columnsOf, columnText, isNameAlone, SINCE } from '~/lib/logaddress'
import { narrow, narrowExists } from '~/lib/lucene'
import { needles as needlesOf } from '~/lib/querytree'
import type { Band } from '~/lib/state'
import { boundMs } from '~/lib/time'
import { Around } from './Around'
import { FieldBar } from './FieldBar'
import { aroundHref, lineHref } from './links'
import { useLogKeys } from './keys'
import css from './Logs.module.css'
import { Nothing } from './Nothing'
import { OpenSaved } from './OpenSaved'
import { QueryBar } from './QueryBar'
import { ListRail } from './Rail'
import { RangePicker, rangeLabel } from './RangePicker'
import { RowDetail, useRow, type FieldActions, type Look } from './RowDetail'
import { Header, Rows, type RowsHandle, type Seen } from './Rows'
import { Saved, type SavedDialog } from './Saved'
import { SeenPlace } from './seen'
import { Status } from './Status'
import { Tools } from './Tools'
import type { Question } from './list'
import { savedName } from './useSaved'
import { barsQuery, fieldsQuery, useLines, useList, useTail } from './useLogs'

const DAY_MS = 86_400_000
/** Senders' clocks run a little ahead of ours: the lines of this very moment are inside. */
const AHEAD_MS = 60_000
const SELECT_AFTER_MS = 250
const NO_NOTES: LogNote[] = []

export function LogsPage() {
  const search = useSearch({ from: '/logs' })
  return search.saved && isNameAlone(search) ? <OpenSaved name={search.saved} /> : <Explorer />
}

function Explorer() {
  const search = useSearch({ from: '/logs' })
  const navigate = useNavigate({ from: '/logs' })
  const goTo = useGo()
  const query = search.query ?? ''
  const since = search.since ?? SINCE
  const order = search.order === 'oldest' ? 'oldest' : 'newest'
  const [round, setRound] = useState(0)
  const question = useMemo(() => standing(query, since, search.until, order), [query, since, search.until, order, round])
  const columns = useMemo(() => columnsOf(search.columns), [search.columns])
  const view = useMemo(() => ({ columns, query }), [columns, query])

  const made = useLines()
  const list = useList(made?.list)
  const bars = useQuery(barsQuery(question))
  // The lines are what a person waits for: what is counted over thousands of them does not stand in their way.
  const fields = useQuery({ ...fieldsQuery(question), enabled: list.answered === question || Boolean(search.tail) })
  const [place] = useState(() => new SeenPlace())
  const [atTop, setAtTop] = useState(true)
  const see = useCallback((seen: Seen) => {
    place.set(seen)
    setAtTop(seen.atTop)
    made?.list.see(seen.first, seen.last)
  }, [place, made])
  const [held, setHeld] = useState(false)
  const tail = useTail(made?.lines, Boolean(search.tail), view, held || !atTop)
  const rows = search.tail ? tail.rows : list.rows
  const handle = useRef<RowsHandle>(null)
  const [active, setActive] = useState(search.focus)
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(search.focus && !search.around ? [search.focus] : []))
  const [look, setLook] = useState<Look>('fields')
  const [sheet, setSheet] = useState(false)
  const [draft, setDraft] = useState(query)
  const [menu, setMenu] = useState(false)
  const [dialog, setDialog] = useState<SavedDialog>()
  // What is typed and not yet searched is what a person means to keep.
  const asked = useMemo(() => askedOf({ ...search, query: draft }), [search, draft])
  const zooms = useRef<{ since: string; until: string | undefined }[]>([])

  const settling = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const go = useCallback((next: Partial<typeof search>) => {
    // The line selected last belongs to the address that is left.
    clearTimeout(settling.current)
    void navigate({ search: (s) => ({ ...s, focus: undefined, at: undefined, around: undefined, ...next }) })
  }, [navigate])
  const stay = useCallback((next: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, ...next }), replace: true }), [navigate])

  // What is asked anew begins anew; the line that the address names is looked up there and shown.
  const wanted = useRef({ focus: search.focus, at: search.at })
  wanted.current = { focus: search.focus, at: search.at }
  const [home, setHome] = useState(search.focus)
  useEffect(() => {
    if (!made || search.tail) return
    const { focus, at } = wanted.current
    setHome(focus)
    setActive(focus)
    setOpen(new Set(focus && !search.around ? [focus] : []))
    made.list.open(question, view, at && focus ? Number(at) : undefined)
    // Other columns do not read the lines again, see below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [made, question, search.tail, search.around])
  useEffect(() => void made?.list.look(view), [made, view])
  const actions = useMemo<FieldActions>(() => ({
    columns,
    filter: (field, value, without) => go({ query: narrow(query, field, value, without) }),
    exists: (field, without) => go({ query: narrowExists(query, field, without) }),
    column: (field) => stay({ columns: columnText(columns.includes(field) ? columns.filter((c) => c !== field) : [...columns, field]) }),
  }), [columns, query, go, stay])

  const run = (text: string) => {
    if (text === query) setRound((n) => n + 1)
    else go({ query: text || undefined })
  }
  const zoom = (from: number, until: number) => {
    zooms.current.push({ since, until: search.until })
    go({ since: isoOfMicros(Math.round(from * 1e6)), until: isoOfMicros(Math.round(until * 1e6)), tail: undefined })
  }
  const back = useCallback(() => {
    const before = zooms.current.pop()
    if (before) go(before)
    return before !== undefined
  }, [go])

  const select = useCallback((id: string | undefined) => setActive(id), [])
  const toggle = useCallback((id: string) => {
    setActive(id)
    setOpen((before) => {
      const next = new Set(before)
      if (!next.delete(id)) next.add(id)
      return next
    })
  }, [])
  // The selected line is in the address, a moment after one stops moving.
  const activeUs = rows.find((row) => row.id === active)?.us
  useEffect(() => {
    if (search.tail || active === search.focus || activeUs === undefined) return
    settling.current = setTimeout(() => stay({ focus: active, at: String(activeUs) }), SELECT_AFTER_MS)
    return () => clearTimeout(settling.current)
  }, [active, activeUs, search.focus, search.tail, stay])

  const activeRow = useRow(made?.lines, active, activeUs !== undefined)
  const setTail = (on: boolean) => {
    setHeld(false)
    place.reset()
    setAtTop(true)
    go({ tail: on || undefined, until: undefined })
  }
  useLogKeys({
    rows, active, select, toggle,
    reveal: (index) => handle.current?.reveal(index),
    json: () => {
      if (!active) return
      setOpen((before) => new Set(before).add(active))
      setLook((l) => (l === 'json' ? 'fields' : 'json'))
    },
    context: () => {
      if (!active || !made) return
      // The key may come before the worker has told what the line is.
      const known = activeRow?.id === active ? Promise.resolve(activeRow) : made.lines.row(active)
      void known.then((row) => {
        if (!row) return
        clearTimeout(settling.current)
        goTo(aroundHref(row, [...(row.service ? [{ field: 'service', value: row.service }] : []), ...(row.host ? [row.host] : [])], search.columns))
      })
    },
    tail: () => setTail(!search.tail),
    save: () => {
      setMenu(false)
      setDialog({ what: 'save' })
    },
    saved: () => setMenu(true),
    escape: () => {
      if (sheet) setSheet(false)
      else if (active && open.has(active)) toggle(active)
      else back()
    },
  })

  const near = useCallback((side: 'up' | 'down') => {
    if (!search.tail && made && made.list.state.more[side] && !made.list.state.stale && !made.list.state.error) void made.list.more(side)
  }, [made, search.tail])
  const marks = useMemo(() => needlesOf(query), [query])
  const names = fields.data?.items ?? []
  const days = search.tail ? isOld(rows[0]?.us) : spanMs(question) > DAY_MS
  const opened = search.tail ? 'tail' : String(list.opened)

  return (
    <Page title="Logs" fill actions={made && <Tools lines={made.lines} rows={rows} question={question} search={search} columns={columns} fields={names} />}>
      <div className={css.head}>
        <QueryBar query={query} busy={list.stale && list.loading.down} error={problemOf(list.error ?? bars.error, rows.length)} notes={list.found && !list.stale && !search.tail ? list.found.notes : NO_NOTES} fields={names} run={run} change={setDraft} />
        <div className={css.tools}>
          <Button className={css.fieldsButton} onClick={() => setSheet(true)} leftSection={<Icon name="column" size={13} />}>Fields</Button>
          {zooms.current.length > 0 && <Tooltip label="Back to the range before (Esc, or a double click on the bars)"><Button onClick={back} leftSection={<Icon name="back" size={13} />}>Back</Button></Tooltip>}
          <Saved
            name={search.saved} asked={asked} dialog={dialog} setDialog={setDialog} opened={menu} setOpened={setMenu}
            stored={(saved) => {
              const address = { ...addressOf(saved.spec), saved: savedName(saved) }
              if ((address.query ?? '') === query) stay(address)
              else go(address)
            }}
            deleted={(gone) => { if (savedName(gone) === search.saved) stay({ saved: undefined }) }}
          />
          <RangePicker since={since} until={search.until} onChange={(nextSince, nextUntil) => { zooms.current = []; go({ since: nextSince, until: nextUntil, tail: undefined, ...(draft.trim() !== query ? { query: draft.trim() || undefined } : {}) }) }} />
          <Tooltip label={search.tail ? 'Stop following (t)' : 'Follow new lines as they are stored (t)'}>
            <Button variant={search.tail ? 'filled' : 'default'} aria-pressed={Boolean(search.tail)} leftSection={<Icon name={search.tail ? 'pause' : 'play'} size={12} />} onClick={() => setTail(!search.tail)}>Live</Button>
          </Tooltip>
        </div>
      </div>
      {search.around && <Around row={activeRow} columns={search.columns} />}
      {!search.tail && bars.data && bars.data.startsUs.length > 0 && (
        <div className={css.bars} data-stale={bars.isPlaceholderData || undefined}>
          <LogBars
            histogram={bars.data}
            height={86}
            from={chartFrom(question, bars.data.startsUs[0])}
            onZoom={zoom}
            onBack={back}
            onLevel={(band: Band) => actions.filter('level', band, false)}
          />
        </div>
      )}
      <div className={css.body}>
        <FieldBar fields={fields} actions={actions} open={sheet} close={() => setSheet(false)} />
        <div className={css.results}>
          <Status
            list={list} bars={bars.data} barsStale={bars.isPlaceholderData || bars.isPending} tail={search.tail ? tail : undefined} held={held || !atTop} wrap={Boolean(search.wrap)} order={order}
            place={place} rows={rows}
            hold={(hold) => {
              setHeld(hold)
              if (!hold) handle.current?.toTop()
            }}
            setWrap={(wrap) => stay({ wrap: wrap || undefined })}
            retry={() => made?.list.retry()}
          />
          <div className={css.listArea} data-stale={(!search.tail && list.stale && rows.length > 0) || undefined}>
            {rows.length === 0 ? (
              <Nothing list={list} tail={Boolean(search.tail)} query={query} since={since} label={rangeLabel(since, search.until)} />
            ) : (
              <Rows
                handle={handle} rows={rows} columns={columns} wrap={Boolean(search.wrap)} days={days} opened={opened} start={search.tail ? 0 : list.start} home={search.tail ? undefined : home} above={list.more.up} follow={Boolean(search.tail)} active={active} open={open}
                focus={search.around ? search.focus : undefined} needles={marks} toggle={toggle} near={near} seen={see} label="Log lines"
                header={<Header columns={columns} order={order} turn={() => go({ order: order === 'newest' ? 'oldest' : undefined })} change={(next) => stay({ columns: columnText(next) })} />}
                detail={(id) => made && <RowDetail lines={made.lines} id={id} look={look} setLook={setLook} actions={actions} link={(place) => lineHref(place, search, question.since, question.until)} />}
                foot={!search.tail && (list.loading.down || !list.more.down) && <p className={css.foot}>{list.loading.down ? 'Reading further lines…' : 'The lines end here.'}</p>}
              />
            )}
            {!search.tail && bars.data && !list.error && (
              <ListRail histogram={bars.data} order={order} place={place} rows={rows} isWhole={list.above === 0} days={days} jump={(us) => {
                setHome(undefined)
                made?.list.jump(us)
              }} />
            )}
          </div>
        </div>
      </div>
    </Page>
  )
}

/** The interval of a search, standing still while one reads it. */
function standing(query: string, since: string, until: string | undefined, order: 'newest' | 'oldest'): Question {
  const now = Date.now()
  const text = (bound: string | undefined, other: string) => {
    if (!bound) return other
    const at = boundMs(bound, now)
    // What is no time here is left to the server, which says what is wrong with it.
    return at === undefined || /^\d{4}-/.test(bound) ? bound : new Date(at).toISOString()
  }
  return { query, since: text(since, ''), until: text(until, new Date(now + AHEAD_MS).toISOString()), order }
}

/** A time alone would be taken for one of today. */
function isOld(us: number | undefined): boolean {
  return us !== undefined && Math.abs(Date.now() - us / 1_000) > DAY_MS
}

function spanMs(question: Question): number {
  return Date.parse(question.until) - Date.parse(question.since)
}

function chartFrom(question: Question, firstUs: number | undefined): number | undefined {
  const at = Date.parse(question.since)
  return Number.isNaN(at) || firstUs === undefined ? undefined : Math.min(at / 1_000, firstUs / 1e6)
}

/** While lines stand there, an absent server is told in the status line alone. */
function problemOf(error: unknown, rows: number): unknown {
  const status = (error as { problem?: { status: number } } | undefined)?.problem?.status
  return rows > 0 && (status === 503 || status === 0) ? undefined : status === 503 || status === 0 ? undefined : error
}
