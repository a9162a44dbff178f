import { ActionIcon, Button, Popover, TextInput } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { SavedSearch } from '~/api/types'
import { stringifySearch } from '~/app/search'
import { Command, copyText } from '~/components/Command'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Icon } from '~/components/Icon'
import { To, useGo } from '~/components/Ref'
import { say } from '~/components/toast'
import { addressOf, type Asked } from '~/lib/logaddress'
import { plural } from '~/lib/number'
import { rangeLabel } from './RangePicker'
import { QueryText } from './QueryText'
import { DeleteDialog, SaveDialog } from './SaveDialog'
import css from './Saved.module.css'
import { LISTED, matching, savedName, useMay, useOpenSaved, useSavedList } from './useSaved'

export type SavedDialog = { what: 'save' } | { what: 'rename' | 'delete'; saved: SavedSearch } | undefined

export const savedHref = (saved: SavedSearch) => `/logs${stringifySearch({ ...addressOf(saved.spec), saved: savedName(saved) })}`

/** The searches that are kept: which one is open and whether it still asks the same, the others, and the way to keep this one. */
export function Saved({ name, asked, dialog, setDialog, opened, setOpened, stored, deleted }: {
  name: string | undefined
  asked: Asked
  dialog: SavedDialog
  setDialog: (dialog: SavedDialog) => void
  opened: boolean
  setOpened: (opened: boolean) => void
  /** The address goes on under the name of what was stored. */
  stored: (saved: SavedSearch) => void
  deleted: (saved: SavedSearch) => void
}) {
  const { saved, isGone, changed } = useOpenSaved(name, asked)
  const ask = (next: SavedDialog) => {
    setOpened(false)
    setDialog(next)
  }
  const isRename = dialog?.what === 'rename'
  return (
    <>
      <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus returnFocus width="min(480px, calc(100vw - 24px))">
        <Popover.Target>
          <Button className={css.button} onClick={() => setOpened(!opened)} leftSection={<Icon name="bookmark" size={13} />} rightSection={<Icon name="down" size={11} />} aria-label={saved ? `Saved search: ${saved.spec.title}${changed.length ? ', modified' : ''}` : 'Saved searches'}>
            {saved ? <><span className="truncate">{saved.spec.title}</span>{changed.length > 0 && <em className={css.modified}>modified</em>}</> : isGone ? <>Saved <em className={css.modified}>gone</em></> : 'Saved'}
          </Button>
        </Popover.Target>
        <Popover.Dropdown className={css.dropdown}>
          {saved && <Current saved={saved} changed={changed} ask={ask} close={() => setOpened(false)} />}
          {isGone && <p className={css.why}>The saved search <code>{name}</code> is gone. What it asked stands here still, and can be saved again.</p>}
          <List current={saved} ask={ask} close={() => setOpened(false)} />
          <div className={css.foot}>
            <Button variant={saved ? 'default' : 'filled'} onClick={() => ask({ what: 'save' })} leftSection={<Icon name="plus" size={12} />}>{saved ? 'Save…' : 'Save this search…'}</Button>
            <kbd>Ctrl S</kbd>
          </div>
        </Popover.Dropdown>
      </Popover>
      {(dialog?.what === 'save' || isRename) && (
        <SaveDialog
          asked={asked} current={isRename ? dialog.saved : saved} isRename={isRename} close={() => setDialog(undefined)}
          done={(made) => {
            setDialog(undefined)
            if (!isRename) stored(made)
          }}
        />
      )}
      {dialog?.what === 'delete' && (
        <DeleteDialog
          saved={dialog.saved} close={() => setDialog(undefined)}
          done={() => {
            setDialog(undefined)
            deleted(dialog.saved)
          }}
        />
      )}
    </>
  )
}

const share = (saved: SavedSearch) => void copyText(`${window.location.origin}/logs?saved=${encodeURIComponent(savedName(saved))}`).then((done) => done && say('The link is copied; it follows what is saved'))

function Current({ saved, changed, ask, close }: { saved: SavedSearch; changed: string[]; ask: (dialog: SavedDialog) => void; close: () => void }) {
  const go = useGo()
  const write = useMay('object.write')
  const remove = useMay('object.delete')
  return (
    <section className={css.current} aria-label="The search that is open">
      <p className={css.title}><strong>{saved.spec.title}</strong> <span className="dim">{changed.length ? `modified: ${changed.join(', ')}` : 'as saved'}</span></p>
      {saved.spec.description && <p className={css.description}>{saved.spec.description}</p>}
      <div className={css.buttons}>
        {changed.length > 0 && <Button size="compact-xs" variant="filled" disabled={!write.may} onClick={() => ask({ what: 'save' })}>Update…</Button>}
        {changed.length > 0 && <Button size="compact-xs" leftSection={<Icon name="back" size={11} />} onClick={() => { close(); go(savedHref(saved)) }}>As saved</Button>}
        <Button size="compact-xs" leftSection={<Icon name="link" size={11} />} onClick={() => share(saved)}>Copy link</Button>
        <Button size="compact-xs" leftSection={<Icon name="edit" size={11} />} disabled={!write.may} onClick={() => ask({ what: 'rename', saved })}>Rename…</Button>
        <Button size="compact-xs" leftSection={<Icon name="trash" size={11} />} disabled={!remove.may} onClick={() => ask({ what: 'delete', saved })}>Delete…</Button>
      </div>
      {(write.why ?? remove.why) && <p className={css.why}>{write.why ?? remove.why}</p>}
    </section>
  )
}

