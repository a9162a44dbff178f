import { type ErrorComponentProps, useRouter } from '@tanstack/react-router'
import { Empty, Loading } from '~/components/Empty'
import { Page } from '~/components/Page'
import { ProblemView } from '~/components/Problem'
import { To } from '~/components/Ref'

export function RoutePending() {
  return (
    <div style={{ maxWidth: 1240, margin: '0 auto', padding: 20 }}>
      <Loading lines={6} />
    </div>
  )
}

export function RouteFailed({ error }: ErrorComponentProps) {
  const router = useRouter()
  return (
    <Page title="This page failed">
      <ProblemView error={error} retry={() => void router.invalidate()} />
    </Page>
  )
}

export function NotFoundPage() {
  return (
    <Page title="No such page">
      <Empty title="Nothing lives at this address.">
        The link may be old, or the object may have another kind. Try <To href="/catalog">the catalog</To>, or press
        Ctrl K and type its name.
      </Empty>
    </Page>
  )
}
