/** Builds search text in the log search's own syntax. */

const BARE = /^[A-Za-z0-9_][A-Za-z0-9_.@/-]*$/

/** A value as it must be written behind a field's colon. */
export function literal(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (BARE.test(text) && !/^(AND|OR|NOT|TO)$/.test(text)) return text
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** A field's name as it must be written before the colon. */
export function fieldName(name: string): string {
  const safe = name.replace(/[\s:()"[\]{}*?\\]/g, '\\$&').replace(/^[-+!/&|]/, '\\$&')
  return /^(AND|OR|NOT)$/.test(safe) ? `\\${safe}` : safe
}

export function term(field: string, value: unknown): string {
  return `${fieldName(field)}:${literal(value)}`
}

/** Adds a condition to a query; the same condition is not added twice, its opposite is taken out. */
export function narrow(query: string, field: string, value: unknown, without = false): string {
  return add(query, term(field, value), without)
}

/** Asks for lines that have a field, or have it not. */
export function narrowExists(query: string, field: string, without = false): string {
  return add(query, `${fieldName(field)}:*`, without)
}

function add(query: string, condition: string, without: boolean): string {
  const wanted = without ? `NOT ${condition}` : condition
  const opposite = without ? condition : `NOT ${condition}`
  const parts = split(query).filter((part) => part !== wanted && part !== opposite)
  return join([...parts, wanted])
}

/** The parts of a query that a plain AND joins at the top; one part when there is an OR. */
export function split(query: string): string[] {
  const text = query.trim()
  if (!text || text === '*') return []
  const parts: string[] = []
  let depth = 0
  let quoted = false
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '\\') i++
    else if (c === '"') quoted = !quoted
    else if (!quoted && (c === '(' || c === '[' || c === '{')) depth++
    else if (!quoted && (c === ')' || c === ']' || c === '}')) depth--
    else if (!quoted && depth === 0 && text.startsWith(' AND ', i)) {
      parts.push(text.slice(start, i).trim())
      start = i + 5
      i += 4
    } else if (!quoted && depth === 0 && text.startsWith(' OR ', i)) return [`(${text})`]
  }
  parts.push(text.slice(start).trim())
  return parts.filter(Boolean)
}

function join(parts: string[]): string {
  return parts.join(' AND ')
}

/** One argument of a shell command, quoted where needed. */
export function shell(text: string): string {
  if (/^[A-Za-z0-9_./:=@%+-]+$/.test(text)) return text
  if (text.includes("'") && !/["$`\\!]/.test(text)) return `"${text}"`
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** The same search as a command. */
export function logsCommand(search: { query?: string; since?: string; until?: string; tail?: boolean }): string {
  const parts = ['andon logs', shell(search.query?.trim() || '*')]
  if (search.since) parts.push('--since', shell(search.since))
  if (search.until) parts.push('--until', shell(search.until))
  if (search.tail) parts.push('-f')
  return parts.join(' ')
}
