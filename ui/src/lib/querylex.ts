/**
 * The words of a log query, as the server splits them. It never fails: what is unfinished is a token
 * like any other, so that a query can be coloured and completed while it is typed.
 */
export type TokenKind = 'space' | 'word' | 'wildcard' | 'field' | 'colon' | 'operator' | 'sign' | 'phrase' | 'regex' | 'range' | 'open' | 'close' | 'comparator'

export interface Token {
  kind: TokenKind
  from: number
  to: number
  text: string
  /** False for a phrase, regular expression or range without its end. */
  closed: boolean
}

const BLANK = /\s/
const ENDS_RUN = /[\s()"[\]{}]/

export function lex(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let afterColon = false
  const push = (kind: TokenKind, to: number, closed = true) => {
    tokens.push({ kind, from: at, to, text: text.slice(at, to), closed })
    at = to
    afterColon = kind === 'colon' || kind === 'comparator'
  }
  while (at < text.length) {
    const c = text[at] ?? ''
    if (BLANK.test(c)) push('space', runEnd(text, at, (x) => !BLANK.test(x)))
    else if (c === '(') push('open', at + 1)
    else if (c === ')') push('close', at + 1)
    else if (c === '"') push('phrase', ...delimited(text, at, '"'))
    else if (c === '/' ) push('regex', ...delimited(text, at, '/'))
    else if (c === '[' || c === '{') push('range', ...rangeEnd(text, at))
    else if (c === ']' || c === '}') push('word', at + 1)
    else if (afterColon && (c === '>' || c === '<')) push('comparator', at + (text[at + 1] === '=' ? 2 : 1))
    else if (!afterColon && (text.startsWith('&&', at) || text.startsWith('||', at))) push('operator', at + 2)
    else if (!afterColon && /[-!+]/.test(c) && at + 1 < text.length && !BLANK.test(text[at + 1] ?? '')) push('sign', at + 1)
    else if (!afterColon && c === ':') push('colon', at + 1)
    else run()
  }
  return tokens

  function run() {
    const value = afterColon
    let end = at
    let wild = false
    while (end < text.length) {
      const c = text[end] ?? ''
      if (c === '\\') { end += 2; continue }
      if (ENDS_RUN.test(c) || (!value && c === ':')) break
      if (c === '*' || c === '?') wild = true
      end++
    }
    end = Math.min(text.length, Math.max(end, at + 1))
    const word = text.slice(at, end)
    const next = text[end]
    if (!value && next === ':') push('field', end)
    else if (!value && /^(AND|OR|NOT)$/.test(word)) push('operator', end)
    else push(wild ? 'wildcard' : 'word', end)
  }
}

function runEnd(text: string, from: number, stop: (c: string) => boolean): number {
  let end = from
  while (end < text.length && !stop(text[end] ?? '')) end++
  return end
}

function delimited(text: string, from: number, mark: string): [number, boolean] {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === mark) return [i + 1, true]
  }
  return [text.length, false]
}

function rangeEnd(text: string, from: number): [number, boolean] {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '"') {
      const [end, closed] = delimited(text, i, '"')
      if (!closed) return [text.length, false]
      i = end - 1
    } else if (text[i] === ']' || text[i] === '}') return [i + 1, true]
    else if (text[i] === '(' || text[i] === ')') return [i, false]
  }
  return [text.length, false]
}

/** A word or field name without its backslashes. */
export function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, '$1')
}

/** The text of a phrase, closed or not. */
export function phraseText(token: Pick<Token, 'text' | 'closed'>): string {
  return unescaped(token.text.slice(1, token.closed ? -1 : undefined))
}
