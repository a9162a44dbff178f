import { Fragment } from 'react'
import { plainRefs } from '~/api/refs'

/** A text of the server: what it puts in backticks is code, references read as names. */
export function Words({ text }: { text: string | undefined | null }) {
  if (!text) return null
  return (
    <>
      {text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : <Fragment key={i}>{plainRefs(part)}</Fragment>))}
    </>
  )
}
