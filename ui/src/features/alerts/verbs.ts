import { answer, client } from '~/api/client'
import { useWrite } from '~/components/form'

export function useAlertVerbs(name: string) {
  const path = { params: { path: { name } }, body: {} }
  return {
    acknowledge: useWrite(() => answer(client.POST('/api/v1/alerts/{name}/acknowledge', path)), { done: 'Acknowledged: nobody else is paged' }),
    resolve: useWrite(() => answer(client.POST('/api/v1/alerts/{name}/resolve', path)), { done: 'Resolved' }),
  }
}
