import { shortName } from '~/api/refs'
import type { Adoption } from '~/api/types'
import { Empty } from '~/components/Empty'
import { RefLink } from '~/components/Ref'
import { percent } from '~/lib/number'
import css from './Review.module.css'

/** Mechanisms by team: how dark the cell, how far adopted; the number says it too. */
export function AdoptionTable({ adoption }: { adoption: Adoption[] }) {
  if (adoption.length === 0) return <Empty title="No mechanism is declared." command="andon explain Mechanism">A mechanism is a tool, its adoption and its inspection. Apply one and its adoption is counted per team.</Empty>
  const mechanisms = [...new Set(adoption.map((a) => a.mechanism))]
  const groups = [...new Set(adoption.map((a) => a.group))]
  const at = new Map(adoption.map((a) => [`${a.mechanism} ${a.group}`, a]))
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label="Adoption by mechanism and team">
      <table className={css.heat}>
        <thead>
          <tr>
            <th scope="col">Mechanism</th>
            {groups.map((group) => <th key={group} scope="col"><span>{shortName(group)}</span></th>)}
          </tr>
        </thead>
        <tbody>
          {mechanisms.map((mechanism) => (
            <tr key={mechanism}>
              <th scope="row"><RefLink to={mechanism} kind="mechanism">{shortName(mechanism)}</RefLink></th>
              {groups.map((group) => <Cell key={group} entry={at.get(`${mechanism} ${group}`)} />)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cell({ entry }: { entry: Adoption | undefined }) {
  if (!entry || entry.population === 0) return <td className={css.none} title="Nothing to adopt it">–</td>
  const share = entry.adopters / entry.population
  const step = share >= 1 ? 4 : share >= 0.75 ? 3 : share >= 0.5 ? 2 : share > 0 ? 1 : 0
  return (
    <td data-step={step} title={`${entry.adopters} of ${entry.population}: ${percent(share)}`}>
      {entry.adopters}/{entry.population}
    </td>
  )
}
