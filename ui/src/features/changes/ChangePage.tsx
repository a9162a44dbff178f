import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { answer, client } from '~/api/client'
import { live, object, timeToValue } from '~/api/queries'
import { refOf, shortName } from '~/api/refs'
import type { Change } from '~/api/types'
import { Command, CopyButton } from '~/components/Command'
import { Fetched } from '~/components/Fetched'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Page, Panel } from '~/components/Page'
import { LinkButton, RefLink, Who } from '~/components/Ref'
import { State } from '~/components/State'
import { Time, useNow } from '~/components/Time'
import { compare } from '~/lib/number'
import { clock, duration } from '~/lib/time'
import { timeToValueSoFar } from '~/lib/track'
import css from './Changes.module.css'
import { changeTitle, deployer } from './columns'
import { StageTrack } from './StageTrack'

export function ChangePage() {
  const { name } = useParams({ from: '/changes/$name' })
  const query = useQuery(object<Change>('changes', name))
  if (!query.data) {
    return (
      <Page title={name}>
        <Fetched query={query} lines={8}>{() => null}</Fetched>
      </Page>
    )
  }
  return <ChangeView change={query.data} name={name} />
}

function ChangeView({ change, name }: { change: Change; name: string }) {
  const { spec, status } = change
  const ref = refOf(change)
  const service = shortName(spec.service)
  const past = status?.outcome === 'succeeded' || status?.outcome === 'rolledBack'
  return (
    <Page
      title={changeTitle(change)}
      documentTitle={`${name} ${service} ${spec.version}`}
      kicker={<><RefLink to={spec.service} /> {spec.version} to {spec.environment} · {name}</>}
      state={<State soft state={status?.outcome} />}
      actions={
        <>
          <LinkButton href={`/trace/changes/${name}`} leftSection={<Icon name="trace" size={14} />}>Trace</LinkButton>
          <LinkButton href={logsAround(change)} leftSection={<Icon name="logs" size={14} />}>Logs around it</LinkButton>
        </>
      }
    >
      {status?.rolledBackBy && (
        <Panel tone="stopped">
          This change was taken back by <RefLink to={status.rolledBackBy} />.
        </Panel>
      )}
      <Columns
        main={
          <>
            <Panel title="Its way to the customer">
              <Value change={change} />
              <StageTrack change={change} />
            </Panel>
            {past && spec.changeType !== 'rollback' && !status?.rolledBackBy && (
              <Panel title="Take it back">
                <p className="dim" style={{ marginBottom: 8 }}>A rollback is a change of its own. It is never held by the andon.</p>
                <Command text={`andon change record --service ${spec.service} --version PREVIOUS --rollback --rolls-back ${name}`} />
              </Panel>
            )}
            <HistoryPanel plural="changes" name={name} reference={ref} />
          </>
        }
        side={
          <>
            <Panel title="What and who">
              <Facts
                items={[
                  ['Service', <RefLink to={spec.service} />],
                  ['Version', <span className="mono">{spec.version}</span>],
                  ['Kind', spec.changeType],
                  ['Deployed by', <Who who={deployer(change)} />],
                  ['Deployed', <Time at={status?.deployedAt} as="both" />],
                  ['Written by', status?.authors?.length ? status.authors.map((author, i) => <span key={author}>{i > 0 && ', '}<Author name={author} /></span>) : <span className="faint">unknown</span>],
                  ['Commits', status?.commitCount ?? '–'],
                  ['Commit', spec.commit ? <><span className="mono" title={spec.commit}>{spec.commit.slice(0, 12)}</span> <CopyButton text={spec.commit} label="Copy commit" /></> : <span className="faint">none</span>],
                  ['Repository', spec.repository ? <span className="wrap">{spec.repository}</span> : <span className="faint">none</span>],
                  ...(spec.rollsBack ? [['Takes back', <RefLink to={spec.rollsBack} />] as [string, React.ReactNode]] : []),
                ]}
              />
            </Panel>
            <Panel title="Tests">
              <Tests tests={spec.tests} />
            </Panel>
            <Panel title="Check before the deploy">
              <Check id={status?.check} service={spec.service} />
            </Panel>
          </>
        }
      />
    </Page>
  )
}

/** An author is a known person, or whatever name git has. */
function Author({ name }: { name: string }) {
  return name.startsWith('user:') ? <RefLink to={name} /> : <span>{name}</span>
}

/** Time to value of this one, ticking while it is on its way, against the usual. */
function Value({ change }: { change: Change }) {
  const now = useNow(1_000)
  const usual = useQuery(timeToValue({ service: change.spec.service, since: '30d' })).data
  if (!change.status) return null
  const { ms, running } = timeToValueSoFar(change.status, now)
  if (ms === undefined) {
    const why = change.spec.changeType === 'rollback' ? 'A rollback brings no new value, so it has no time to value.' : 'It has no time to value: its first commit is not known, or it did not arrive.'
    return <p className="dim" style={{ marginBottom: 10 }}>{why}</p>
  }
  const p50 = usual?.p50Ms
  const against = p50 ? compare(ms, p50) : undefined
  return (
    <div className={css.head}>
      <span className={css.big}>{running ? clock(ms) : duration(ms)}</span>
      <span className="dim">{running ? 'since the first commit, and counting' : 'from first commit to customer'}</span>
      {against && p50 ? (
        <span className={against.better === undefined ? 'dim' : undefined} style={{ color: against.better === true ? 'var(--ok)' : against.better === false ? 'var(--warning)' : undefined }}>
          {against.words} the median of 30 days ({duration(p50)})
        </span>
      ) : null}
    </div>
  )
}

function Tests({ tests }: { tests: Change['spec']['tests'] }) {
  const entries = Object.entries(tests ?? {})
  if (entries.length === 0) return <p className="dim">No test result was recorded. <code>--test NAME=passed</code> records one.</p>
  return (
    <ul className={css.checks}>
      {entries.map(([test, result]) => (
        <li key={test}>
          <span className="wrap">{test}</span>
          <State state={result} />
        </li>
      ))}
    </ul>
  )
}

/** The verdict under which the change went, out of the ledger. */
function Check({ id, service }: { id: string | undefined; service: string }) {
  const query = useQuery({
    ...live(['check', id], [], () => answer(client.GET('/api/v1/events', { params: { query: { object: service, action: 'check.', limit: 200 } } }))),
    enabled: Boolean(id),
  })
  if (!id) return <p className="dim">It was recorded without a check. A deploy script asks first: <code>andon check --scope SERVICE</code>.</p>
  const event = query.data?.items.find((e) => e.id === id || JSON.stringify(e.payload ?? '').includes(id))
  return (
    <div>
      <State state={event?.action.endsWith('refused') ? 'stopped' : 'ok'} word={event?.action.endsWith('refused') ? 'refused' : 'let through'} />
      <p className="faint small" style={{ marginTop: 4 }}>{id}{event && <> · <Time at={event.at} as="both" /></>}</p>
    </div>
  )
}

function logsAround(change: Change): string {
  const at = Date.parse(change.status?.deployedAt ?? change.metadata.createdAt ?? '')
  if (Number.isNaN(at)) return '/logs'
  const query = `service:${shortName(change.spec.service)}`
  const iso = (ms: number) => new Date(ms).toISOString()
  return `/logs?query=${encodeURIComponent(query)}&since=${iso(at - 10 * 60_000)}&until=${iso(at + 20 * 60_000)}`
}

