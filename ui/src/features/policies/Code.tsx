import css from './Policy.module.css'

/** A text with line numbers, so that an error's line can be found. */
export function Code({ text, mark }: { text: string; mark?: number }) {
  const lines = text.replace(/\n$/, '').split('\n')
  return (
    <pre className={css.code} tabIndex={0}>
      {lines.map((line, i) => (
        <span key={i} className={css.codeLine} data-mark={mark === i + 1 || undefined} data-comment={/^\s*#/.test(line) || undefined}>
          {line || ' '}
          {'\n'}
        </span>
      ))}
    </pre>
  )
}
