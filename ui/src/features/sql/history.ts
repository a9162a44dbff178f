const KEY = 'andon-sql-history'
const KEPT = 30

export function readHistory(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(stored) ? stored.filter((s): s is string => typeof s === 'string').slice(0, KEPT) : []
  } catch {
    return []
  }
}

/** Keeps a statement as the newest of the history. */
export function remember(sql: string): string[] {
  const next = [sql, ...readHistory().filter((old) => old !== sql)].slice(0, KEPT)
  try {
    localStorage.setItem(KEY, JSON.stringify(next))
  } catch {
    // A full or forbidden storage costs the history, not the query.
  }
  return next
}

export const FIXED_TABLES = [
  { name: 'logs', columns: ['timestamp', 'received_at', 'severity_number', 'severity_text', 'service', 'message', 'trace_id', 'span_id', 'scope', 'attributes', 'resource'] },
  { name: 'events', columns: ['sequence', 'id', 'at', 'principal', 'action', 'object', 'version', 'rules', 'payload', 'hash'] },
]

export const EXAMPLES: { title: string; sql: string }[] = [
  { title: 'Errors by service, last hour', sql: "select service, count(*) as errors\nfrom logs\nwhere severity_number >= 17 and timestamp > now() - interval '1 hour'\ngroup by service\norder by errors desc" },
  { title: 'Newest changes', sql: 'select name, service, version, outcome, created_at\nfrom changes\norder by created_at desc\nlimit 100' },
  { title: 'Changes by outcome', sql: 'select outcome, count(*) as n\nfrom changes\ngroup by outcome\norder by n desc' },
  { title: 'Who refused what', sql: "select at, principal, action, object\nfrom events\nwhere action like '%.refused'\norder by sequence desc\nlimit 100" },
  { title: 'Open corrective actions', sql: "select name, owner, state\nfrom actions\nwhere state = 'open'" },
]
