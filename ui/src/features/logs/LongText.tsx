import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Icon } from '~/components/Icon'
import { bytes, count } from '~/lib/number'
import { WrappedText } from '~/lib/textlines'
import css from './Detail.module.css'

const WHOLE_CHARS = 20_000
const LINE_PX = 18
const FOUND_MAX = 10_000

/** A text of any size: a short one as it is, a long one cut to the width, with its own search. */
export function LongText({ text, label }: { text: string; label: string }) {
  if (text.length <= WHOLE_CHARS) return <pre className={css.text} tabIndex={0} aria-label={label}>{text}</pre>
  return <Virtual text={text} label={label} />
}

function Virtual({ text, label }: { text: string; label: string }) {
  const scroll = useRef<HTMLDivElement>(null)
  const [columns, setColumns] = useState(120)
  const [wanted, setWanted] = useState('')
  const [at, setAt] = useState(0)
  useEffect(() => {
    const box = scroll.current
    if (!box) return
    const observer = new ResizeObserver(() => setColumns(Math.max(20, Math.floor((box.clientWidth - 20) / charWidth(box)))))
    observer.observe(box)
    return () => observer.disconnect()
  }, [])
  const wrapped = useMemo(() => new WrappedText(text, columns), [text, columns])
  const found = useMemo(() => placesOf(text, wanted), [text, wanted])
  const virtualizer = useVirtualizer({ count: wrapped.count, getScrollElement: () => scroll.current, estimateSize: () => LINE_PX, overscan: 20 })
  const spot = found[at]
  useEffect(() => {
    if (spot !== undefined) virtualizer.scrollToIndex(wrapped.lineAt(spot), { align: 'center' })
  }, [spot, wrapped, virtualizer])
  const step = (by: number) => found.length > 0 && setAt((at + by + found.length) % found.length)

  return (
    <div className={css.long}>
      <div className={css.find}>
        <Icon name="search" size={12} />
        <input value={wanted} aria-label="Find in this line" placeholder="Find in this line" onChange={(event) => { setWanted(event.target.value); setAt(0) }} onKeyDown={(event) => {
          event.stopPropagation()
          if (event.key === 'Enter') step(event.shiftKey ? -1 : 1)
          if (event.key === 'Escape') setWanted('')
        }} />
        {wanted && <span className="faint num" role="status">{found.length === 0 ? 'not in it' : `${count(at + 1)} of ${count(found.length)}${found.length === FOUND_MAX ? ' or more' : ''}`}</span>}
        <span className="faint num">{bytes(text.length)}, {count(wrapped.count)} rows</span>
      </div>
      <div ref={scroll} className={css.longBox} tabIndex={0} role="region" aria-label={label}>
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {virtualizer.getVirtualItems().map((item) => (
            <div key={item.key} className={css.longLine} style={{ transform: `translateY(${item.start}px)` }}>
              {withMark(wrapped.line(item.index), wrapped.startOf(item.index), spot, wanted.length)}
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

function placesOf(text: string, wanted: string): number[] {
  if (!wanted) return []
  const places: number[] = []
  const lower = text.toLowerCase()
  const word = wanted.toLowerCase()
  for (let i = lower.indexOf(word); i >= 0 && places.length < FOUND_MAX; i = lower.indexOf(word, i + word.length)) places.push(i)
  return places
}

function withMark(line: string, start: number, spot: number | undefined, length: number) {
  if (spot === undefined || spot + length <= start || spot >= start + line.length) return line
  const from = Math.max(0, spot - start)
  const to = Math.min(line.length, spot + length - start)
  return <>{line.slice(0, from)}<mark>{line.slice(from, to)}</mark>{line.slice(to)}</>
}

function charWidth(box: HTMLElement): number {
  const probe = document.createElement('span')
  probe.className = css.probe ?? ''
  probe.textContent = '0'.repeat(50)
  box.append(probe)
  const width = probe.getBoundingClientRect().width / 50
  probe.remove()
  return width || 7.3
}
