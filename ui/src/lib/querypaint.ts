import { lex, type TokenKind } from './querylex'

export interface Piece {
  text: string
  kind: TokenKind
  wrong: boolean
}

/** The pieces of a query with their kinds; the one where it cannot be read stands alone. */
export function paint(text: string, wrongAt?: number): Piece[] {
  const pieces: Piece[] = lex(text).flatMap((token) => {
    const piece = { text: token.text, kind: token.kind, wrong: false }
    if (wrongAt === undefined || wrongAt < token.from || wrongAt >= token.to) return [piece]
    const cut = wrongAt - token.from
    const head = { ...piece, text: token.text.slice(0, cut) }
    const tail = { ...piece, text: token.text.slice(cut), wrong: true }
    return head.text ? [head, tail] : [tail]
  })
  // A mistake at the end is that something is missing.
  if (wrongAt !== undefined && wrongAt >= text.length) pieces.push({ text: '', kind: 'space', wrong: true })
  return pieces
}