/** So many stand in the menu at once: more is found by a word sooner than by the eye. */
const SHOWN = 50

function List({ current, ask, close }: { current: SavedSearch | undefined; ask: (dialog: SavedDialog) => void; close: () => void }) {
  const query = useSavedList(true)
  const [words, setWords] = useState('')
  const [most, setMost] = useState(SHOWN)
  const box = useRef<HTMLUListElement>(null)
  const go = useGo()
  const may = { write: useMay('object.write').may, remove: useMay('object.delete').may }
  const move = (event: React.KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    const links = [...(box.current?.querySelectorAll<HTMLElement>('a') ?? [])]
    const at = links.findIndex((link) => link.parentElement?.contains(document.activeElement))
    if (at + step < 0) box.current?.parentElement?.querySelector<HTMLElement>('input')?.focus()
    else links[Math.min(links.length - 1, at + step)]?.focus()
  }
  const shown = matching(query.data?.items ?? [], words)
  // Enter pressed before the list is there waits for it: who types fast loses no key.
  const [isEntered, setEntered] = useState(false)
  const first = shown[0]
  useEffect(() => {
    if (!isEntered || !query.data) return
    setEntered(false)
    if (!first) return
    close()
    go(savedHref(first))
  }, [isEntered, query.data, first, close, go])
  if (query.data?.total === 0) return <Teach />
  return (
    <div className={css.list} onKeyDown={move}>
      <TextInput
        data-autofocus aria-label="Find a saved search" placeholder={query.data ? `Find in ${plural(query.data.total, 'saved search', 'saved searches')}` : 'Find a saved search'} value={words} leftSection={<Icon name="search" size={12} />}
        onChange={(event) => {
          setEntered(false)
          setWords(event.currentTarget.value)
        }}
        onKeyDown={(event) => { if (event.key === 'Enter') setEntered(true) }}
      />
      <Fetched query={query} lines={4}>
        {({ total }) => (
          <>
            <ul ref={box} aria-label="Saved searches">
              {shown.slice(0, most).map((saved) => <Item key={savedName(saved)} saved={saved} isCurrent={saved.metadata.uid === current?.metadata.uid} may={may} ask={ask} close={close} />)}
            </ul>
            {shown.length > most && <Button size="compact-xs" className={css.further} onClick={() => setMost((n) => n + SHOWN)}>Show {Math.min(SHOWN, shown.length - most)} more of {plural(shown.length, 'saved search', 'saved searches')}</Button>}
            {shown.length === 0 && <p className="dim">No saved search has these words.</p>}
            {total > LISTED && <p className="dim">These are the first {plural(LISTED, 'one', 'ones')}; <To href="/catalog/saved-searches">the catalog</To> has all.</p>}
          </>
        )}
      </Fetched>
    </div>
  )
}

function Item({ saved, isCurrent, may, ask, close }: { saved: SavedSearch; isCurrent: boolean; may: { write: boolean; remove: boolean }; ask: (dialog: SavedDialog) => void; close: () => void }) {
  const { spec } = saved
  return (
    <li data-current={isCurrent || undefined} onClick={(event) => { if ((event.target as HTMLElement).closest('a')) close() }}>
      <To href={savedHref(saved)} className={css.item} title={spec.description}>
        <span className={css.name}>{spec.title} <span className="faint">{isCurrent ? 'open' : rangeLabel(spec.since ?? '1h', spec.until)}</span></span>
        <span className={css.query}>{spec.query.trim() ? <QueryText text={spec.query.trim()} spot={undefined} /> : <span className="faint">all lines</span>}</span>
      </To>
      <span className={css.tools}>
        <ActionIcon size="sm" aria-label={`Copy the link to ${spec.title}`} title="Copy the link" onClick={() => share(saved)}><Icon name="link" size={12} /></ActionIcon>
        <ActionIcon size="sm" aria-label={`Rename ${spec.title}`} title={may.write ? 'Rename' : 'Needs the permission object.write'} disabled={!may.write} onClick={() => ask({ what: 'rename', saved })}><Icon name="edit" size={12} /></ActionIcon>
        <ActionIcon size="sm" aria-label={`Delete ${spec.title}`} title={may.remove ? 'Delete' : 'Needs the permission object.delete'} disabled={!may.remove} onClick={() => ask({ what: 'delete', saved })}><Icon name="trash" size={12} /></ActionIcon>
      </span>
    </li>
  )
}

function Teach() {
  return (
    <Empty title="No search is saved yet.">
      <p>Ask for what you look for often, then press <kbd>Ctrl</kbd> <kbd>S</kbd>. Whoever may read logs finds it here and can open its link. From a file:</p>
      <Command text="andon explain SavedSearch" />
      <Command text="andon apply -f declined-payments.yaml" />
    </Empty>
  )
}
