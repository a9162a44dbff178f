import { TextInput } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { kinds, pages } from '~/api/queries'
import { hrefOf, parseRef, refOf } from '~/api/refs'
import type { KindInfo, Obj } from '~/api/types'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { Filters, SearchField } from '~/components/Filters'
import { Icon } from '~/components/Icon'
import { Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { LinkButton, RefLink, To } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import { at, inline } from '~/lib/pointer'

const REFERENCE = /^[a-z]+:[a-z0-9-]+\/[A-Za-z0-9._-]+$/

/** The list of any kind, made from what the kind declares. */
export function ListPage() {
  const { plural } = useParams({ from: '/catalog/$plural' })
  const known = useQuery(kinds)
  const kind = known.data?.find((k) => k.plural === plural)
  if (!known.data) return <Page title={plural}><Fetched query={known}>{() => null}</Fetched></Page>
  if (!kind) {
    return (
      <Page title={plural}>
        <ProblemView error={new Error(`There is no kind “${plural}”.`)} />
      </Page>
    )
  }
  return <KindList kind={kind} key={plural} />
}

function KindList({ kind }: { kind: KindInfo }) {
  const search = useSearch({ from: '/catalog/$plural' })
  const navigate = useNavigate({ from: '/catalog/$plural' })
  const filters = Object.fromEntries(kind.indexed.flatMap((f) => (search[f.name] ? [[f.name, search[f.name]]] : [])))
  const query = useInfiniteQuery(pages<Obj>(kind.plural, { ...filters, q: search.q }))
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const columns = useMemo(() => columnsOf(kind), [kind])
  const filtered = Object.keys(filters).length > 0 || Boolean(search.q)
  const isRecord = kind.nature === 'record'
  return (
    <Page
      title={kind.kind}
      wide
      kicker={<><To href="/catalog">Catalog</To> · {kind.summary}</>}
      actions={!isRecord && <LinkButton href={`/apply?from=${kind.plural}`} leftSection={<Icon name="apply" size={14} />}>Apply one</LinkButton>}
    >
      <Filters>
        <SearchField value={search.q} onChange={(q) => void navigate({ search: (s) => ({ ...s, q }), replace: true })} label={`Search ${kind.plural}`} />
        {kind.indexed.slice(0, 5).map((field) => (
          <FilterField key={field.name} name={field.name} value={search[field.name]} set={(value) => void navigate({ search: (s) => ({ ...s, [field.name]: value }) })} />
        ))}
      </Filters>
      <Panel flush>
        <Fetched query={query} lines={6}>
          {(data) => (
            <DataTable label={kind.kind} columns={columns} rows={rows} rowKey={refOf} href={(o) => `/catalog/${kind.plural}/${encodeURIComponent(nameOf(o))}`}
              more={{ load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage, has: query.hasNextPage, total: data.pages[0]?.total ?? 0 }}
              empty={filtered ? <Empty title={`No ${kind.kind} matches.`} /> : <Empty title={`There is no ${kind.kind} yet.`} command={isRecord ? `andon explain ${kind.kind}` : `andon apply -f ${kind.plural}.yaml`}>{isRecord ? 'Records of this kind are opened by the system.' : 'Write it in YAML and apply it.'}</Empty>} />
          )}
        </Fetched>
      </Panel>
    </Page>
  )
}

function nameOf(object: Obj): string {
  const { namespace, name } = object.metadata
  return namespace && namespace !== 'default' ? `${namespace}/${name}` : name
}

function FilterField({ name, value, set }: { name: string; value: string | undefined; set: (value: string | undefined) => void }) {
  return (
    <TextInput
      key={value ?? ''}
      aria-label={`Filter by ${name}`}
      placeholder={name}
      w={150}
      defaultValue={value ?? ''}
      onKeyDown={(event) => {
        if (event.key === 'Enter') set(event.currentTarget.value.trim() || undefined)
      }}
      onBlur={(event) => {
        const next = event.currentTarget.value.trim() || undefined
        if (next !== value) set(next)
      }}
    />
  )
}

function columnsOf(kind: KindInfo): Column<Obj>[] {
  return [
    { id: 'name', title: 'Name', sort: (o) => o.metadata.name, cell: (o) => <To href={`/catalog/${kind.plural}/${encodeURIComponent(nameOf(o))}`}>{nameOf(o)}</To> },
    ...kind.columns
      .filter((column) => column.pointer !== '/metadata/name')
      .map((column, i): Column<Obj> => ({
        id: column.pointer,
        title: column.title,
        hide: i > 1 ? 'phone' : undefined,
        sort: (o) => {
          const value = at(o, column.pointer)
          return typeof value === 'number' ? value : inline(value) || undefined
        },
        cell: (o) => <Value value={at(o, column.pointer)} pointer={column.pointer} />,
      })),
    { id: 'page', title: '', tight: true, hide: 'phone', cell: (o) => { const href = hrefOf(refOf(o)); return href.startsWith('/catalog') ? null : <To href={href}>page</To> } },
    { id: 'updated', title: 'Updated', tight: true, hide: 'narrow', sort: (o) => o.metadata.updatedAt, cell: (o) => <Time at={o.metadata.updatedAt} /> },
  ]
}

function Value({ value, pointer }: { value: unknown; pointer: string }) {
  if (value === undefined || value === null || value === '') return <span className="faint">–</span>
  if (typeof value === 'string') {
    if (REFERENCE.test(value) && parseRef(value).kind !== 'system') return <RefLink to={value} />
    if (/\/(state|outcome|enforcement)$/.test(pointer)) return <State state={value} />
    if (/^\d{4}-\d\d-\d\dT/.test(value)) return <Time at={value} />
  }
  return <span className="wrap">{inline(value)}</span>
}
