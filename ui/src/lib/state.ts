/** The one visual language of state: every domain's words map to a few tones. */
export type Tone = 'ok' | 'warning' | 'stopped' | 'unknown' | 'moving'

export interface StateWords {
  tone: Tone
  word: string
}

const STATES: Record<string, StateWords> = {
  ok: { tone: 'ok', word: 'ok' },
  warning: { tone: 'warning', word: 'warning' },
  stopped: { tone: 'stopped', word: 'stopped' },
  unknown: { tone: 'unknown', word: 'unknown' },
  // alarms
  firing: { tone: 'stopped', word: 'firing' },
  // andons: the line stays stopped until the release
  pulled: { tone: 'stopped', word: 'pulled' },
  released: { tone: 'ok', word: 'released' },
  // alerts
  triggered: { tone: 'stopped', word: 'triggered' },
  acknowledged: { tone: 'warning', word: 'acknowledged' },
  resolved: { tone: 'ok', word: 'resolved' },
  // incidents
  investigating: { tone: 'stopped', word: 'investigating' },
  identified: { tone: 'stopped', word: 'identified' },
  mitigated: { tone: 'warning', word: 'mitigated' },
  // changes
  inProgress: { tone: 'moving', word: 'in progress' },
  succeeded: { tone: 'ok', word: 'succeeded' },
  failed: { tone: 'stopped', word: 'failed' },
  rolledBack: { tone: 'warning', word: 'rolled back' },
  // COEs and actions
  draft: { tone: 'moving', word: 'draft' },
  inReview: { tone: 'moving', word: 'in review' },
  published: { tone: 'moving', word: 'published' },
  verified: { tone: 'ok', word: 'verified' },
  open: { tone: 'moving', word: 'open' },
  overdue: { tone: 'warning', word: 'overdue' },
  // policies
  trial: { tone: 'unknown', word: 'on trial' },
  enforced: { tone: 'ok', word: 'enforced' },
  // pages
  pending: { tone: 'moving', word: 'pending' },
  accepted: { tone: 'ok', word: 'accepted' },
  cancelled: { tone: 'unknown', word: 'cancelled' },
  // tests
  passed: { tone: 'ok', word: 'passed' },
  missing: { tone: 'warning', word: 'missing' },
  // demo steps, listeners
  waiting: { tone: 'unknown', word: 'waiting' },
  running: { tone: 'moving', word: 'running' },
  done: { tone: 'ok', word: 'done' },
  listening: { tone: 'ok', word: 'listening' },
}

/** The tone and word of a state; a state nobody knows is unknown, never fine. */
export function stateOf(state: string | undefined): StateWords {
  if (!state) return { tone: 'unknown', word: 'unknown' }
  return STATES[state] ?? { tone: 'unknown', word: state }
}

/** An andon that somebody is on still stops the line, so it keeps the tone of stopped. */
export function andonState(state: string | undefined): StateWords {
  if (state === 'released') return { tone: 'ok', word: 'released' }
  return { tone: 'stopped', word: state === 'acknowledged' ? 'stopped, someone is on it' : 'stopped' }
}

export type Band = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'unset'

/** The band of a log line's severity, from OpenTelemetry's number or the sender's spelling. */
export function bandOf(number: number | undefined, text?: string): Band {
  if (number) {
    return number <= 4 ? 'trace' : number <= 8 ? 'debug' : number <= 12 ? 'info' : number <= 16 ? 'warn' : number <= 20 ? 'error' : 'fatal'
  }
  const lower = (text ?? '').toLowerCase()
  if (/^(fatal|critical|crit|emerg|alert|panic)/.test(lower)) return 'fatal'
  if (/^err/.test(lower)) return 'error'
  if (/^warn/.test(lower)) return 'warn'
  if (/^(info|notice)/.test(lower)) return 'info'
  if (/^debug/.test(lower)) return 'debug'
  return /^trace/.test(lower) ? 'trace' : 'unset'
}
