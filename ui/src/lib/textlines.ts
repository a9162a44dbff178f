/** The lines of a text cut to a width: of a text of megabytes only those in view are drawn. */
export class WrappedText {
  /** Where each line begins; the last entry is the end. */
  private readonly starts: number[] = []

  constructor(readonly text: string, readonly columns: number) {
    const width = Math.max(8, columns)
    let at = 0
    while (at <= text.length) {
      const newline = text.indexOf('\n', at)
      const end = newline < 0 ? text.length : newline
      if (end === at) this.starts.push(at)
      for (let from = at; from < end; from += width) this.starts.push(from)
      if (newline < 0) break
      at = newline + 1
    }
    this.starts.push(text.length + 1)
  }

  get count(): number {
    return this.starts.length - 1
  }

  line(i: number): string {
    const from = this.starts[i]
    const to = this.starts[i + 1]
    if (from === undefined || to === undefined) return ''
    return this.text.slice(from, to).replace(/\r?\n$/, '')
  }

  startOf(i: number): number {
    return this.starts[i] ?? this.text.length
  }

  /** The line that has the character. */
  lineAt(offset: number): number {
    let low = 0
    let high = this.count - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
}
