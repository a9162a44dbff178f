import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { answer, client } from '~/api/client'
import { asProblem, ProblemError } from '~/api/problem'
import { list, me, object } from '~/api/queries'
import { pathName, refOf, shortName } from '~/api/refs'
import type { SavedSearch, SavedSearchSpec } from '~/api/types'
import { differences, freeName, nameOf, type Asked } from '~/lib/logaddress'

const PLURAL = 'saved-searches'
/** So many are listed; the catalog has them all. */
export const LISTED = 1_000
/** No stored object has this version, so what is made with it never replaces another. */
const NEVER_STORED = Number.MAX_SAFE_INTEGER

export const savedName = (saved: SavedSearch) => pathName(refOf(saved))

export function useSavedList(isWanted: boolean) {
  return useQuery({ ...list<SavedSearch>(PLURAL, { limit: LISTED, order: 'name' }), enabled: isWanted })
}

/** The saved search that is open, and in what the page differs from it. */
export function useOpenSaved(name: string | undefined, asked: Asked): { saved: SavedSearch | undefined; isGone: boolean; changed: string[] } {
  const query = useQuery({ ...object<SavedSearch>(PLURAL, name ?? ''), enabled: Boolean(name), retry: false })
  const isGone = Boolean(name) && query.isError && asProblem(query.error).status === 404
  // What was read before it went is kept by the cache, but it is stored no more.
  const saved = name && !isGone ? query.data : undefined
  return { saved, isGone, changed: saved ? differences(saved.spec, asked) : [] }
}

/** Whether the caller may do something, and if not, why not. */
export function useMay(permission: string): { may: boolean; why: string | undefined } {
  const caller = useQuery(me).data
  const may = !caller || caller.permissions.includes('*') || caller.permissions.includes(permission)
  return { may, why: may ? undefined : `This needs the permission ${permission}, which ${caller.roles.length > 0 ? `the role ${caller.roles.join(', ')} does` : 'your roles do'} not give.` }
}

function useRefresh() {
  const queries = useQueryClient()
  return () => queries.invalidateQueries({ predicate: (query) => Boolean(query.meta?.kinds?.includes('savedsearch')) })
}

/** Stores a search: over the one that is given, as read, or under a name that nothing else has. */
export function useStore(after: (stored: SavedSearch) => void) {
  const refresh = useRefresh()
  return useMutation({
    mutationFn: ({ over, spec }: { over?: SavedSearch; spec: SavedSearchSpec }) => (over ? put(savedName(over), { ...over, spec }) : make(spec)),
    onSuccess: async (stored) => {
      await refresh()
      after(stored)
    },
    // Somebody else was faster: what they stored is shown, and stored over only by a further decision.
    onError: (error) => (asProblem(error).code === 'OBJ-0005' ? refresh() : undefined),
  })
}

const put = (name: string, saved: SavedSearch) => answer(client.PUT('/api/v1/{plural}/{name}', { params: { path: { plural: PLURAL, name } }, body: saved as never })) as unknown as Promise<SavedSearch>

async function make(spec: SavedSearchSpec): Promise<SavedSearch> {
  const taken = new Set<string>()
  for (;;) {
    const name = freeName(nameOf(spec.title), (one) => taken.has(one))
    try {
      return await put(name, { apiVersion: 'andon.dev/v1', kind: 'SavedSearch', metadata: { name, namespace: 'default', version: NEVER_STORED }, spec })
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.code !== 'OBJ-0005' || taken.size >= LISTED) throw error
      taken.add(name)
    }
  }
}

export function useDelete(after: () => void) {
  const refresh = useRefresh()
  return useMutation({
    mutationFn: (saved: SavedSearch) => answer(client.DELETE('/api/v1/{plural}/{name}', { params: { path: { plural: PLURAL, name: savedName(saved) } } })),
    onSuccess: async () => {
      after()
      await refresh()
    },
  })
}

/** The searches whose title, name, words or query have all of these words. */
export function matching(items: SavedSearch[], words: string): SavedSearch[] {
  const wanted = words.trim().toLowerCase().split(/\s+/).filter(Boolean)
  const text = ({ metadata, spec }: SavedSearch) => [spec.title, shortName(metadata.name), spec.description, spec.query].join('\n').toLowerCase()
  return items.filter((item) => wanted.every((word) => text(item).includes(word))).sort((a, b) => a.spec.title.localeCompare(b.spec.title, undefined, { numeric: true }))
}
