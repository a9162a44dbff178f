import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { answer, client } from '~/api/client'
import { live, me } from '~/api/queries'
import type { DemoStep } from '~/api/types'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { Icon } from '~/components/Icon'
import { Page, Panel } from '~/components/Page'
import { LinkButton } from '~/components/Ref'
import { State } from '~/components/State'
import css from './Demo.module.css'
import { Words } from '~/components/Words'

const POLL_MS = 1_500

/** The story, played step by step on the running system. */
export function DemoPage() {
  const self = useQuery(me)
  // A step is answered when it has happened; meanwhile the story is read again and again.
  const pending = useRef(false)
  const query = useQuery({
    ...live(['demo'], ['*'], () => answer(client.GET('/api/v1/demo'))),
    refetchInterval: (q) => (pending.current || q.state.data?.steps.some((s) => s.state === 'running') ? POLL_MS : false),
    enabled: self.data?.demo ?? false,
  })
  const next = useWrite(() => answer(client.POST('/api/v1/demo/next', { body: {} })))
  const reset = useWrite(() => answer(client.POST('/api/v1/demo/reset', { body: {} })), { done: 'The story starts anew' })
  pending.current = next.isPending
  const [playing, setPlaying] = useState(false)
  const steps = query.data?.steps ?? []
  const running = steps.some((s) => s.state === 'running')
  const failed = steps.some((s) => s.state === 'failed')
  const more = Boolean(query.data?.next)

  // "Play all" plays the next step whenever the one before is done, and stops at the first that fails.
  const play = useRef(next.mutate)
  play.current = next.mutate
  useEffect(() => {
    if (!playing) return
    if (failed || (!more && !running)) setPlaying(false)
    else if (!running && !next.isPending && more) play.current(undefined)
  }, [playing, running, failed, more, next.isPending, query.dataUpdatedAt])

  if (self.data && !self.data.demo) {
    return (
      <Page title="Demo">
        <Panel><Empty title="This server runs without the demo." command="andon serve --data DIR --demo examples/shop">With it, a small shop of three real services runs beside the server, and this page plays the story on it.</Empty></Panel>
      </Page>
    )
  }
  return (
    <Page
      title="The story"
      kicker="From a change to a lesson that refuses the same mistake elsewhere, on the running system."
      actions={
        <>
          <Button onClick={() => reset.mutate(undefined)} loading={reset.isPending} disabled={running}>Start anew</Button>
          <Button onClick={() => setPlaying((p) => !p)} disabled={!more && !playing} leftSection={<Icon name={playing ? 'pause' : 'play'} size={12} />}>{playing ? 'Pause after this step' : 'Play all'}</Button>
          <Button variant="filled" onClick={() => next.mutate(undefined)} loading={next.isPending || running} disabled={!more || playing} leftSection={<Icon name="play" size={12} />}>Play next</Button>
        </>
      }
    >
      <Fetched query={query} lines={8}>
        {(data) => (
          <ol className={css.steps}>
            {data.steps.map((step, i) => <Step key={step.id} step={step} number={i + 1} next={data.next === step.id} />)}
          </ol>
        )}
      </Fetched>
    </Page>
  )
}

function Step({ step, number, next }: { step: DemoStep; number: number; next: boolean }) {
  return (
    <li className={css.step} data-state={step.state} data-next={next || undefined}>
      <span className={css.number}>{number}</span>
      <div className={css.text}>
        <div className={css.title}>
          <h2>{step.title}</h2>
          <State state={step.state} word={step.state === 'waiting' && next ? 'next' : undefined} />
        </div>
        <p className="dim"><Words text={step.text} /></p>
        {step.detail && <p className={step.state === 'failed' ? css.failed : css.detail}><Words text={step.detail} /></p>}
      </div>
      {step.link && <LinkButton href={step.link}>Watch it</LinkButton>}
    </li>
  )
}
