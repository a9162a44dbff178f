import { Button, Textarea } from '@mantine/core'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import type { Incident, TimelineEntry } from '~/api/types'
import { useWrite } from '~/components/form'
import { Icon, type IconName } from '~/components/Icon'
import { Panel } from '~/components/Page'
import { RefLink, Who } from '~/components/Ref'
import { Time } from '~/components/Time'
import css from './Incident.module.css'
import { Words } from '~/components/Words'

const ICONS: Record<string, IconName> = {
  alarm: 'alarm', alert: 'bell', page: 'phone', acknowledge: 'check', change: 'change', andon: 'andon', note: 'edit', state: 'incident',
}

/** What happened, newest first while it lasts, with a field to say what is being done. */
export function Timeline({ incident, name }: { incident: Incident; name: string }) {
  const entries = [...(incident.status?.timeline ?? [])].sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
  return (
    <Panel title="Timeline" aside={`${entries.length} entries, newest first`}>
      <NoteForm name={name} />
      <Entries entries={entries} />
    </Panel>
  )
}

export function Entries({ entries }: { entries: TimelineEntry[] }) {
  if (entries.length === 0) return <p className="dim">Nothing happened yet.</p>
  return (
    <ol className={css.timeline}>
      {entries.map((entry, i) => (
        <li key={i} data-type={entry.entryType}>
          <span className={css.dot}><Icon name={ICONS[entry.entryType] ?? 'clock'} size={13} /></span>
          <div className={css.entry}>
            <div className={entry.entryType === 'note' ? css.note : undefined}>
              <Words text={entry.text} /> {entry.object && <RefLink to={entry.object} />}
            </div>
            <div className="faint small">
              <Time at={entry.at} as="both" /> · <Who who={entry.actor} />
            </div>
          </div>
        </li>
      ))}
    </ol>
  )
}

function NoteForm({ name }: { name: string }) {
  const [text, setText] = useState('')
  const write = useWrite(() => answer(client.POST('/api/v1/incidents/{name}/notes', { params: { path: { name } }, body: { text: text.trim() } })), { after: () => setText('') })
  const send = () => {
    if (text.trim()) write.mutate(undefined)
  }
  return (
    <form
      className={css.noteForm}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <Textarea
        aria-label="Note"
        placeholder="What do you see, what do you do? (Ctrl Enter sends)"
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) send()
        }}
        autosize
        minRows={1}
        maxLength={4000}
        style={{ flex: 1 }}
      />
      <Button type="submit" loading={write.isPending} disabled={!text.trim()}>Add note</Button>
    </form>
  )
}
