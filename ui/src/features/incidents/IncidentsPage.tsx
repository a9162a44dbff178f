import { Button, Modal, MultiSelect, NativeSelect, TextInput } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { answer, client } from '~/api/client'
import { list, pages } from '~/api/queries'
import { hrefOf, refOf } from '~/api/refs'
import type { Component, Incident, Severity } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Choice, Filters, SearchField } from '~/components/Filters'
import { useWrite } from '~/components/form'
import { Icon } from '~/components/Icon'
import { Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink, RefList, useGo } from '~/components/Ref'
import { SEVERITY_WORDS, SeverityMark, State } from '~/components/State'
import { Elapsed, Time } from '~/components/Time'

const STATES = ['investigating', 'identified', 'mitigated', 'resolved'].map((value) => ({ value, label: value }))
const SEVERITIES = Object.entries(SEVERITY_WORDS).map(([value, words]) => ({ value, label: `${value.toUpperCase()} · ${words}` }))

const columns: Column<Incident>[] = [
  { id: 'name', title: 'Incident', tight: true, hide: 'phone', cell: (i) => <RefLink to={refOf(i)} /> },
  { id: 'severity', title: 'Severity', tight: true, sort: (i) => i.spec.severity, cell: (i) => <SeverityMark severity={i.spec.severity} /> },
  { id: 'state', title: 'State', tight: true, sort: (i) => i.status?.state, cell: (i) => <State state={i.status?.state} /> },
  { id: 'title', title: 'What customers see', main: true, cell: (i) => <span className="wrap">{i.spec.title}</span> },
  { id: 'services', title: 'Services', hide: 'narrow', cell: (i) => <RefList refs={i.spec.services} kind="component" /> },
  { id: 'commander', title: 'Commander', hide: 'narrow', tight: true, cell: (i) => (i.spec.commander ? <RefLink to={i.spec.commander} kind="user" /> : <span className="faint">nobody</span>) },
  { id: 'duration', title: 'Lasted', align: 'right', cell: (i) => <Elapsed from={i.status?.startedAt} until={i.status?.resolvedAt} /> },
  { id: 'at', title: 'Began', tight: true, hide: 'phone', sort: (i) => i.status?.startedAt, cell: (i) => <Time at={i.status?.startedAt} /> },
  { id: 'coe', title: 'COE', tight: true, hide: 'narrow', cell: (i) => (i.status?.coe ? <RefLink to={i.status.coe} /> : <span className="faint">–</span>) },
]

export function IncidentsPage() {
  const search = useSearch({ from: '/incidents' })
  const navigate = useNavigate({ from: '/incidents' })
  const [opening, setOpening] = useState(false)
  const query = useInfiniteQuery(pages<Incident>('incidents', { q: search.q, state: search.state, severity: search.severity }))
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const filtered = Boolean(search.q || search.state || search.severity)
  return (
    <Page title="Incidents" wide kicker="What hurts customers, who answers, and what was done." actions={<Button onClick={() => setOpening(true)} leftSection={<Icon name="plus" size={13} />}>Open an incident</Button>}>
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label="Search incidents" />
        <Choice label="State" value={search.state} options={STATES} onChange={(state) => void navigate({ search: (s) => ({ ...s, state }) })} />
        <Choice label="Severity" value={search.severity} options={SEVERITIES} width={180} onChange={(severity) => void navigate({ search: (s) => ({ ...s, severity }) })} />
      </Filters>
      <Panel flush>
        <Fetched query={query} lines={5}>
          {(data) => (
            <DataTable label="Incidents" columns={columns} rows={rows} rowKey={(i) => i.metadata.name} href={(i) => hrefOf(refOf(i))}
              more={{ load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage, has: query.hasNextPage, total: data.pages[0]?.total ?? 0 }}
              empty={filtered ? <Empty title="No incident matches." /> : <Empty title="No incident yet." command="andon explain Alarm">An incident opens by itself when an alarm of severity 1 or 2 pages. You can also open one by hand.</Empty>} />
          )}
        </Fetched>
      </Panel>
      {opening && <OpenIncident close={() => setOpening(false)} />}
    </Page>
  )
}

function OpenIncident({ close }: { close: () => void }) {
  const go = useGo()
  const [title, setTitle] = useState('')
  const [severity, setSeverity] = useState<Severity>('sev2')
  const [services, setServices] = useState<string[]>([])
  const known = useQuery(list<Component>('components', { limit: 1000, order: 'name' }))
  const write = useWrite(() => answer(client.POST('/api/v1/incidents', { body: { title: title.trim(), severity, services } })), {
    done: 'The incident is open', quiet: true,
    after: (incident) => {
      close()
      go(hrefOf(refOf(incident)))
    },
  })
  return (
    <Modal opened onClose={close} title="Open an incident">
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault()
          write.mutate(undefined)
        }}
      >
        <TextInput label="What customers see" description="The symptom, not the cause" value={title} onChange={(e) => setTitle(e.currentTarget.value)} data-autofocus maxLength={200} />
        <NativeSelect label="Severity" data={SEVERITIES} value={severity} onChange={(e) => setSeverity(e.currentTarget.value as Severity)} />
        <MultiSelect size="xs" label="Services" data={(known.data?.items ?? []).map((c) => ({ value: refOf(c), label: c.metadata.name }))} value={services} onChange={setServices} searchable />
        {write.isError && <ProblemView error={write.error} compact />}
        <div>
          <Button type="submit" variant="filled" loading={write.isPending} disabled={!title.trim() || services.length === 0}>Open it</Button>{' '}
          <span className="dim small">{!title.trim() ? 'Say what customers see' : services.length === 0 ? 'Name at least one service' : ''}</span>
        </div>
      </form>
    </Modal>
  )
}
