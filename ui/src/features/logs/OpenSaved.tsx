import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { object } from '~/api/queries'
import type { SavedSearch } from '~/api/types'
import { Fetched } from '~/components/Fetched'
import { Page } from '~/components/Page'
import { LinkButton } from '~/components/Ref'
import { addressOf } from '~/lib/logaddress'

/** The page behind a link that names a saved search alone: goes on to what is saved now. */
export function OpenSaved({ name }: { name: string }) {
  const navigate = useNavigate({ from: '/logs' })
  const query = useQuery({ ...object<SavedSearch>('saved-searches', name), retry: false })
  const spec = query.data?.spec
  useEffect(() => {
    if (spec) void navigate({ search: (address) => ({ ...address, ...addressOf(spec) }), replace: true })
  }, [spec, navigate])
  return (
    <Page title="Logs" fill actions={query.isError && <LinkButton href="/logs">All logs</LinkButton>}>
      <Fetched query={query} lines={10}>{() => null}</Fetched>
    </Page>
  )
}
