import { Button, Tooltip } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { LogBars } from '~/charts/LogBars'
import { CopyButton } from '~/components/Command'
import { Empty, Loading } from '~/components/Empty'
import { Icon } from '~/components/Icon'
import { Page } from '~/components/Page'
import { LinkButton } from '~/components/Ref'
import { State } from '~/components/State'
import { logsCommand, narrow } from '~/lib/lucene'
import { count } from '~/lib/number'
import { boundMs } from '~/lib/time'
import { FieldBar } from './FieldBar'
import css from './Logs.module.css'
import { QueryBar } from './QueryBar'
import { RangePicker, rangeLabel } from './RangePicker'
import { Rows } from './Rows'
import { barsQuery, fieldsQuery, rowsQuery, useTail } from './useLogs'

export function LogsPage() {
  const search = useSearch({ from: '/logs' })
  const navigate = useNavigate({ from: '/logs' })
  const query = search.query ?? ''
  const range = useMemo(() => ({ query, since: search.since ?? '1h', until: search.until }), [query, search.since, search.until])
  const rows = useInfiniteQuery(rowsQuery(range))
  const bars = useQuery(barsQuery(range))
  const fields = useQuery(fieldsQuery(range))
  const tail = useTail(Boolean(search.tail), query)

  const go = useCallback(
    (next: Partial<typeof search>) => void navigate({ search: (s) => ({ ...s, focus: undefined, ...next }) }),
    [navigate],
  )
  const filter = useCallback(
    (field: string, value: unknown, without: boolean) => go({ query: narrow(query, field, value, without) }),
    [go, query],
  )
  const run = (text: string) => {
    if (text === query) void Promise.all([rows.refetch(), bars.refetch(), fields.refetch()])
    else go({ query: text || undefined })
  }
  const found = useMemo(() => rows.data?.pages.flatMap((page) => page.rows) ?? [], [rows.data])
  const first = rows.data?.pages[0]
  const shown = search.tail ? tail.rows : found

  return (
    <Page title="Logs" fill>
      <div className={css.head}>
        <QueryBar query={query} busy={rows.isFetching && !rows.isFetchingNextPage} error={rows.error} run={run} />
        <div className={css.tools}>
          <RangePicker since={range.since} until={range.until} onChange={(since, until) => go({ since, until, tail: undefined })} />
          <Tooltip label={search.tail ? 'Stop following' : 'Follow new lines as they are stored'}>
            <Button variant={search.tail ? 'filled' : 'default'} aria-pressed={Boolean(search.tail)} leftSection={<Icon name={search.tail ? 'pause' : 'play'} size={12} />} onClick={() => go({ tail: search.tail ? undefined : true, until: undefined })}>
              Live
            </Button>
          </Tooltip>
          <CopyButton text={logsCommand({ query, since: range.since, until: range.until, tail: search.tail })} label="Copy as command" />
        </div>
      </div>
      {bars.data && bars.data.startsUs.length > 0 && (
        <div className={css.bars}>
          <LogBars
            histogram={bars.data}
            height={92}
            from={bounds(range.since, bars.data.startsUs[0])}
            onZoom={(from, until) => go({ since: new Date(from * 1_000).toISOString(), until: new Date(until * 1_000).toISOString(), tail: undefined })}
          />
        </div>
      )}
      <div className={css.body}>
        <FieldBar fields={fields} filter={filter} />
        <div className={css.results}>
          <div className={css.status} role="status">
            {search.tail ? (
              <>
                <State tone={tail.state === 'on' ? 'ok' : 'warning'} word={tail.state === 'on' ? 'following' : 'stream lost, trying again'} />
                <span className="num">{count(tail.rows.length)} new lines</span>
                {tail.lagged > 0 && <State tone="warning" word={`${count(tail.lagged)} lines skipped: too many for this page`} />}
              </>
            ) : (
              <>
                <span className="num">{bars.data ? `${count(bars.data.total)} lines match` : bars.isError ? 'No answer' : '…'}</span>
                {first?.scannedRows !== undefined && <span className="faint num">looked at {count(first.scannedRows)} in {Math.max(1, Math.round((first.elapsedUs ?? 0) / 1_000))} ms</span>}
                {first?.complete === false && <State tone="warning" word={`incomplete: ${(first.missing ?? []).join(', ') || 'a part did not answer'}`} />}
              </>
            )}
          </div>
          {rows.isPending && !search.tail ? (
            <Loading lines={8} />
          ) : shown.length === 0 && !rows.isError ? (
            <NoLines tail={Boolean(search.tail)} query={query} label={rangeLabel(range.since, range.until)} />
          ) : (
            <Rows rows={shown} filter={filter} focus={search.focus} more={{ load: () => void rows.fetchNextPage(), has: !search.tail && rows.hasNextPage, loading: rows.isFetchingNextPage }} />
          )}
        </div>
      </div>
    </Page>
  )
}

function bounds(since: string, firstUs: number | undefined): number | undefined {
  const at = boundMs(since, Date.now())
  return at === undefined || firstUs === undefined ? undefined : Math.min(at / 1_000, firstUs / 1e6)
}

function NoLines({ tail, query, label }: { tail: boolean; query: string; label: string }) {
  if (tail) return <Empty title="Waiting for lines that match.">They show here the moment they are stored.</Empty>
  if (query) {
    return (
      <Empty title={`No line matches in: ${label.toLowerCase()}.`} action={<LinkButton href={`/logs?query=${encodeURIComponent(query)}&since=7d`}>Look through 7 days</LinkButton>}>
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
