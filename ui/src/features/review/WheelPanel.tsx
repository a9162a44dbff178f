import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useCallback, useMemo, useState } from 'react'
import { answer, client } from '~/api/client'
import { shortName } from '~/api/refs'
import type { Review, ReviewPack, WheelDraw } from '~/api/types'
import { Wheel } from '~/charts/Wheel'
import { CopyButton } from '~/components/Command'
import { useWrite } from '~/components/form'
import { Icon } from '~/components/Icon'
import { Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import css from './Review.module.css'

/** Draws the team that presents; seed and weights are shown, so that anyone can check the draw. */
export function WheelPanel({ review, name, pack }: { review: Review | undefined; name: string | undefined; pack: ReviewPack }) {
  const [draw, setDraw] = useState<WheelDraw>()
  const [spinning, setSpinning] = useState(false)
  const known = draw ?? review?.status?.draw
  const spin = useWrite(() => answer(client.POST('/api/v1/reviews/{name}/spin', { params: { path: { name: name ?? '' } }, body: {} })), {
    after: (next) => {
      setDraw(next.status?.draw)
      setSpinning(true)
    },
  })
  const settled = useCallback(() => setSpinning(false), [])
  // Before the first draw the wheel shows the teams of the pack, all alike.
  const weights = useMemo(() => known?.weights ?? teamsOf(pack), [known, pack])
  const frozen = Boolean(review?.status?.frozenAt)
  const why = !frozen ? 'Freeze the pack first: the draw hangs on its digest.' : known && !spinning ? 'The team of this week is drawn.' : undefined
  return (
    <Panel title="The wheel" aside="who presents">
      <Wheel weights={weights} team={known?.team} spinning={spinning} settled={settled} />
      <div className={css.wheelFoot} aria-live="polite">
        {known && !spinning ? (
          <p className={css.drawn}><RefLink to={known.team} kind="group">{shortName(known.team)}</RefLink> presents</p>
        ) : (
          <Button variant="filled" disabled={!frozen || spinning} loading={spin.isPending} onClick={() => spin.mutate(undefined)} leftSection={<Icon name="dice" size={14} />}>Spin</Button>
        )}
        {why && !known && <p className="dim small">{why}</p>}
        {known?.rule && !spinning && <p className="dim small">{known.rule}</p>}
      </div>
      {known && !spinning && (
        <details className={css.proof}>
          <summary>Seed and weights</summary>
          <p className="small wrap"><span className="mono">{known.seed}</span> <CopyButton text={known.seed} label="Copy the seed" /></p>
          <p className="faint small">Drawn <Time at={known.drawnAt} as="both" />. The seed is the digest over the draw before and the frozen pack.</p>
          {name && <Check name={name} />}
          <table className={css.weights}>
            <tbody>
              {Object.entries(known.weights).sort((a, b) => b[1] - a[1]).map(([team, weight]) => (
                <tr key={team} data-drawn={team === known.team || undefined}>
                  <td>{shortName(team)}</td>
                  <td className="num">{weight.toFixed(2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </Panel>
  )
}

/** Lets the server work the draw out again from the frozen pack. */
function Check({ name }: { name: string }) {
  const check = useMutation({ mutationFn: () => answer(client.GET('/api/v1/reviews/{name}/verify', { params: { path: { name } } })) })
  return (
    <div style={{ display: 'flex', gap: 8, alignItems: 'center', flexWrap: 'wrap', margin: '6px 0' }}>
      <Button size="compact-xs" loading={check.isPending} onClick={() => check.mutate()}>Check it</Button>
      {check.data && <State tone={check.data.packOk ? 'ok' : 'stopped'} word={check.data.packOk ? 'the pack is what was frozen' : 'the pack was altered'} />}
      {check.data && check.data.drawOk !== null && check.data.drawOk !== undefined && <State tone={check.data.drawOk ? 'ok' : 'stopped'} word={check.data.drawOk ? 'the draw follows' : 'the draw does not follow'} />}
      {check.isError && <ProblemView error={check.error} compact />}
    </div>
  )
}

function teamsOf(pack: ReviewPack): Record<string, number> {
  const parents = new Set(pack.rows.map((row) => row.parent))
  return Object.fromEntries(pack.rows.filter((row) => !parents.has(row.group)).map((row) => [row.group, 1]))
}
