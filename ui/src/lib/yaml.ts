/** Prints plain JSON values as YAML that reads back as the same values. */
export function toYaml(value: unknown): string {
  return `${block(value, 0)}\n`.replace(/^\n/, '')
}

const PLAIN = /^[A-Za-z_./][A-Za-z0-9_./@+~-]*( [A-Za-z0-9_./@+~()-]+)*$/
const WORDS_WITH_MEANING = /^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan)$/i

export function scalar(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value !== 'string') return String(value)
  if (PLAIN.test(value) && !WORDS_WITH_MEANING.test(value)) return value
  // References such as `component:default/payments` are plain: a colon means nothing unless a blank follows.
  if (/^[a-z]+:[a-z0-9-]+\/[A-Za-z0-9_.-]+$/.test(value)) return value
  return JSON.stringify(value)
}

function block(value: unknown, depth: number): string {
  const pad = '  '.repeat(depth)
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []'
    return value.map((item) => `\n${pad}-${listItem(item, depth)}`).join('')
  }
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined)
    if (entries.length === 0) return ' {}'
    return entries.map(([key, v]) => `\n${pad}${scalar(key)}:${block(v, depth + 1)}`).join('')
  }
  if (typeof value === 'string' && value.includes('\n')) return literal(value, pad)
  return ` ${scalar(value)}`
}

function listItem(item: unknown, depth: number): string {
  const text = block(item, depth + 1)
  // The first line of a nested map stands behind the dash.
  return text.startsWith('\n') && !Array.isArray(item) ? ` ${text.trimStart()}` : text
}

function literal(text: string, pad: string): string {
  const keeps = text.endsWith('\n') ? '|' : '|-'
  if (/^\s/.test(text) || /[^\n\t\x20-\x7e\u00a0-\uffff]/.test(text) || /\n\n$/.test(text)) return ` ${JSON.stringify(text)}`
  const lines = text.replace(/\n$/, '').split('\n')
  return ` ${keeps}\n${lines.map((line) => (line ? pad + line : '')).join('\n')}`
}
