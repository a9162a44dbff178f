import { Button } from '@mantine/core'
import { asProblem } from '~/api/problem'
import { Icon } from './Icon'
import css from './Problem.module.css'
import { Words } from './Words'

/** What went wrong, where, and what to do next. */
export function ProblemView({ error, retry, compact = false }: { error: unknown; retry?: () => void; compact?: boolean }) {
  const problem = asProblem(error)
  return (
    <div className={css.problem} role="alert" data-compact={compact || undefined}>
      <div className={css.head}>
        <Icon name="incident" />
        <span className={css.title}>{problem.title}</span>
        {problem.type.startsWith('/help/') ? <a className={css.code} href={problem.type} target="_blank" rel="noreferrer" title="What this code means"><code>{problem.code}</code></a> : <code className={css.code}>{problem.code}</code>}
      </div>
      <p className={css.detail}><Words text={problem.detail} /></p>
      {problem.place && (
        <p className={css.extra}>
          Where: <code>{problem.place}</code>
        </p>
      )}
      <ReasonList facts={problem.facts} />
      {problem.hint && <p className={css.extra}>Next: <Words text={problem.hint} /></p>}
      {(problem.requestId || retry) && (
        <div className={css.foot}>
          {retry && (
            <Button onClick={retry} leftSection={<Icon name="refresh" size={13} />}>
              Try again
            </Button>
          )}
          {problem.requestId && <span className="faint small">request {problem.requestId}</span>}
        </div>
      )}
    </div>
  )
}

function ReasonList({ facts }: { facts: unknown }) {
  if (!facts || typeof facts !== 'object') return null
  const { missing, reasons } = facts as { missing?: unknown; reasons?: unknown }
  const list = Array.isArray(missing) ? missing : Array.isArray(reasons) ? reasons : []
  if (list.length === 0) return null
  return (
    <ul className={css.list}>
      {list.map((item, i) => (
        <li key={i}>{typeof item === 'string' ? item : String((item as { text?: string }).text ?? JSON.stringify(item))}</li>
      ))}
    </ul>
  )
}
