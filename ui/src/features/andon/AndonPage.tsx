import { Button, Textarea, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { list, object } from '~/api/queries'
import { refOf, shortName } from '~/api/refs'
import type { Andon, Incident } from '~/api/types'
import { Command } from '~/components/Command'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink, To, Who } from '~/components/Ref'
import { Lamp, State } from '~/components/State'
import { Elapsed, Time } from '~/components/Time'
import { andonState } from '~/lib/state'
import css from './Andon.module.css'
import { Words } from '~/components/Words'

export function AndonPage() {
  const { name } = useParams({ from: '/andon/$name' })
  const query = useQuery(object<Andon>('andons', name))
  if (!query.data) {
    return (
      <Page title={name}>
        <Fetched query={query} lines={8}>{() => null}</Fetched>
      </Page>
    )
  }
  return <AndonView andon={query.data} name={name} />
}

function AndonView({ andon, name }: { andon: Andon; name: string }) {
  const { spec, status } = andon
  const released = status?.state === 'released'
  const how = andonState(status?.state)
  const acknowledge = useWrite(() => answer(client.POST('/api/v1/andons/{name}/acknowledge', { params: { path: { name } }, body: {} })), { done: 'Acknowledged' })
  // The andon may not know its incident; the incident knows its andons.
  const incidents = useQuery(list<Incident>('incidents', { limit: 200 })).data?.items ?? []
  const gathering = incidents.find((i) => i.status?.andons?.includes(refOf(andon)))
  const incident = status?.incident ?? (gathering && refOf(gathering))
  const cases = [...new Set([...(spec.cases ?? []), ...(status?.pulls ?? []).flatMap((p) => (p.case ? [p.case] : []))])]
  return (
    <Page
      title={released ? `${shortName(spec.scope)} was stopped` : `${shortName(spec.scope)} is stopped`}
      documentTitle={`${name}: ${shortName(spec.scope)}`}
      kicker={<><To href="/andon">Andon</To> · {name}</>}
      state={<State soft tone={how.tone} word={how.word} />}
      actions={
        !released && (
          <Tooltip label={status?.state === 'acknowledged' ? `${shortName(status.acknowledgedBy)} is on it` : 'Say that you are on it'}>
            <Button
              leftSection={<Icon name="check" size={14} />}
              onClick={() => acknowledge.mutate(undefined)}
              loading={acknowledge.isPending}
              data-disabled={status?.state === 'acknowledged' || undefined}
              aria-disabled={status?.state === 'acknowledged' || undefined}
            >
              {status?.state === 'acknowledged' ? 'Acknowledged' : 'Acknowledge'}
            </Button>
          </Tooltip>
        )
      }
    >
      <Columns
        main={
          <>
            <Panel title="What was said" flush>
              <ul className={css.pulls}>
                <Said by={spec.pulledBy} at={status?.pulledAt} words={spec.reason} cases={spec.cases?.filter((c) => !status?.pulls?.some((p) => p.case === c))} />
                {(status?.pulls ?? []).map((pull, i) => (
                  <Said key={i} by={pull.by} at={pull.at} words={pull.reason} cases={pull.case ? [pull.case] : []} />
                ))}
              </ul>
            </Panel>
            {released ? (
              <Panel title="Countermeasure">
                <p className={css.words}>{status.countermeasure}</p>
                <p className="faint" style={{ marginTop: 4 }}>released by <Who who={status.releasedBy} />, <Time at={status.releasedAt} as="both" /></p>
              </Panel>
            ) : (
              <Release name={name} />
            )}
            <HistoryPanel plural="andons" name={name} reference={refOf(andon)} />
          </>
        }
        side={
          <>
            <Panel title="So far">
              <ol className={css.steps}>
                <Step done label="Pulled" at={status?.pulledAt} who={spec.pulledBy} />
                <Step done={Boolean(status?.acknowledgedAt)} label={status?.acknowledgedAt ? 'Acknowledged' : released ? 'Nobody said to be on it' : 'Nobody is on it yet'} at={status?.acknowledgedAt} who={status?.acknowledgedBy} />
                <Step done={released} label={released ? 'Released' : 'The line is stopped'} at={status?.releasedAt} who={status?.releasedBy} />
              </ol>
            </Panel>
            <Panel title="Facts">
              <Facts
                items={[
                  ['Scope', <RefLink to={spec.scope} kind="component" />],
                  [released ? 'Stood still' : 'Stands still', <Elapsed from={status?.pulledAt} until={status?.releasedAt} />],
                  ['Cases', cases.join(', ') || <span className="faint">none named</span>],
                  ['Alarm', spec.alarm ? <RefLink to={spec.alarm} /> : <span className="faint">pulled by a person</span>],
                  ['Incident', incident ? <RefLink to={incident} /> : <span className="faint">none</span>],
                  ['Chain', <To href={`/trace/andons/${name}`}>from change to lesson</To>],
                ]}
              />
            </Panel>
            {!released && (
              <Panel title="What it holds">
                <p className="dim" style={{ marginBottom: 8 }}>Every deploy that asks first is refused with the words above:</p>
                <Command text={`andon check --scope ${shortName(spec.scope) === 'the whole line' ? "'*'" : shortName(spec.scope)}`} />
              </Panel>
            )}
          </>
        }
      />
    </Page>
  )
}

function Said({ by, at, words, cases }: { by: string; at: string | undefined; words: string | undefined; cases: string[] | undefined }) {
  return (
    <li>
      <span className={css.words}>{words ? <Words text={words} /> : <span className="faint">No words were given.</span>}</span>
      <span className="dim small">
        <Who who={by} /> · <Time at={at} as="both" />
        {(cases ?? []).length > 0 && <> · case {(cases ?? []).join(', ')}</>}
      </span>
    </li>
  )
}

function Step({ done, label, at, who }: { done: boolean; label: string; at: string | undefined; who: string | undefined }) {
  return (
    <li>
      <Lamp tone={done ? 'ok' : 'unknown'} />
      <div>
        <div className="strong">{label}</div>
        {done && <div className="dim small"><Who who={who} /> · <Time at={at} as="both" /></div>}
      </div>
    </li>
  )
}

/** The line runs again only with words about what was done. */
function Release({ name }: { name: string }) {
  const [text, setText] = useState('')
  const release = useWrite((countermeasure: string) => answer(client.POST('/api/v1/andons/{name}/release', { params: { path: { name } }, body: { countermeasure } })), { done: 'The line runs again', quiet: true })
  const why = text.trim().length === 0 ? 'Write the countermeasure first: what was done against the cause.' : undefined
  return (
    <Panel title="Release">
      <form
        className={css.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (!why) release.mutate(text.trim())
        }}
      >
        <Textarea label="Countermeasure" description="What was done against the cause, so that it does not come back with the next deploy" value={text} onChange={(e) => setText(e.currentTarget.value)} autosize minRows={2} maxLength={2000} placeholder="Rolled back to version 1; the new acquirer gets an idempotency key" />
        {release.isError && <ProblemView error={release.error} compact />}
        <div className={css.formFoot}>
          <Button type="submit" variant="filled" disabled={Boolean(why)} loading={release.isPending}>Release the line</Button>
          <span className="dim small">{why}</span>
        </div>
      </form>
    </Panel>
  )
}
