import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Loading } from './Empty'
import { ProblemView } from './Problem'

/** What a read has brought so far: its data, a quiet placeholder, or what went wrong. Old data stays while a reread fails. */
export function Fetched<T>({ query, children, lines }: { query: UseQueryResult<T>; children: (data: T) => ReactNode; lines?: number }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && <ProblemView error={query.error} retry={() => void query.refetch()} compact />}
        {children(query.data)}
      </>
    )
  }
  if (query.isError) {
    return (
      <div style={{ padding: 12 }}>
        <ProblemView error={query.error} retry={() => void query.refetch()} />
      </div>
    )
  }
  return <Loading lines={lines} />
}
