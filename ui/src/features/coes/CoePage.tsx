import { Button, Menu, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useBlocker, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { asProblem } from '~/api/problem'
import { list, object } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { Action, Coe, CoeSpec, CoeState, Obj } from '~/api/types'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { HistoryPanel } from '~/components/History'
import { Icon } from '~/components/Icon'
import { Columns, Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { To } from '~/components/Ref'
import { Lamp, SeverityMark, State } from '~/components/State'
import { ActionTable } from './ActionTable'
import { AddAction } from './AddAction'
import css from './Coe.module.css'
import { cleaned, FactorsPart, ListPart, LISTS, TextPart, TEXTS } from './HumanParts'
import { ChangePart, GraphPart, ImpactPart, TimelinePart } from './MachineParts'
import { Words } from '~/components/Words'

const STATES: CoeState[] = ['draft', 'inReview', 'published', 'verified']

export function CoePage() {
  const { name } = useParams({ from: '/coes/$name' })
  const query = useQuery(object<Coe>('coes', name))
  return query.data ? <CoeView coe={query.data} name={name} /> : <Page title={name}><Fetched query={query} lines={8}>{() => null}</Fetched></Page>
}

interface Draft {
  spec: CoeSpec
  version: number | undefined
}

function CoeView({ coe, name }: { coe: Coe; name: string }) {
  const [draft, setDraft] = useState<Draft>()
  const [adding, setAdding] = useState(false)
  const ref = refOf(coe)
  const actions = useQuery(list<Action>('actions', { coe: ref, limit: 200 }))
  const save = useWrite(
    async ({ spec, version, over }: Draft & { over?: boolean }) => {
      const path = { plural: 'coes', name }
      const base = over ? ((await answer(client.GET('/api/v1/{plural}/{name}', { params: { path } }))) as unknown as Coe) : coe
      const body = { ...base, metadata: { ...base.metadata, version: over ? base.metadata.version : version }, spec: cleaned(spec) }
      return answer(client.PUT('/api/v1/{plural}/{name}', { params: { path }, body: body as unknown as Obj }))
    },
    { done: 'Saved', quiet: true, after: () => setDraft(undefined) },
  )
  useBlocker({ shouldBlockFn: () => Boolean(draft) && !window.confirm('Leave without saving what you wrote?'), enableBeforeUnload: () => Boolean(draft) })
  const spec = draft?.spec ?? coe.spec
  const edit = draft ? (part: Partial<CoeSpec>) => setDraft({ ...draft, spec: { ...draft.spec, ...part } }) : undefined
  const start = () => setDraft({ spec: structuredClone(coe.spec), version: coe.metadata.version })
  const conflict = save.isError && asProblem(save.error).code === 'OBJ-0005'

  return (
    <Page
      title={spec.title}
      documentTitle={`${name}: ${spec.title}`}
      kicker={<><To href="/coes">COEs</To> · {name}</>}
      state={<><SeverityMark severity={spec.severity} /><State soft state={coe.status?.state} /></>}
      actions={!draft && <><Button onClick={start} leftSection={<Icon name="edit" size={14} />}>Write</Button><StateMenu name={name} coe={coe} /></>}
    >
      {draft && (
        <div className={css.saveBar} role="region" aria-label="Unsaved text">
          <span className="strong">You are writing</span>
          <span className="dim hide-phone">Others see it once it is saved.</span>
          <span style={{ flex: 1 }} />
          <Button onClick={() => { setDraft(undefined); save.reset() }}>Discard</Button>
          <Button variant="filled" loading={save.isPending} onClick={() => save.mutate(draft)}>Save</Button>
        </div>
      )}
      {save.isError && draft && (
        <div className={css.conflict}>
          <ProblemView error={save.error} />
          {conflict && (
            <p>
              Your text is kept; somebody stored another version meanwhile.{' '}
              <Button size="compact-xs" onClick={() => save.mutate({ ...draft, over: true })}>Store mine over it</Button>
            </p>
          )}
        </div>
      )}
      <Columns
        main={
          <>
            <Panel title="In our words" aside={<span className="dim">by people</span>}>
              <div className={css.document}>
                {edit && <TextInput label="Title" description="The symptom, not the cause" value={spec.title} onChange={(e) => edit({ title: e.currentTarget.value })} />}
                {TEXTS.slice(0, 2).map((part) => <TextPart key={part.key} spec={spec} part={part} edit={edit} />)}
                <FactorsPart spec={spec} edit={edit} />
                {TEXTS.slice(2).map((part) => <TextPart key={part.key} spec={spec} part={part} edit={edit} />)}
                {LISTS.map((part) => <ListPart key={part.key} spec={spec} part={part} edit={edit} />)}
              </div>
            </Panel>
            <GraphPart coe={coe} />
            <TimelinePart coe={coe} />
            <Panel title="Corrective actions" aside={<Button size="compact-xs" onClick={() => setAdding(true)} leftSection={<Icon name="plus" size={12} />}>Add action</Button>} flush>
              <Fetched query={actions}>
                {(data) => <ActionTable actions={data.items} empty={<Empty title="No action yet.">An action has an owner, a date and a verifier that alone can close it. At least one should prevent.</Empty>} />}
              </Fetched>
            </Panel>
            <HistoryPanel plural="coes" name={name} reference={ref} />
          </>
        }
        side={
          <>
            <Gates coe={coe} />
            <ImpactPart coe={coe} />
            <ChangePart coe={coe} />
          </>
        }
      />
      {adding && <AddAction coe={ref} close={() => setAdding(false)} />}
    </Page>
  )
}

function Gates({ coe }: { coe: Coe }) {
  const gates = coe.status?.openGates ?? []
  return (
    <Panel title="Before it can be published" aside={gates.length > 0 ? <State tone="warning" word={`${gates.length} open`} /> : undefined}>
      {gates.length === 0 ? (
        <State tone="ok" word="Every gate is met" />
      ) : (
        <ul className={css.gates}>
          {gates.map((gate) => (
            <li key={gate}><Lamp tone="warning" /> <span><Words text={gate} /></span></li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

function StateMenu({ name, coe }: { name: string; coe: Coe }) {
  const state = coe.status?.state ?? 'draft'
  const write = useWrite((next: CoeState) => answer(client.POST('/api/v1/coes/{name}/state', { params: { path: { name } }, body: { state: next } })), { done: 'The state is set', quiet: true })
  const next = STATES[STATES.indexOf(state) + 1]
  const gates = coe.status?.openGates?.length ?? 0
  const words: Record<CoeState, string> = { draft: 'Back to draft', inReview: 'Ask for review', published: 'Publish', verified: 'Every action is verified' }
  return (
    <>
      <Menu position="bottom-end" width={210}>
        <Menu.Target><Button rightSection={<Icon name="down" size={12} />}>Set state</Button></Menu.Target>
        <Menu.Dropdown>
          {STATES.map((option) => <Menu.Item key={option} disabled={option === state} onClick={() => write.mutate(option)}><State state={option} /></Menu.Item>)}
        </Menu.Dropdown>
      </Menu>
      {next && next !== 'verified' && (
        <Button variant="filled" loading={write.isPending} disabled={next === 'published' && gates > 0} title={next === 'published' && gates > 0 ? `${gates} gates are open` : undefined} onClick={() => write.mutate(next)}>
          {words[next]}
        </Button>
      )}
      {write.isError && <div style={{ flexBasis: '100%' }}><ProblemView error={write.error} compact /></div>}
    </>
  )
}
