import { useQuery } from '@tanstack/react-query'
import { line, list, serviceFlow } from '~/api/queries'
import { fullRef, refOf } from '~/api/refs'
import type { Alarm, Andon, Component, Ref, ServiceFlow } from '~/api/types'

export const components = list<Component>('components', { limit: 1000, order: 'name' })
export const alarmList = list<Alarm>('alarms', { limit: 1000, order: 'name' })

/** The andons that stop a component: its own, its system's, or the whole line's. */
export function stopping(component: Component, andons: Andon[]): Andon[] {
  const ref = refOf(component)
  const system = component.spec.system ? fullRef(component.spec.system, 'system') : undefined
  return andons.filter(({ spec }) => spec.scope === '*' || fullRef(spec.scope, 'component') === ref || (system && fullRef(spec.scope, 'component') === system))
}

export interface ServiceRow {
  component: Component
  ref: Ref
  owner: Ref
  andons: Andon[]
  alarms: Alarm[]
  flow: ServiceFlow | undefined
}

/** Every component with how it stands; parts that are not known yet are absent, not fine. */
export function useServices(since = '30d') {
  const all = useQuery(components)
  const stopped = useQuery(line)
  const alarms = useQuery(alarmList)
  const flow = useQuery(serviceFlow(since))
  const byService = new Map(flow.data?.map((f) => [f.service, f]))
  const rows: ServiceRow[] = (all.data?.items ?? []).map((component) => {
    const ref = refOf(component)
    return {
      component,
      ref,
      owner: fullRef(component.spec.owner, 'group'),
      andons: stopping(component, stopped.data?.andons ?? []),
      alarms: (alarms.data?.items ?? []).filter((alarm) => alarm.spec.service === ref),
      flow: byService.get(ref),
    }
  })
  return { query: all, rows, line: stopped }
}

/** Who depends on a component, by what the others declare and what it declares itself. */
export function neighbours(component: Component, all: Component[]): { dependsOn: Ref[]; dependants: Ref[] } {
  const ref = refOf(component)
  const wanted = (refs: string[] | undefined) => (refs ?? []).map((r) => fullRef(r, 'component'))
  const provided = new Set((component.spec.providesApis ?? []).map((r) => fullRef(r, 'api')))
  const dependants = all
    .filter((other) => wanted(other.spec.dependsOn).includes(ref) || (other.spec.consumesApis ?? []).some((api) => provided.has(fullRef(api, 'api'))))
    .map(refOf)
  return {
    dependsOn: [...new Set(wanted(component.spec.dependsOn))],
    dependants: [...new Set([...dependants, ...wanted(component.spec.dependencyOf)])],
  }
}
