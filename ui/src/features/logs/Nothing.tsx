import { Button } from '@mantine/core'
import { asProblem } from '~/api/problem'
import { Empty, Loading } from '~/components/Empty'
import { LinkButton } from '~/components/Ref'
import type { ListState } from './list'

const WIDER: [string, string][] = [['6h', '6 hours'], ['24h', '24 hours'], ['7d', '7 days'], ['30d', '30 days']]

/** The place of the lines where there are none: still coming, none there, or no answer. */
export function Nothing({ list, tail, query, since, label }: { list: ListState; tail: boolean; query: string; since: string; label: string }) {
  if (tail) return <Empty title="Waiting for lines that match.">They show here the moment they are stored.</Empty>
  if (list.error) {
    const { status, detail } = asProblem(list.error)
    if (list.retryAt !== undefined || status === 503 || status === 0) {
      return <Empty title="Logs do not answer just now.">{detail} What was stored is kept, and pages, andon and incidents go on. This page asks again by itself.</Empty>
    }
    return <Empty title="No lines: the search was not answered.">What is wrong with it stands above.</Empty>
  }
  if (!list.found || list.stale) return <Loading lines={10} />
  if (query) {
    const next = WIDER.filter(([span]) => span !== since)
    return (
      <Empty title={`No line matches in: ${label.toLowerCase()}.`} action={<Button.Group>{next.map(([span, words]) => <LinkButton key={span} href={`/logs?query=${encodeURIComponent(query)}&since=${span}`}>{words}</LinkButton>)}</Button.Group>}>
        Widen the range, or take a condition away.
      </Empty>
    )
  }
  return (
    <Empty title={`No line came in: ${label.toLowerCase()}.`} command={`echo '{"message":"hello","service":"payments","level":"info"}' | curl --data-binary @- -H "Authorization: Bearer $ANDON_TOKEN" "$ANDON_URL/api/v1/ingest/ndjson?message_field=message"`}>
      Point any OpenTelemetry exporter at this server (<code>OTEL_EXPORTER_OTLP_ENDPOINT</code>), or send lines of JSON:
    </Empty>
  )
}
