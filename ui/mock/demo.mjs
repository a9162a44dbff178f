// The story of the mock's demo: its steps pass when played, nothing else happens.
const STEPS = [
  ['change', 'Change', 'Payments version 2 is committed and deployed by the shop’s own script, which first asks `andon check`.', '/changes'],
  ['signal', 'Signal', 'Version 2 fails for some requests. Its real logs arrive over OTLP; an alarm on error logs fires.', '/alarms/payments-errors'],
  ['stop', 'Stop', 'The alarm pulls the andon on payments; customer service pulls it too. The next deploy is refused.', '/andon'],
  ['respond', 'Respond', 'The engineer on call is paged, acknowledges, finds the change ranked first and rolls back.', '/incidents'],
  ['learn', 'Learn', 'A COE draft stands there, filled by machine; people add factors, lessons and actions.', '/coes'],
  ['propagate', 'Propagate', 'One action is a policy: tried on past changes, then enforced. Another team’s change is refused.', '/policies/idempotency-tested'],
  ['audit', 'Audit', 'The weekly review, the wheel, the trace from change to lesson.', '/review'],
]
let done = 2

export const demo = () => ({
  steps: STEPS.map(([id, title, text, link], i) => ({ id, title, text, link, state: i < done ? 'done' : 'waiting', ...(i < done ? { detail: 'Took 4.2 s.' } : {}) })),
  next: STEPS[done]?.[0],
})
export const demoNext = () => {
  done = Math.min(STEPS.length, done + 1)
  return demo()
}
export const demoReset = () => {
  done = 0
  return demo()
}
