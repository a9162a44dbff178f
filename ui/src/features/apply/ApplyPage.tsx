import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { answer, client, sendText } from '~/api/client'
import { asProblem, positionOf } from '~/api/problem'
import { kinds } from '~/api/queries'
import { refOf } from '~/api/refs'
import type { ApplyResult } from '~/api/types'
import { Empty } from '~/components/Empty'
import { Page, Panel } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { RefLink } from '~/components/Ref'
import { State } from '~/components/State'
import { say } from '~/components/toast'
import { plural } from '~/lib/number'
import { toYaml } from '~/lib/yaml'
import css from './Apply.module.css'

/** YAML in, objects out: all of it or none of it. */
export function ApplyPage() {
  const { from } = useSearch({ from: '/apply' })
  const [text, setText] = useState('')
  const queries = useQueryClient()
  const area = useRef<HTMLTextAreaElement>(null)
  useTemplate(from, setText)
  const apply = useMutation({
    mutationFn: (dryRun: boolean) => sendText<{ results: ApplyResult[] }>(`/api/v1/apply${dryRun ? '?dryRun=true' : ''}`, text, 'application/yaml'),
    onSuccess: async (_, dryRun) => {
      if (dryRun) return
      say('Applied')
      await queries.invalidateQueries()
    },
  })
  const place = apply.isError ? positionOf(asProblem(apply.error)) : undefined
  useEffect(() => {
    if (!place || !area.current) return
    const lines = area.current.value.split('\n')
    const offset = lines.slice(0, place.line - 1).reduce((n, line) => n + line.length + 1, 0) + place.column - 1
    area.current.focus()
    area.current.setSelectionRange(offset, offset + 1)
  }, [place])
  const lines = Math.max(18, text.split('\n').length + 1)
  return (
    <Page title="Apply" wide kicker="Paste YAML, one document or many. All of it is stored, or none of it.">
      <div className={css.layout}>
        <Panel flush>
          <div className={css.editor}>
            <pre className={css.numbers} aria-hidden="true">
              {Array.from({ length: lines }, (_, i) => <span key={i} data-mark={place?.line === i + 1 || undefined}>{i + 1}{'\n'}</span>)}
            </pre>
            <textarea ref={area} value={text} onChange={(e) => setText(e.target.value)} rows={lines} spellCheck={false} wrap="off" aria-label="YAML" data-page-search placeholder={'apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: payments\nspec:\n  type: service\n  lifecycle: production\n  owner: payments-team'} />
          </div>
          <div className={css.bar}>
            <Button variant="filled" disabled={!text.trim()} loading={apply.isPending && apply.variables === false} onClick={() => apply.mutate(false)}>Apply</Button>
            <Button disabled={!text.trim()} loading={apply.isPending && apply.variables === true} onClick={() => apply.mutate(true)}>Dry run</Button>
            <span className="dim small">{!text.trim() ? 'Paste YAML first' : 'A dry run checks everything and stores nothing'}</span>
          </div>
        </Panel>
        <div className={css.side}>
          {apply.isError && <ProblemView error={apply.error} />}
          {apply.data ? <Results results={apply.data.results} dryRun={apply.variables === true} /> : (
            !apply.isError && <Panel><Empty title="What comes of it shows here." command="andon apply -f DIR --dry-run">The same from a shell, for whole folders. <code>andon explain KIND</code> shows the fields of a kind.</Empty></Panel>
          )}
        </div>
      </div>
    </Page>
  )
}

function Results({ results, dryRun }: { results: ApplyResult[]; dryRun: boolean }) {
  return (
    <Panel title={dryRun ? `Dry run: ${plural(results.length, 'object')}, nothing stored` : `Applied ${plural(results.length, 'object')}`} flush>
      <ul className={css.results}>
        {results.slice(0, 200).map((result, i) => {
          const ref = typeof result.object === 'string' ? result.object : refOf(result.object)
          return (
            <li key={`${ref}-${i}`}>
              <State tone={result.action === 'unchanged' ? 'unknown' : 'ok'} word={dryRun && result.action !== 'unchanged' ? `would be ${result.action}` : result.action} />
              <span className="wrap">{dryRun && result.action === 'created' ? <code>{ref}</code> : <RefLink to={ref}>{ref}</RefLink>}</span>
            </li>
          )
        })}
        {results.length > 200 && <li className="dim">and {results.length - 200} more</li>}
      </ul>
    </Panel>
  )
}

/** Starts with the example of a kind, or with an object to be edited. */
function useTemplate(from: string | undefined, set: (text: string) => void) {
  const known = useQuery({ ...kinds, enabled: Boolean(from) }).data
  const done = useRef<string>(undefined)
  useEffect(() => {
    if (!from || done.current === from) return
    const [plural, ...rest] = from.split('/')
    if (plural && rest.length > 0) {
      done.current = from
      void answer(client.GET('/api/v1/{plural}/{name}', { params: { path: { plural, name: rest.join('/') } } })).then((object) => {
        const { status: _status, ...plain } = object
        const { uid: _uid, createdAt: _created, updatedAt: _updated, ...metadata } = plain.metadata
        set(toYaml({ ...plain, metadata }))
      }, (error: unknown) => say(asProblem(error).detail))
      return
    }
    const kind = known?.find((k) => k.plural === plural)
    if (!kind) return
    done.current = from
    set(kind.example ?? `apiVersion: ${kind.apiVersion}\nkind: ${kind.kind}\nmetadata:\n  name: \nspec:\n`)
  }, [from, known, set])
}
