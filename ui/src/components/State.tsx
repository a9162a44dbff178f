import { stateOf, type Tone } from '~/lib/state'
import css from './State.module.css'

/** The shape of a tone: a state is never told by colour alone. */
export function Lamp({ tone, size = 14 }: { tone: Tone; size?: number }) {
  return (
    <svg className={css.lamp} data-tone={tone} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {tone === 'ok' && (
        <>
          <circle cx="8" cy="8" r="7" className={css.fill} />
          <path d="M4.600 8.300 7 10.600 11.400 5.700" className={css.cut} />
        </>
      )}
      {tone === 'warning' && (
        <>
          <path d="M8 1.300 15.300 14.200H.7z" className={css.fill} />
          <path d="M8 6v3.600M8 11.800h.01" className={css.cut} />
        </>
      )}
      {tone === 'stopped' && (
        <>
          <path d="M5 .8h6L15.200 5v6L11 15.200H5L.8 11V5z" className={css.fill} />
          <path d="M4.600 8h6.800" className={css.cut} />
        </>
      )}
      {tone === 'unknown' && (
        <>
          <circle cx="8" cy="8" r="6.400" className={css.ring} strokeDasharray="3 2" />
          <path d="M6.300 6.500a1.700 1.700 0 1 1 2.400 1.600c-.5.3-.7.6-.7 1.100M8 11.300h.01" className={css.mark} />
        </>
      )}
      {tone === 'moving' && (
        <>
          <circle cx="8" cy="8" r="6.400" className={css.ring} />
          <path d="M8 4.300v3.900l2.600 1.500" className={css.mark} />
        </>
      )}
    </svg>
  )
}

/** Icon and word of a state. `soft` gives it a quiet background, for headers. */
export function State({ state, tone, word, soft = false, wrap = false }: { state?: string; tone?: Tone; word?: string; soft?: boolean; wrap?: boolean }) {
  const known = stateOf(state)
  const shown = tone ?? known.tone
  return (
    <span className={soft ? `${css.state} ${css.soft}` : css.state} data-tone={shown} data-wrap={wrap || undefined}>
      <Lamp tone={shown} />
      <span>{word ?? known.word}</span>
    </span>
  )
}

/** A severity is a rank, not a state: told by weight, not by colour. */
export function SeverityMark({ severity }: { severity: string | undefined }) {
  const rank = severity ?? 'sev?'
  return (
    <span className={css.severity} data-rank={rank} title={SEVERITY_WORDS[rank]}>
      {rank.toUpperCase()}
    </span>
  )
}

export const SEVERITY_WORDS: Record<string, string> = {
  sev1: 'Customers cannot use the product',
  sev2: 'Customers are hurt',
  sev3: 'Customers notice',
  sev4: 'Nobody notices yet',
  sev5: 'To know of',
}
