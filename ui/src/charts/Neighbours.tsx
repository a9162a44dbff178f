import { hrefOf, shortName } from '~/api/refs'
import type { Ref } from '~/api/types'
import { To } from '~/components/Ref'
import { Lamp } from '~/components/State'
import type { Tone } from '~/lib/state'
import css from './Neighbours.module.css'

/** A component between those that depend on it and those it depends on. */
export function Neighbours({ name, dependants, dependsOn, toneOf }: { name: string; dependants: Ref[]; dependsOn: Ref[]; toneOf: (ref: Ref) => Tone | undefined }) {
  return (
    <div className={css.graph}>
      <Side title="Depend on it" refs={dependants} toneOf={toneOf} />
      <div className={css.self}>
        <span className={css.arrow} />
        <div className={css.node}>{name}</div>
        <span className={css.arrow} />
      </div>
      <Side title="It depends on" refs={dependsOn} toneOf={toneOf} />
    </div>
  )
}

function Side({ title, refs, toneOf }: { title: string; refs: Ref[]; toneOf: (ref: Ref) => Tone | undefined }) {
  return (
    <div className={css.side}>
      <div className={css.title}>{title}</div>
      {refs.length === 0 && <span className="faint">nothing declared</span>}
      <ul className={css.nodes}>
        {refs.map((ref) => {
          const tone = toneOf(ref)
          return (
            <li key={ref}>
              <To href={hrefOf(ref)} className={css.node}>
                {tone && <Lamp tone={tone} size={11} />}
                {shortName(ref)}
              </To>
            </li>
          )
        })}
      </ul>
    </div>
  )
}
