import { Button, Modal, NativeSelect, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { list } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { ActionPurpose, Obj, Verifier } from '~/api/types'
import { useWrite } from '~/components/form'
import { ProblemView } from '~/components/Problem'
import { addDays } from '~/lib/time'

const VERIFIERS: { value: Verifier['type']; label: string }[] = [
  { value: 'policyEnforced', label: 'A policy is enforced and cites this COE' },
  { value: 'policyRefused', label: 'A policy has refused a change of another team' },
  { value: 'alarmFired', label: 'An alarm has fired at least once' },
  { value: 'testPassed', label: 'A test passed in the latest change of a service' },
]
const PURPOSES = [
  { value: 'prevent', label: 'Prevent: it cannot happen again' },
  { value: 'detect', label: 'Detect: it is noticed sooner' },
  { value: 'mitigate', label: 'Mitigate: it hurts less' },
]
const DUE_DAYS = 30

/** A corrective action has an owner, a date and a verifier, or it is none. */
export function AddAction({ coe, close }: { coe: string; close: () => void }) {
  const [title, setTitle] = useState('')
  const [purpose, setPurpose] = useState<ActionPurpose>('prevent')
  const [owner, setOwner] = useState<string | null>(null)
  const [due, setDue] = useState(addDays(new Date().toISOString().slice(0, 10), DUE_DAYS))
  const [type, setType] = useState<Verifier['type']>('policyEnforced')
  const [target, setTarget] = useState<string | null>(null)
  const [test, setTest] = useState('')
  const users = useNames('users')
  const targets = useNames(type === 'alarmFired' ? 'alarms' : type === 'testPassed' ? 'components' : 'policies')
  const verifier = makeVerifier(type, target, test.trim())
  const missing = !title.trim() ? 'Say what will be done' : !owner ? 'Name who does it' : !due ? 'Give a date' : !verifier ? 'Complete the verifier' : undefined
  const write = useWrite(() => answer(client.POST('/api/v1/actions', { body: { title: title.trim(), coe, purpose, owner: owner ?? '', due, verifier: verifier as Verifier } })), {
    done: 'The action is open', quiet: true, after: close,
  })
  return (
    <Modal opened onClose={close} title="Add a corrective action" size="lg">
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault()
          if (!missing) write.mutate(undefined)
        }}
      >
        <TextInput label="What will be done" value={title} onChange={(e) => setTitle(e.currentTarget.value)} maxLength={300} data-autofocus />
        <NativeSelect label="What it is for" data={PURPOSES} value={purpose} onChange={(e) => setPurpose(e.currentTarget.value as ActionPurpose)} />
        <div style={{ display: 'grid', gridTemplateColumns: '1fr 1fr', gap: 12 }}>
          <Select label="Who does it" data={users} value={owner} onChange={setOwner} searchable placeholder="A person" />
          <TextInput type="date" label="Until when" value={due} onChange={(e) => setDue(e.currentTarget.value)} />
        </div>
        <NativeSelect label="What proves it done" description="The action is closed by this check alone, and opened again when it no longer passes" data={VERIFIERS} value={type} onChange={(e) => { setType(e.currentTarget.value as Verifier['type']); setTarget(null) }} />
        <div style={{ display: 'grid', gridTemplateColumns: type === 'testPassed' ? '1fr 1fr' : '1fr', gap: 12 }}>
          <Select label={type === 'alarmFired' ? 'The alarm' : type === 'testPassed' ? 'The service' : 'The policy'} data={targets} value={target} onChange={setTarget} searchable placeholder="Choose" />
          {type === 'testPassed' && <TextInput label="The test" placeholder="idempotency" value={test} onChange={(e) => setTest(e.currentTarget.value)} />}
        </div>
        {write.isError && <ProblemView error={write.error} compact />}
        <div>
          <Button type="submit" variant="filled" loading={write.isPending} disabled={Boolean(missing)}>Add action</Button> <span className="dim small">{missing}</span>
        </div>
      </form>
    </Modal>
  )
}

/** The verifier out of the form's fields, or nothing while one is missing. Policies and alarms go by name. */
export function makeVerifier(type: Verifier['type'], target: string | null, test: string): Verifier | undefined {
  if (!target) return undefined
  const name = target.slice(target.lastIndexOf('/') + 1)
  if (type === 'alarmFired') return { type, alarm: name }
  if (type === 'testPassed') return test ? { type, service: target, test } : undefined
  return { type, policy: name }
}

function useNames(plural: string) {
  const query = useQuery(list<Obj>(plural, { limit: 1000, order: 'name' }))
  return (query.data?.items ?? []).map((o) => ({ value: refOf(o), label: o.metadata.name }))
}
