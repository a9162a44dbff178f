import { Button, Modal, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { asProblem } from '~/api/problem'
import type { Listing, SavedSearch, SavedSearchSpec } from '~/api/types'
import { ProblemView } from '~/components/Problem'
import { Words } from '~/components/Words'
import { say } from '~/components/toast'
import { differences, type Asked } from '~/lib/logaddress'
import { QueryText, spotOf, WhereAndNext, type Spot } from './QueryText'
import { rangeLabel } from './RangePicker'
import css from './Saved.module.css'
import { useDelete, useMay, useSavedList, useStore } from './useSaved'

const TITLE_CHARS = 200
const DESCRIPTION_CHARS = 2_000

/** Keeps what is asked under a name: as a new search, or over the one that is open. */
export function SaveDialog({ asked, current, isRename = false, close, done }: {
  asked: Asked
  /** The search that is open, or the one to be renamed. */
  current: SavedSearch | undefined
  /** Only the name and the description change; what is asked stays as it is saved. */
  isRename?: boolean
  close: () => void
  done: (stored: SavedSearch) => void
}) {
  // What was read when the dialog opened; what others do to it meanwhile is told, and never stored over unseen.
  const [base] = useState(current)
  const [title, setTitle] = useState(base?.spec.title ?? '')
  const [description, setDescription] = useState(base?.spec.description ?? '')
  const { may, why } = useMay('object.write')
  const list = useSavedList(true).data
  const { latest, isGone } = nowOf(base, list)
  const others = list?.items.filter((one) => one.metadata.name !== base?.metadata.name) ?? []
  const isTaken = others.some((one) => one.spec.title.trim().toLowerCase() === title.trim().toLowerCase())
  const over = isGone ? undefined : latest
  const isSame = over?.spec.title.trim().toLowerCase() === title.trim().toLowerCase()
  const store = useStore((stored) => {
    say(store.variables?.over ? `“${stored.spec.title}” is stored` : `Saved as “${stored.spec.title}”`)
    done(stored)
  })
  const kept = isRename && latest ? latest.spec : asked
  const spec = (): SavedSearchSpec => ({
    title: title.trim(), query: kept.query.trim(), since: kept.since, until: kept.until, columns: kept.columns ?? [], order: kept.order, description: description.trim() || undefined,
  })
  const problem = store.isError ? asProblem(store.error) : undefined
  const theirs = base && latest && latest !== base && !store.isPending && !store.isSuccess ? changesOf(base.spec, latest.spec) : []
  const isConflict = problem?.code === 'OBJ-0005' || theirs.length > 0
  const isReady = may && title.trim() !== '' && !isTaken
  const update = () => isReady && over && store.mutate({ over, spec: spec() })
  const anew = () => isReady && !isSame && store.mutate({ spec: spec() })
  return (
    <Modal opened onClose={close} title={isRename ? 'Rename the search' : base ? 'Save the search' : 'Save this search'} size={520}>
      <form className={css.dialog} onSubmit={(event) => { event.preventDefault(); if (over) update(); else anew() }}>
        <TextInput label="Name" placeholder="Declined payments" value={title} maxLength={TITLE_CHARS} onChange={(event) => setTitle(event.currentTarget.value)} data-autofocus error={isTaken && 'Another search has this name.'} />
        <Textarea label="What it is for" placeholder="Optional: when to look here, what is normal" value={description} maxLength={DESCRIPTION_CHARS} autosize minRows={2} maxRows={6} onChange={(event) => setDescription(event.currentTarget.value)} />
        <Preview asked={kept} spot={problem && spotOf(problem, kept.query.trim())} />
        {problem && <Refusal error={store.error} spot={spotOf(problem, kept.query.trim())} />}
        {isConflict && !isGone && <p className="dim" role="status">Somebody stored it meanwhile{theirs.length > 0 && ` (${theirs.join(', ')})`}; the list shows theirs. Store yours, and it replaces theirs; the history keeps both.</p>}
        {isGone && <p className="dim" role="status">Somebody deleted it meanwhile. Saving makes it anew.</p>}
        {why && <p className={css.why}>{why} The link to the page can be shared without saving.</p>}
        <div className={css.buttons}>
          {over && <Button type="submit" variant="filled" loading={store.isPending} disabled={!isReady}>{isConflict ? 'Store mine over it' : isRename ? 'Rename' : `Update “${short(over.spec.title)}”`}</Button>}
          {(!isRename || isGone) && <Button type={over ? 'button' : 'submit'} variant={over ? 'default' : 'filled'} loading={store.isPending && !over} disabled={!isReady || isSame} onClick={over ? anew : undefined} title={isSame ? 'Give it another name first' : undefined}>{over ? 'Save as a new one' : 'Save'}</Button>}
          <Button onClick={close}>Cancel</Button>
          {!isRename && isSame && <span className="faint">A new one needs another name.</span>}
        </div>
      </form>
    </Modal>
  )
}

/** What is stored of a search by now: nothing else where the list does not know. */
function nowOf(base: SavedSearch | undefined, list: Listing<SavedSearch> | undefined): { latest: SavedSearch | undefined; isGone: boolean } {
  const listed = base && list?.items.find((one) => one.metadata.name === base.metadata.name)
  // A list that was read before knows less than what is open.
  const isNewer = base && listed && (listed.metadata.version ?? 0) > (base.metadata.version ?? 0)
  return { latest: isNewer ? listed : base, isGone: Boolean(base && list && !listed && list.total <= list.items.length) }
}

function changesOf(one: SavedSearchSpec, other: SavedSearchSpec): string[] {
  return [...(one.title !== other.title ? ['name'] : []), ...differences(one, other), ...(one.description !== other.description ? ['description'] : [])]
}

const short = (title: string) => (title.length > 28 ? `${title.slice(0, 27)}…` : title)

function Preview({ asked, spot }: { asked: Asked; spot: Spot | undefined }) {
  return (
    <dl className={css.preview}>
      <div><dt>Query</dt><dd className={css.query}>{asked.query.trim() ? <QueryText text={asked.query.trim()} spot={spot?.offset} /> : <span className="faint">all lines</span>}</dd></div>
      <div><dt>Range</dt><dd>{rangeLabel(asked.since ?? '1h', asked.until)}</dd></div>
      <div><dt>Columns</dt><dd>{asked.columns?.length ? asked.columns.join(', ') : <span className="faint">none beside time and message</span>}</dd></div>
      <div><dt>Order</dt><dd>{asked.order === 'oldest' ? 'oldest first' : 'newest first'}</dd></div>
    </dl>
  )
}

function Refusal({ error, spot }: { error: unknown; spot: Spot | undefined }) {
  const problem = asProblem(error)
  if (!spot) return <ProblemView error={error} compact />
  return (
    <div className={css.wrong} role="alert">
      <strong>{problem.code}</strong> <Words text={problem.detail} /> <span className="dim"><WhereAndNext problem={problem} column={spot.column} /></span>
    </div>
  )
}

/** Takes a saved search away, after a question. */
export function DeleteDialog({ saved, close, done }: { saved: SavedSearch; close: () => void; done: () => void }) {
  const remove = useDelete(() => {
    say(`“${saved.spec.title}” is deleted; its history stays`)
    done()
  })
  return (
    <Modal opened onClose={close} title={`Delete “${short(saved.spec.title)}”?`}>
      <div className={css.dialog}>
        <p>Links to it will say that it is gone. No line is touched.</p>
        {remove.isError && <ProblemView error={remove.error} compact />}
        <div className={css.buttons}>
          <Button variant="filled" color="stop" loading={remove.isPending} onClick={() => remove.mutate(saved)}>Delete</Button>
          <Button onClick={close}>Keep it</Button>
        </div>
      </div>
    </Modal>
  )
}
