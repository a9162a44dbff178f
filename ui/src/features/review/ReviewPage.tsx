import { Button } from '@mantine/core'
import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { answer, client } from '~/api/client'
import { list, live } from '~/api/queries'
import { fullRef, refOf, shortName } from '~/api/refs'
import type { Group, Review, ReviewPack } from '~/api/types'
import { CopyButton } from '~/components/Command'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters } from '~/components/Filters'
import { useWrite } from '~/components/form'
import { Icon } from '~/components/Icon'
import { Columns, Page, Panel } from '~/components/Page'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { plural } from '~/lib/number'
import { addDays, mondayOf } from '~/lib/time'
import { AdoptionTable } from './AdoptionTable'
import css from './Review.module.css'
import { RollUp } from './RollUp'
import { WheelPanel } from './WheelPanel'

export function ReviewPage() {
  const search = useSearch({ from: '/review' })
  const navigate = useNavigate({ from: '/review' })
  const week = search.week ?? mondayOf(Date.now())
  const groups = useQuery(list<Group>('groups', { limit: 1000, order: 'name' }))
  const root = groups.data?.items.find((g) => !g.spec.parent)
  const group = search.group ? fullRef(search.group, 'group') : root ? refOf(root) : undefined
  const records = useQuery(list<Review>('reviews', { week, limit: 200 }))
  // Nothing while the week is live for this group.
  const record = records.data?.items.find((r) => group !== undefined && fullRef(r.spec.group, 'group') === group)
  const frozen = record?.status?.pack
  const pack = useQuery({
    ...live(['review', week, group], ['*'], () => answer(client.GET('/api/v1/review', { params: { query: { week, group } } }))),
    enabled: records.data !== undefined && group !== undefined && !frozen,
  })
  const shown: ReviewPack | undefined = frozen ?? pack.data
  // What the numbers wait for: the groups, the record of the week, the pack itself.
  const waited = !group ? groups : !records.data || frozen ? records : pack
  const freeze = useWrite(() => answer(client.POST('/api/v1/reviews', { body: { week, group: group ?? '' } })), { done: 'The pack is frozen: its numbers stay as they are' })
  const go = (next: { week?: string; group?: string }) => void navigate({ search: (s) => ({ ...s, ...next }) })
  const thisWeek = mondayOf(Date.now())
  const options = (groups.data?.items ?? []).map((g) => ({ value: refOf(g), label: g.metadata.name }))

  return (
    <Page
      title={`Week of ${new Date(`${week}T12:00:00Z`).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })}`}
      documentTitle={`Weekly review ${week}`}
      kicker={<>Weekly review{group && <> of <RefLink to={group} kind="group" /></>}</>}
      wide
      state={frozen ? <State soft tone="ok" word="frozen" /> : <State soft tone="moving" word="live" />}
      actions={
        frozen ? (
          <span className="dim small">
            frozen <Time at={record?.status?.frozenAt} as="both" /> · <span className="mono" title={record?.status?.packDigest}>{record?.status?.packDigest?.slice(0, 12)}</span>
            {record?.status?.packDigest && <CopyButton text={record.status.packDigest} label="Copy the digest" />}
          </span>
        ) : (
          <Button variant="filled" loading={freeze.isPending} disabled={!group || !shown?.rows.length} onClick={() => freeze.mutate(undefined)} leftSection={<Icon name="lock" size={14} />}>Freeze the pack</Button>
        )
      }
    >
      <Filters>
        <Button aria-label="The week before" onClick={() => go({ week: addDays(week, -7) })}><Icon name="left" size={13} /></Button>
        <Button aria-label="The week after" disabled={week >= thisWeek} onClick={() => go({ week: addDays(week, 7) })}><Icon name="chevron" size={13} /></Button>
        {week !== thisWeek && <Button onClick={() => go({ week: thisWeek })}>This week</Button>}
        <Choice label="Group" value={group} options={options} searchable width={190} onChange={(value) => go({ group: value ? shortName(value) : undefined })} />
      </Filters>
      <Fetched query={waited as UseQueryResult<unknown>} lines={6}>
        {() => (!shown || shown.rows.length === 0 ? (
          <Panel>
            <Empty title="There is nothing to roll up yet." command="andon apply -f groups.yaml">
              The review sums changes, pages, incidents, pulls and lessons per team, along the groups of the catalog. Declare a Group for the company, for each group and team.
            </Empty>
          </Panel>
        ) : (
          <>
            <Panel title="Team, group, company" aside="sums; never averages of averages" flush>
              <RollUp pack={shown} />
            </Panel>
            <Columns
              main={
                <>
                  <Panel title="Adoption of each mechanism" aside="how many have adopted it, of how many" flush>
                    <AdoptionTable adoption={shown.adoption} />
                  </Panel>
                  <div className={css.lists}>
                    <References title="Incidents of the week" refs={shown.incidents} none="No incident." />
                    <References title="COEs open" refs={shown.coes} none="No COE is open." />
                    <References title="Actions past their date" refs={shown.overdueActions} none="No action is overdue." warn />
                  </div>
                </>
              }
              side={<WheelPanel review={record} name={record?.metadata.name} pack={shown} />}
            />
          </>
        ))}
      </Fetched>
    </Page>
  )
}

function References({ title, refs, none, warn = false }: { title: string; refs: string[]; none: string; warn?: boolean }) {
  return (
    <Panel title={title} aside={refs.length > 0 ? (warn ? <State tone="warning" word={plural(refs.length, 'action')} /> : refs.length) : undefined}>
      {refs.length === 0 ? <p className="dim">{none}</p> : (
        <ul className={css.refs}>
          {refs.map((ref) => <li key={ref}><RefLink to={ref} /></li>)}
        </ul>
      )}
    </Panel>
  )
}
