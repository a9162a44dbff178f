import type { LogNote } from '~/api/types'
import { CopyButton } from '~/components/Command'
import { Icon } from '~/components/Icon'
import { Words } from '~/components/Words'
import css from './Logs.module.css'

/** What the server took differently than written, and lines that lie where it does not look; a command in it can be copied. */
export function Notes({ notes, show }: { notes: LogNote[]; show: (line: number, column: number) => void }) {
  if (notes.length === 0) return null
  return (
    <ul className={css.notes} aria-label="Notes about the answer">
      {notes.map((note, i) => {
        const command = /`(andon [^`]+)`/.exec(note.message)?.[1]
        const { column, line = 1 } = note
        return (
          <li key={`${note.code} ${note.column ?? i}`}>
            <Icon name="info" size={14} />
            <span><Words text={sentence(note.message)} /></span>
            {column !== undefined && <button type="button" onClick={() => show(line, column)}>Column {column}</button>}
            {command && <CopyButton text={command} label="Copy the command" />}
          </li>
        )
      })}
    </ul>
  )
}

/** The server's notes begin small and end without a full stop. */
function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}
