import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { answer, client } from '~/api/client'
import { live } from '~/api/queries'
import { hrefOf } from '~/api/refs'
import type { TraceHop } from '~/api/types'
import { Command } from '~/components/Command'
import { Fetched } from '~/components/Fetched'
import { Icon, type IconName } from '~/components/Icon'
import { Page, Panel } from '~/components/Page'
import { To } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { plural as counted } from '~/lib/number'
import { duration } from '~/lib/time'
import css from './Trace.module.css'
import { Words } from '~/components/Words'

const ICONS: Record<string, IconName> = {
  change: 'change', alarm: 'alarm', alert: 'bell', andon: 'andon', incident: 'incident', coe: 'coe', action: 'check', policy: 'policy', 'refusal elsewhere': 'close', review: 'review',
}

/** The chain from the change to the lesson that is enforced, or the hop that is missing. */
export function TracePage() {
  const { plural, name } = useParams({ from: '/trace/$plural/$name' })
  const query = useQuery(live(['trace', plural, name], ['*'], () => answer(client.GET('/api/v1/trace/{plural}/{name}', { params: { path: { plural, name } } }))))
  const missing = query.data?.hops.filter((hop) => hop.missing).length ?? 0
  return (
    <Page
      title={`The chain of ${name}`}
      kicker="From the change to the lesson that is enforced"
      state={query.data && (query.data.complete ? <State soft state="ok" word="complete" /> : <State soft state="warning" word={missing ? `${counted(missing, 'hop')} missing` : 'incomplete'} />)}
    >
      <Panel aside={<Command text={`andon trace ${plural.replace(/ies$/, 'y').replace(/s$/, '')} ${name}`} />}>
        <Fetched query={query} lines={8}>
          {(data) => (
            <ol className={css.chain}>
              {data.hops.map((hop, i) => <Hop key={i} hop={hop} before={previousTime(data.hops, i)} />)}
            </ol>
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}

function previousTime(hops: TraceHop[], i: number): string | undefined {
  for (let at = i - 1; at >= 0; at--) if (hops[at]?.at) return hops[at]?.at
  return undefined
}

function Hop({ hop, before }: { hop: TraceHop; before: string | undefined }) {
  const gap = hop.at && before ? Date.parse(hop.at) - Date.parse(before) : undefined
  return (
    <li className={css.hop} data-missing={hop.missing ? true : undefined}>
      <span className={css.dot}><Icon name={ICONS[hop.name] ?? 'trace'} /></span>
      <div className={css.text}>
        <div className={css.name}>
          {hop.name}
          {gap !== undefined && gap > 0 && <span className="faint num"> · {duration(gap)} later</span>}
        </div>
        {hop.missing ? (
          <div><State tone="warning" word="missing" /> <span className="dim"><Words text={hop.missing} /></span></div>
        ) : (
          <>
            <div className={css.title}>{hop.object ? <To href={hrefOf(hop.object)}>{hop.title}</To> : hop.title}</div>
            {hop.at && <div className="faint small"><Time at={hop.at} as="both" /></div>}
          </>
        )}
      </div>
    </li>
  )
}
