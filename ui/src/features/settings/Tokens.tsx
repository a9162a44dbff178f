import { Button, Checkbox, Modal, NativeSelect, Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { list, live, me } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { Obj, TokenInfo } from '~/api/types'
import { CopyButton } from '~/components/Command'
import { DataTable, type Column } from '~/components/DataTable'
import { Empty } from '~/components/Empty'
import { Fetched } from '~/components/Fetched'
import { useWrite } from '~/components/form'
import { Icon } from '~/components/Icon'
import { Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { Time } from '~/components/Time'
import css from './Settings.module.css'

const ROLES: { value: string; words: string }[] = [
  { value: 'administrator', words: 'everything' },
  { value: 'engineer', words: 'read all, record changes, answer, write resources' },
  { value: 'reader', words: 'read all' },
  { value: 'reporter', words: 'pull the andon and see the line, nothing else' },
  { value: 'ingest', words: 'send telemetry, nothing else' },
]
const EXPIRY = [{ value: '24h', label: 'in a day' }, { value: '30d', label: 'in 30 days' }, { value: '90d', label: 'in 90 days' }, { value: '365d', label: 'in a year' }, { value: '', label: 'never' }]

export function Tokens() {
  const [making, setMaking] = useState(false)
  const query = useQuery(live(['tokens'], ['token'], async () => (await answer(client.GET('/api/v1/tokens'))).items))
  const revoke = useWrite((id: string) => answer(client.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } })), { done: 'Revoked' })
  const columns: Column<TokenInfo>[] = [
    { id: 'what', title: 'What for', main: true, cell: (t) => <span className="wrap">{t.description || <span className="faint">{t.purpose === 'session' ? 'a browser' : 'not said'}</span>}</span> },
    { id: 'user', title: 'Acts for', tight: true, cell: (t) => <RefLink to={t.user} kind="user" /> },
    { id: 'roles', title: 'Roles', cell: (t) => t.roles.join(', ') },
    { id: 'created', title: 'Made', tight: true, hide: 'phone', cell: (t) => <Time at={t.createdAt} /> },
    { id: 'expires', title: 'Expires', tight: true, hide: 'phone', cell: (t) => (t.revokedAt ? <State tone="unknown" word="revoked" /> : t.expiresAt ? <Time at={t.expiresAt} /> : <span className="faint">never</span>) },
    { id: 'revoke', title: '', tight: true, cell: (t) => !t.revokedAt && <Button size="compact-xs" onClick={() => { if (window.confirm(`Revoke the token “${t.description ?? t.id}”? What uses it stops working at once.`)) revoke.mutate(t.id) }}>Revoke</Button> },
  ]
  return (
    <Panel title="Tokens" aside={<Button size="compact-xs" onClick={() => setMaking(true)} leftSection={<Icon name="plus" size={12} />}>Make a token</Button>} flush>
      <Fetched query={query}>
        {(items) => <DataTable label="Tokens" columns={columns} rows={items} rowKey={(t) => t.id} keys={false} empty={<Empty title="No token yet." command="andon token create --user user:default/ci --role engineer">Deploy scripts, collectors and the CLI sign in with a token.</Empty>} />}
      </Fetched>
      {making && <MakeToken close={() => setMaking(false)} />}
    </Panel>
  )
}

function MakeToken({ close }: { close: () => void }) {
  const self = useQuery(me).data
  const users = useQuery(list<Obj>('users', { limit: 1000, order: 'name' })).data?.items ?? []
  const [user, setUser] = useState<string | null>(null)
  const [roles, setRoles] = useState<string[]>(['engineer'])
  const [description, setDescription] = useState('')
  const [expiresIn, setExpiry] = useState('90d')
  const forWhom = user ?? self?.user ?? null
  const write = useWrite(() => answer(client.POST('/api/v1/tokens', { body: { user: forWhom ?? '', roles, description: description.trim(), ...(expiresIn ? { expiresIn } : {}) } })), { quiet: true })
  const options = users.map((u) => ({ value: refOf(u), label: u.metadata.name }))
  if (self?.user && !options.some((o) => o.value === self.user)) options.unshift({ value: self.user, label: self.user })
  const missing = !forWhom ? 'Say whom it acts for' : roles.length === 0 ? 'Choose a role' : !description.trim() ? 'Say what it is for' : undefined
  if (write.data) {
    return (
      <Modal opened onClose={close} title="The token" closeOnClickOutside={false}>
        <div style={{ display: 'grid', gap: 12 }}>
          <p><strong>Copy it now.</strong> It is shown this once; the server keeps only its digest.</p>
          <div className={css.token}><code>{write.data.token}</code><CopyButton text={write.data.token} label="Copy the token" /></div>
          <Button variant="filled" onClick={close} style={{ justifySelf: 'start' }}>I have it</Button>
        </div>
      </Modal>
    )
  }
  return (
    <Modal opened onClose={close} title="Make a token">
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(event) => {
          event.preventDefault()
          if (!missing) write.mutate(undefined)
        }}
      >
        <TextInput label="What it is for" placeholder="deploy script of payments" value={description} onChange={(e) => setDescription(e.currentTarget.value)} data-autofocus maxLength={200} />
        <Select label="Whom it acts for" data={options} value={forWhom} onChange={setUser} searchable />
        <Checkbox.Group label="Roles" value={roles} onChange={setRoles} size="xs">
          <div style={{ display: 'grid', gap: 6, marginTop: 6 }}>
            {ROLES.map((role) => <Checkbox key={role.value} size="xs" value={role.value} label={<>{role.value} <span className="dim">{role.words}</span></>} />)}
          </div>
        </Checkbox.Group>
        <NativeSelect label="Expires" data={EXPIRY} value={expiresIn} onChange={(e) => setExpiry(e.currentTarget.value)} />
        {write.isError && <ProblemView error={write.error} compact />}
        <div><Button type="submit" variant="filled" loading={write.isPending} disabled={Boolean(missing)}>Make it</Button> <span className="dim small">{missing}</span></div>
      </form>
    </Modal>
  )
}
