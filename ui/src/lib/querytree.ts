import { lex, phraseText, unescaped, type Token } from './querylex'

/** What a query means, for what is made of it here: words to mark, the same question in SQL. The server alone decides what is found. */
export type Test =
  | { type: 'exists' }
  | { type: 'word'; text: string }
  | { type: 'phrase'; text: string }
  | { type: 'wildcard'; pattern: string }
  | { type: 'regex'; source: string }
  | { type: 'range'; low: string | undefined; high: string | undefined; withLow: boolean; withHigh: boolean }

export type Tree =
  | { type: 'all' }
  | { type: 'not'; of: Tree }
  | { type: 'and' | 'or'; of: Tree[] }
  | { type: 'leaf'; field: string | undefined; test: Test }

class Unreadable extends Error {}

/** Reads a query; nothing when it is not one that the server would take. */
export function readTree(text: string): Tree | undefined {
  const tokens = lex(text).filter((token) => token.kind !== 'space')
  // A blank behind a colon is a mistake that the tokens alone no longer show.
  if (/(^|[^\\]):(\s|$)/.test(outsideQuotes(text))) return undefined
  if (tokens.length === 0) return { type: 'all' }
  const reader = new Reader(tokens)
  try {
    const tree = reader.or(undefined)
    return reader.peek() ? undefined : tree
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
}

function outsideQuotes(text: string): string {
  return lex(text).map((t) => (['word', 'wildcard', 'phrase', 'regex', 'range'].includes(t.kind) ? 'x' : t.text)).join('')
}

const DEPTH_MAX = 40

class Reader {
  private at = 0
  private depth = 0
  constructor(private readonly tokens: Token[]) {}

  peek(): Token | undefined {
    return this.tokens[this.at]
  }

  private take(kind: Token['kind'], text?: string): Token | undefined {
    const token = this.peek()
    if (token?.kind !== kind || (text !== undefined && token.text !== text)) return undefined
    this.at++
    return token
  }

  or(field: string | undefined): Tree {
    if (++this.depth > DEPTH_MAX) throw new Unreadable()
    const parts = [this.and(field)]
    while (this.take('operator', 'OR') || this.take('operator', '||')) parts.push(this.and(field))
    this.depth--
    return parts.length === 1 && parts[0] ? parts[0] : { type: 'or', of: parts }
  }

  private and(field: string | undefined): Tree {
    const parts = [this.unary(field)]
    for (;;) {
      const next = this.peek()
      if (!next || next.kind === 'close' || (next.kind === 'operator' && (next.text === 'OR' || next.text === '||'))) break
      this.take('operator', 'AND') ?? this.take('operator', '&&')
      parts.push(this.unary(field))
    }
    return parts.length === 1 && parts[0] ? parts[0] : { type: 'and', of: parts }
  }

  private unary(field: string | undefined): Tree {
    if (this.take('operator', 'NOT') || this.take('sign', '!') || this.take('sign', '-')) return { type: 'not', of: this.unary(field) }
    if (this.take('sign', '+')) return this.unary(field)
    return this.primary(field)
  }

  private primary(field: string | undefined): Tree {
    if (this.take('open')) {
      const inner = this.or(field)
      if (!this.take('close')) throw new Unreadable()
      return inner
    }
    const name = this.take('field')
    if (name) {
      if (!this.take('colon')) throw new Unreadable()
      const own = unescaped(name.text)
      if (own === '*' && this.take('wildcard', '*')) return { type: 'all' }
      if (this.peek()?.kind === 'open') return this.primary(own)
      return this.value(own)
    }
    return this.value(field)
  }

  private value(field: string | undefined): Tree {
    const token = this.peek()
    if (!token || !token.closed) throw new Unreadable()
    this.at++
    const leaf = (test: Test): Tree => (field === undefined && test.type === 'exists' ? { type: 'all' } : field === '_exists_' && test.type === 'word' ? { type: 'leaf', field: test.text, test: { type: 'exists' } } : { type: 'leaf', field, test })
    switch (token.kind) {
      case 'word':
        if (/^[\]}]$/.test(token.text)) throw new Unreadable()
        return leaf({ type: 'word', text: unescaped(token.text) })
      case 'wildcard':
        return leaf(token.text === '*' ? { type: 'exists' } : { type: 'wildcard', pattern: token.text })
      case 'phrase':
        return leaf({ type: 'phrase', text: phraseText(token) })
      case 'regex':
        return leaf({ type: 'regex', source: token.text.slice(1, -1).replaceAll('\\/', '/') })
      case 'range':
        return leaf(range(token.text))
      case 'comparator': {
        const value = this.peek()
        if (!field || !value || (value.kind !== 'word' && value.kind !== 'phrase') || !value.closed) throw new Unreadable()
        this.at++
        const bound = value.kind === 'phrase' ? phraseText(value) : unescaped(value.text)
        const within = token.text.endsWith('=')
        return leaf(token.text.startsWith('>')
          ? { type: 'range', low: bound, high: undefined, withLow: within, withHigh: true }
          : { type: 'range', low: undefined, high: bound, withLow: true, withHigh: within })
      }
      default:
        throw new Unreadable()
    }
  }
}

function range(text: string): Test {
  const found = /^[[{]\s*("(?:\\.|[^"\\])*"|\S+)\s+TO\s+("(?:\\.|[^"\\])*"|[^\s\]}]+)\s*[\]}]$/s.exec(text)
  if (!found) throw new Unreadable()
  const bound = (raw: string | undefined) => (raw === undefined || raw === '*' ? undefined : raw.startsWith('"') ? phraseText({ text: raw, closed: true }) : unescaped(raw))
  const low = bound(found[1])
  const high = bound(found[2])
  if (low === undefined && high === undefined) return { type: 'exists' }
  return { type: 'range', low, high, withLow: text.startsWith('['), withHigh: text.endsWith(']') }
}

const WORD = '[\\p{L}\\p{N}_]'
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')

/** Words in this order, whatever separates them, as the server compares them. */
export function wordsPattern(text: string): string | undefined {
  const words = text.match(/[\p{L}\p{N}_]+/gu)
  if (!words) return text.trim() ? escaped(text) : undefined
  return `(?<!${WORD})${words.map(escaped).join('[^\\p{L}\\p{N}_]+')}(?!${WORD})`
}

/** What of the message the query asks for, to be marked in the lines; nothing when it asks for none. */
export function needles(text: string): RegExp | undefined {
  const tree = readTree(text)
  const sources: string[] = []
  const visit = (node: Tree): void => {
    if (node.type === 'and' || node.type === 'or') node.of.forEach(visit)
    if (node.type !== 'leaf' || (node.field !== undefined && node.field !== 'message')) return
    const { test } = node
    if (test.type === 'word' || test.type === 'phrase') sources.push(...[wordsPattern(test.text)].filter((s) => s !== undefined))
    else if (test.type === 'wildcard') sources.push(test.pattern.split(/([*?])/).map((p) => (p === '*' ? '\\S*' : p === '?' ? '\\S' : escaped(unescaped(p)))).join(''))
    // A repeated group could keep this engine, unlike the server's, busy for ever.
    else if (test.type === 'regex' && !/\)[*+?{]/.test(test.source)) sources.push(`(?:${test.source})`)
  }
  if (tree) visit(tree)
  if (sources.length === 0) return undefined
  try {
    return new RegExp(sources.slice(0, 40).join('|'), 'giu')
  } catch {
    return undefined
  }
}
