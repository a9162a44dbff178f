import createClient, { type Middleware } from 'openapi-fetch'
import type { paths } from './paths'
import { ProblemError, problemOf, unreachable } from './problem'

const session: Middleware = {
  onRequest({ request }) {
    // Proof that a page of this origin writes; the server asks for it when the session cookie is used.
    if (request.method !== 'GET') request.headers.set('X-Andon-CSRF', '1')
    return request
  },
  onError({ error }) {
    return new ProblemError(unreachable(error))
  },
}

/** The typed client of the public API; the pages have no other powers. */
export const client = createClient<paths>({ baseUrl: '' })
client.use(session)

/** Sends whoever is not signed in to the server's own page, and back here afterwards. */
export function goSignIn(): void {
  const here = window.location.pathname + window.location.search
  window.location.assign(`/signin?return=${encodeURIComponent(here)}`)
}

/** Unwraps an answer of the client: data, or the problem thrown. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call
  if (response.status === 401) {
    goSignIn()
    throw new ProblemError(problemOf(401, error))
  }
  if (!response.ok) throw new ProblemError(problemOf(response.status, error))
  return data as T
}

/** Sends text (YAML) where a JSON client cannot. */
export async function sendText<T>(url: string, body: string, type: string): Promise<T> {
  let response: Response
  try {
    response = await fetch(url, { method: 'POST', headers: { 'Content-Type': type, 'X-Andon-CSRF': '1' }, body })
  } catch (error) {
    throw new ProblemError(unreachable(error))
  }
  const text = await response.text()
  let parsed: unknown = text
  try {
    parsed = JSON.parse(text)
  } catch {
    // An answer that is no JSON is shown as the text it is.
  }
  if (response.status === 401) goSignIn()
  if (!response.ok) throw new ProblemError(problemOf(response.status, parsed))
  return parsed as T
}
