import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { line, list } from '~/api/queries'
import { hrefOf, refOf, shortName } from '~/api/refs'
import type { Andon } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters } from '~/components/Filters'
import { Columns, Page, Panel } from '~/components/Page'
import { RefLink, To, useGo, Who } from '~/components/Ref'
import { Lamp, State } from '~/components/State'
import { Time } from '~/components/Time'
import { stopping, useServices } from '~/features/services/data'
import { plural } from '~/lib/number'
import { andonState } from '~/lib/state'
import css from './Andon.module.css'
import { PullForm } from './PullForm'
import { Words } from '~/components/Words'

const STATES = ['pulled', 'acknowledged', 'released'].map((value) => ({ value, label: value }))

const columns: Column<Andon>[] = [
  { id: 'name', title: 'Pull', tight: true, sort: (a) => a.metadata.createdAt, cell: (a) => <RefLink to={refOf(a)} /> },
  { id: 'state', title: 'State', tight: true, sort: (a) => a.status?.state, cell: (a) => <State tone={andonState(a.status?.state).tone} word={a.status?.state} /> },
  { id: 'scope', title: 'Scope', tight: true, sort: (a) => a.spec.scope, cell: (a) => <RefLink to={a.spec.scope} kind="component" /> },
  { id: 'reason', title: 'Words', main: true, cell: (a) => <span className="wrap">{a.spec.reason ? <Words text={a.spec.reason} /> : <span className="faint">none given</span>}</span> },
  { id: 'by', title: 'Pulled by', tight: true, hide: 'phone', cell: (a) => <><Who who={a.spec.pulledBy} />{(a.status?.pulls?.length ?? 0) > 0 && <span className="faint"> +{a.status?.pulls?.length}</span>}</> },
  { id: 'cases', title: 'Cases', hide: 'narrow', cell: (a) => (a.spec.cases ?? []).join(', ') },
  { id: 'at', title: 'When', tight: true, sort: (a) => a.status?.pulledAt, cell: (a) => <Time at={a.status?.pulledAt} /> },
]

export function AndonsPage() {
  const search = useSearch({ from: '/andon' })
  const navigate = useNavigate({ from: '/andon' })
  const go = useGo()
  const state = useQuery(line)
  const pulls = useQuery(list<Andon>('andons', { limit: 500, state: search.state }))
  const { rows } = useServices()
  const open = state.data?.andons ?? []
  const outside = open.filter((andon) => !rows.some((row) => stopping(row.component, [andon]).length))

  return (
    <Page
      title="Andon"
      kicker="The cord over the line: who sees trouble pulls it, and nothing is deployed until it is released."
      state={state.data && <State soft state={state.data.stopped ? 'stopped' : 'ok'} word={state.data.stopped ? `${plural(open.length, 'andon')} pulled` : 'all lines run'} />}
    >
      <Columns
        main={
          <>
            <Fetched query={state} lines={4}>
              {() =>
                rows.length === 0 && open.length === 0 ? (
                  <Panel><Empty title="No line to watch yet." command="andon apply -f catalog-info.yaml">Each service of the catalog is a line here.</Empty></Panel>
                ) : (
                  <div className={css.board}>
                    {outside.map((andon) => (
                      <To key={andon.metadata.name} href={hrefOf(refOf(andon))} className={`${css.lane} ${css.laneStopped}`}>
                        <Lamp tone="stopped" size={18} />
                        <span className={css.laneText}>
                          <span className={css.laneName}>{shortName(andon.spec.scope)}</span>
                          <span className={css.laneWord}>{andon.status?.state}</span>
                        </span>
                      </To>
                    ))}
                    {[...rows].sort((a, b) => b.andons.length - a.andons.length).map((row) => {
                      const first = row.andons[0]
                      return (
                        <To key={row.ref} href={first ? hrefOf(refOf(first)) : hrefOf(row.ref)} className={first ? `${css.lane} ${css.laneStopped}` : css.lane}>
                          <LaneInside stopped={Boolean(first)} name={row.component.metadata.name} word={first ? `${first.status?.state}: ${first.spec.reason || 'no words'}` : 'runs'} />
                        </To>
                      )
                    })}
                  </div>
                )
              }
            </Fetched>
            <Panel
              title="Pulls"
              flush
              aside={
                <Filters>
                  <Choice label="State" value={search.state} options={STATES} onChange={(next) => void navigate({ search: (s) => ({ ...s, state: next }) })} />
                </Filters>
              }
            >
              <Fetched query={pulls}>
                {(data) => (
                  <DataTable label="Pulls of the andon" columns={columns} rows={data.items} rowKey={(a) => a.metadata.name} href={(a) => hrefOf(refOf(a))}
                    empty={<Empty title={search.state ? 'No pull is in this state.' : 'Nobody has pulled the andon yet.'} command='andon andon pull payments --reason "they were charged twice" --case CS-1'>Anyone who is signed in may pull it, also from the <a href="/pull">page without JavaScript</a>.</Empty>} />
                )}
              </Fetched>
            </Panel>
          </>
        }
        side={
          <Panel title="Pull the andon">
            <PullForm scope={search.scope} pulled={(andon) => go(hrefOf(refOf(andon)))} />
          </Panel>
        }
      />
    </Page>
  )
}

function LaneInside({ stopped, name, word }: { stopped: boolean; name: string; word: string }) {
  return (
    <>
      <Lamp tone={stopped ? 'stopped' : 'ok'} size={18} />
      <span className={css.laneText}>
        <span className={css.laneName}>{name}</span>
        <span className={css.laneWord} style={stopped ? { color: 'var(--stopped)' } : undefined} title={word}>{word}</span>
      </span>
    </>
  )
}
