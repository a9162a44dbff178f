import { Button, Modal, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { kinds, kindOfPlural, live } from '~/api/queries'
import { hrefOf, refOf } from '~/api/refs'
import type { Obj } from '~/api/types'
import { Command, CopyButton } from '~/components/Command'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Facts, Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { LinkButton, To, useGo } from '~/components/Ref'
import { Time } from '~/components/Time'
import { Code } from '~/features/policies/Code'
import { toYaml } from '~/lib/yaml'

/** Any object, as the YAML that it is. */
export function ObjectPage() {
  const { plural, name } = useParams({ from: '/catalog/$plural/$name' })
  const { asOf } = useSearch({ from: '/catalog/$plural/$name' })
  const query = useQuery(
    live(['object', plural, name, asOf], [kindOfPlural(plural)], () => answer(client.GET('/api/v1/{plural}/{name}', { params: { path: { plural, name }, query: { asOf } } }))),
  )
  if (!query.data) return <Page title={name} kicker={<To href={`/catalog/${plural}`}>{plural}</To>}><Fetched query={query}>{() => null}</Fetched></Page>
  return <ObjectView object={query.data} plural={plural} name={name} asOf={asOf} />
}

function ObjectView({ object, plural, name, asOf }: { object: Obj; plural: string; name: string; asOf: string | undefined }) {
  const ref = refOf(object)
  const navigate = useNavigate({ from: '/catalog/$plural/$name' })
  const kind = useQuery(kinds).data?.find((k) => k.plural === plural)
  const [deleting, setDeleting] = useState(false)
  const yaml = toYaml(object)
  const page = hrefOf(ref)
  const { metadata } = object
  const isResource = kind?.nature === 'resource'
  return (
    <Page
      title={metadata.title ?? metadata.name}
      documentTitle={`${object.kind} ${metadata.name}`}
      kicker={<><To href="/catalog">Catalog</To> · <To href={`/catalog/${plural}`}>{object.kind}</To> · {metadata.name}</>}
      actions={
        <>
          {!page.startsWith('/catalog') && <LinkButton href={page}>Its page</LinkButton>}
          {isResource && <LinkButton href={`/apply?from=${encodeURIComponent(`${plural}/${name}`)}`} leftSection={<Icon name="edit" size={14} />}>Edit in Apply</LinkButton>}
          {isResource && <Button onClick={() => setDeleting(true)}>Delete</Button>}
        </>
      }
    >
      {metadata.description && <p className="dim">{metadata.description}</p>}
      <Columns
        main={
          <>
            <Panel title={asOf ? <>As it was on {asOf}</> : 'YAML'} aside={<CopyButton text={yaml} label="Copy the YAML" />} flush>
              <Code text={yaml} />
            </Panel>
            <HistoryPanel plural={plural} name={name} reference={ref} />
          </>
        }
        side={
          <>
            <Panel title="Facts">
              <Facts
                items={[
                  ['Reference', <><code className="wrap">{ref}</code> <CopyButton text={ref} label="Copy the reference" /></>],
                  ['Version', metadata.version ?? '–'],
                  ['Created', <Time at={metadata.createdAt} as="both" />],
                  ['Updated', <Time at={metadata.updatedAt} as="both" />],
                  ...Object.entries(metadata.labels ?? {}).map(([k, v]) => [k, v] as [string, string]),
                ]}
              />
            </Panel>
            <Panel title="As it was">
              <form
                onSubmit={(event) => {
                  event.preventDefault()
                  const value = new FormData(event.currentTarget).get('at')
                  void navigate({ search: { asOf: value ? new Date(String(value)).toISOString() : undefined } })
                }}
                style={{ display: 'flex', gap: 8, alignItems: 'flex-end' }}
              >
                <TextInput type="datetime-local" name="at" step={1} label="At this time (your zone)" style={{ flex: 1 }} />
                <Button type="submit">Show</Button>
              </form>
              {asOf && <p style={{ marginTop: 8 }}><To href={`/catalog/${plural}/${encodeURIComponent(name)}`}>Back to now</To></p>}
            </Panel>
            <Panel title="From a shell"><Command text={`andon get ${plural} ${name} -o yaml`} /></Panel>
          </>
        }
      />
      {deleting && <Delete plural={plural} name={name} close={() => setDeleting(false)} />}
    </Page>
  )
}

function Delete({ plural, name, close }: { plural: string; name: string; close: () => void }) {
  const go = useGo()
  const write = useWrite(() => answer(client.DELETE('/api/v1/{plural}/{name}', { params: { path: { plural, name } } })), {
    done: 'Deleted; its history stays', quiet: true,
    after: () => {
      close()
      go(`/catalog/${plural}`)
    },
  })
  return (
    <Modal opened onClose={close} title={`Delete ${name}?`}>
      <div style={{ display: 'grid', gap: 12 }}>
        <p>It is refused while other objects name it. Its history and its events stay in the ledger.</p>
        {write.isError && <ProblemView error={write.error} compact />}
        <div style={{ display: 'flex', gap: 8 }}>
          <Button variant="filled" color="stop" loading={write.isPending} onClick={() => write.mutate(undefined)}>Delete</Button>
          <Button onClick={close}>Keep it</Button>
        </div>
      </div>
    </Modal>
  )
}
