import { Button, Select, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { answer, client } from '~/api/client'
import { list } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { Andon, Component } from '~/api/types'
import { useWrite } from '~/components/form'
import { Icon } from '~/components/Icon'
import { ProblemView } from '~/components/Problem'
import css from './Andon.module.css'

/** What is wrong, where, and for which customer: nothing else is asked of whoever sees trouble. */
export function PullForm({ scope: given, pulled }: { scope?: string; pulled: (andon: Andon) => void }) {
  const [scope, setScope] = useState<string | null>(given ?? null)
  const [reason, setReason] = useState('')
  const [caseNumber, setCase] = useState('')
  const services = useQuery(list<Component>('components', { limit: 1000, order: 'name' }))
  const options = [
    ...(services.data?.items ?? []).map((c) => ({ value: refOf(c), label: c.metadata.name })),
    { value: '*', label: 'The whole line' },
  ]
  if (given && !options.some((o) => o.value === given)) options.unshift({ value: given, label: given })
  const write = useWrite(
    () => answer(client.POST('/api/v1/andons', { body: { scope: scope ?? '', reason: reason.trim(), ...(caseNumber.trim() ? { case: caseNumber.trim() } : {}) } })),
    { done: 'The line is stopped', after: pulled, quiet: true },
  )
  const why = !scope ? 'Say what is to be stopped' : undefined
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault()
        if (!why) write.mutate(undefined)
      }}
    >
      <Select label="What is to be stopped" data={options} value={scope} onChange={setScope} searchable placeholder="A service" size="sm" data-autofocus={given ? undefined : true} />
      <Textarea label="What is wrong, in your words" value={reason} onChange={(e) => setReason(e.currentTarget.value)} autosize minRows={2} maxLength={2000} placeholder="They were charged twice" size="sm" data-autofocus={given ? true : undefined} />
      <TextInput label="Customer’s case number, if there is one" value={caseNumber} onChange={(e) => setCase(e.currentTarget.value)} maxLength={100} size="sm" />
      {write.isError && <ProblemView error={write.error} compact />}
      <div className={css.formFoot}>
        <Button type="submit" color="stop" variant="filled" size="sm" loading={write.isPending} disabled={Boolean(why)} leftSection={<Icon name="andon" />}>
          Stop the line
        </Button>
        <span className="dim small">{why ?? 'New deploys are refused until someone releases it with a countermeasure. Rollbacks always pass.'}</span>
      </div>
    </form>
  )
}
