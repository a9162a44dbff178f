import { ActionIcon, Tooltip } from '@mantine/core'
import { useState } from 'react'
import css from './Command.module.css'
import { Icon } from './Icon'

/** Puts a text on the clipboard, also where the page is not served over TLS. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    return done
  }
}

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState(false)
  return (
    <Tooltip label={done ? 'Copied' : label}>
      <ActionIcon
        size="sm"
        aria-label={done ? 'Copied' : label}
        onClick={async (event) => {
          event.stopPropagation()
          setDone(await copyText(text))
          setTimeout(() => setDone(false), 1_500)
        }}
      >
        <Icon name={done ? 'check' : 'copy'} size={13} />
      </ActionIcon>
    </Tooltip>
  )
}

/** A command for the shell that can be copied: what the page does, scripts can. */
export function Command({ text }: { text: string }) {
  return (
    <div className={css.command}>
      <code>{text}</code>
      <CopyButton text={text} label="Copy command" />
    </div>
  )
}
