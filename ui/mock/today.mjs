// What happened today: an alarm, two pulls, an incident; and what was learned from the last one.
import { DAY, HOUR, MINUTE, NOW, TODAY, iso, own, put, SERVICES, TEAMS } from './world.mjs'

const person = (name) => `user:default/${name}`

export function today() {
  alarms()
  andons()
  alerts()
  incidents()
  learning()
  policies()
  onCall()
  savedSearches()
}

function savedSearches() {
  put(own('SavedSearch', 'payments-declined', { title: 'Declined payments', query: 'service:payments AND level:error', since: '6h', columns: ['service', 'http.route'], order: 'newest', description: 'Cards that the bank refuses; more than a few a minute is an incident.' }))
  put(own('SavedSearch', 'slow-acquirer', { title: 'The acquirer is slow', query: '"slow answer" AND level:>=warn', since: '24h', columns: ['service', 'duration_ms'], order: 'oldest' }))
  put(own('SavedSearch', 'gateway-everything', { title: 'All of the gateway', query: 'service:gateway' }))
}

function alarms() {
  const states = { payments: 'firing', notifications: 'unknown' }
  for (const service of Object.keys(SERVICES)) {
    const state = states[service] ?? 'ok'
    put(own('Alarm', `${service}-errors`, {
      service: `component:default/${service}`, query: `service:${service} AND level:>=error`, window: '1m', comparison: 'above',
      threshold: 5, breachingWindows: 2, clearWindows: 2, severity: 'sev2', pullsAndon: service === 'payments',
      customerSymptom: service === 'payments' ? 'Cards are charged twice or not at all' : undefined,
      runbook: 'https://runbooks.acme.example/errors',
    }, {
      state, since: iso(state === 'firing' ? NOW - 44 * MINUTE : NOW - 3 * DAY),
      reason: state === 'firing' ? '41 lines in the window of 1m, more than 5, for 2 windows' : state === 'unknown' ? 'no lines were received for 12 windows; the data is incomplete' : '0 lines in the window of 1m',
      value: state === 'firing' ? 41 : state === 'unknown' ? undefined : 0, lastFiredAt: state === 'firing' ? iso(NOW - 44 * MINUTE) : undefined, firedCount: state === 'firing' ? 3 : 0,
    }))
  }
}

function andons() {
  put(own('Andon', 'and-40', { scope: 'component:default/shipping', reason: 'Labels are printed for the wrong country', cases: ['CS-19822'], pulledBy: person('clara') }, {
    state: 'released', pulledAt: iso(NOW - 9 * DAY), acknowledgedAt: iso(NOW - 9 * DAY + 3 * MINUTE), acknowledgedBy: person('jun'),
    releasedAt: iso(NOW - 9 * DAY + 70 * MINUTE), releasedBy: person('jun'), countermeasure: 'Country now comes from the address, not from the session; a test covers both.',
  }, NOW - 9 * DAY))
  put(own('Andon', 'and-41', { scope: 'component:default/payments', reason: 'payments-errors fired: 41 lines in 1m, more than 5', cases: ['CS-20117', 'CS-20121'], pulledBy: 'system:alarms', alarm: 'alarm:default/payments-errors' }, {
    state: 'acknowledged', pulledAt: iso(NOW - 44 * MINUTE), acknowledgedAt: iso(NOW - 41 * MINUTE), acknowledgedBy: person('maya'), incident: 'incident:default/inc-12',
    pulls: [
      { by: person('clara'), at: iso(NOW - 38 * MINUTE), reason: 'they were charged twice', case: 'CS-20117' },
      { by: person('clara'), at: iso(NOW - 22 * MINUTE), reason: 'another customer, same thing', case: 'CS-20121' },
    ],
  }, NOW - 44 * MINUTE))
  put(own('Andon', 'and-42', { scope: 'component:default/notifications', reason: 'Order mails do not arrive', cases: [], pulledBy: person('clara') }, { state: 'pulled', pulledAt: iso(NOW - 4 * MINUTE) }, NOW - 4 * MINUTE))
}

function page(id, user, channel, at, state = 'accepted', more = {}) {
  return { id, user: person(user), channel, dueAt: iso(at), state, ...(state === 'accepted' ? { acceptedAt: iso(at + 1_400) } : {}), attempts: state === 'pending' ? 0 : 1, ...more }
}

function alerts() {
  put(own('Alert', 'alt-88', {
    title: 'payments-errors: more than 5 errors a minute', source: 'alarm:default/payments-errors', dedupKey: 'payments-errors', service: 'component:default/payments',
    severity: 'sev2', labels: { team: 'payments' }, annotations: { symptom: 'Cards are charged twice or not at all' }, escalationPolicy: 'escalationpolicy:default/payments',
  }, {
    state: 'acknowledged', eventCount: 14, startedAt: iso(NOW - 44 * MINUTE), acknowledgedAt: iso(NOW - 41 * MINUTE), acknowledgedBy: person('maya'), step: 0, round: 0, incident: 'incident:default/inc-12',
    pages: [page('pg-1', 'maya', 'email', NOW - 44 * MINUTE), page('pg-2', 'maya', 'webhook', NOW - 44 * MINUTE), page('pg-3', 'ines', 'slack', NOW - 39 * MINUTE, 'cancelled')],
  }, NOW - 44 * MINUTE))
  put(own('Alert', 'alt-89', {
    title: 'Disk of warehouse-db-2 is 91 % full', source: 'prometheus', dedupKey: 'DiskFull/warehouse-db-2', service: 'component:default/inventory', severity: 'sev3',
    labels: { alertname: 'DiskFull', instance: 'warehouse-db-2:9100' }, annotations: { summary: 'Less than 9 % left on /var' },
  }, { state: 'triggered', eventCount: 3, startedAt: iso(NOW - 6 * MINUTE), step: 0, stalled: 'inventory’s owner fulfilment has no escalation policy whose first step reaches somebody', pages: [page('pg-4', 'jun', 'email', NOW - 6 * MINUTE), page('pg-5', 'jun', 'webhook', NOW - 6 * MINUTE, 'failed', { failure: 'connection refused', attempts: 3 })] }, NOW - 6 * MINUTE))
  put(own('Alert', 'alt-87', { title: 'shipping: label queue grows', source: 'prometheus', dedupKey: 'QueueGrows/labels', service: 'component:default/shipping', severity: 'sev3' }, {
    state: 'resolved', eventCount: 5, startedAt: iso(NOW - 9 * DAY), acknowledgedAt: iso(NOW - 9 * DAY + 4 * MINUTE), acknowledgedBy: person('jun'), resolvedAt: iso(NOW - 9 * DAY + 75 * MINUTE), pages: [page('pg-0', 'jun', 'email', NOW - 9 * DAY)],
  }, NOW - 9 * DAY))
}

const entry = (at, entryType, actor, text, object) => ({ at: iso(at), entryType, actor, text, ...(object ? { object } : {}) })

function incidents() {
  const t = NOW - 44 * MINUTE
  put(own('Incident', 'inc-12', { title: 'Customers are charged twice', severity: 'sev2', services: ['component:default/payments'], commander: person('maya') }, {
    state: 'identified', alerts: ['alert:default/alt-88'], andons: ['andon:default/and-41'], startedAt: iso(NOW - 50 * MINUTE), detectedAt: iso(t), acknowledgedAt: iso(t + 3 * MINUTE),
    suspects: [
      { change: `change:default/${TODAY.bad}`, score: 0.86, reasons: ['reached customers 8 minutes before the first error', 'changes the service that fails', 'its idempotency test is missing'] },
      { change: 'change:default/chg-9987', score: 0.09, reasons: ['changes fraud-check, on which payments depends', 'reached customers 7 hours before'] },
    ],
    timeline: [
      entry(NOW - 52 * MINUTE, 'change', 'token:deploy', 'payments 2 reached customers', `change:default/${TODAY.bad}`),
      entry(t, 'alarm', 'system:alarms', 'payments-errors fired: 41 lines in 1m, more than 5', 'alarm:default/payments-errors'),
      entry(t, 'andon', 'system:alarms', 'The andon on payments was pulled', 'andon:default/and-41'),
      entry(t + 1_000, 'page', 'system:response', 'Paged maya by email and webhook', 'alert:default/alt-88'),
      entry(t + 3 * MINUTE, 'acknowledge', person('maya'), 'Acknowledged from the page link', 'alert:default/alt-88'),
      entry(t + 6 * MINUTE, 'andon', person('clara'), 'Pulled too: “they were charged twice”, case CS-20117', 'andon:default/and-41'),
      entry(t + 11 * MINUTE, 'note', person('maya'), 'Retries to the new acquirer send no idempotency key. Rolling back.'),
      entry(t + 13 * MINUTE, 'state', person('maya'), 'investigating → identified'),
    ],
  }, t))
  const o = NOW - 23 * DAY
  put(own('Incident', 'inc-11', { title: 'Orders without a shipping label', severity: 'sev2', services: ['component:default/shipping'], commander: person('jun') }, {
    state: 'resolved', alerts: ['alert:default/alt-87'], andons: ['andon:default/and-40'], startedAt: iso(o), detectedAt: iso(o + 2 * MINUTE), acknowledgedAt: iso(o + 5 * MINUTE), mitigatedAt: iso(o + 31 * MINUTE), resolvedAt: iso(o + 75 * MINUTE),
    suspects: [{ change: 'change:default/chg-9230', score: 0.7, reasons: ['reached customers 12 minutes before', 'changes the service that fails'] }], coe: 'coe:default/coe-7',
    timeline: [entry(o, 'alert', 'prometheus', 'shipping: label queue grows', 'alert:default/alt-87'), entry(o + 31 * MINUTE, 'state', person('jun'), 'identified → mitigated')],
  }, o))
  put(own('Incident', 'inc-10', { title: 'Search answers slowly', severity: 'sev3', services: ['component:default/search'] }, { state: 'resolved', alerts: [], andons: [], startedAt: iso(NOW - 40 * DAY), detectedAt: iso(NOW - 40 * DAY), resolvedAt: iso(NOW - 40 * DAY + 3 * HOUR), suspects: [], timeline: [] }, NOW - 40 * DAY))
}

function learning() {
  const o = NOW - 23 * DAY
  const starts = Array.from({ length: 60 }, (_, i) => (o - 20 * MINUTE + i * 2 * MINUTE) * 1_000)
  put(own('COE', 'coe-7', {
    title: 'Orders without a shipping label', incident: 'incident:default/inc-11', owner: 'group:default/fulfilment', severity: 'sev2',
    summary: 'For 31 minutes 214 orders were taken without a shipping label. They were sent a day late. A change moved the country from the address to the session, which phones do not keep.',
    impactNote: '214 orders late by a day; 31 customers wrote to us. About 1,900 € in vouchers.', detection: 'A test order with a phone every five minutes would have shown it at once.', diagnosis: 'The label service logged no order number.', mitigation: 'Rollback needed a second approval at night.',
    factors: [
      { whys: ['Labels were refused by the carrier', 'The country was empty', 'The session of phones has no country', 'The change was tested on a desktop only', 'The test suite has no phone profile'], category: 'process', evidence: '/logs?query=service%3Ashipping' },
      { whys: ['It took 12 minutes to find the change', 'Labels were logged without the order'], category: 'monitoring' },
    ],
    lessons: ['What a customer typed wins over what a session remembers.', 'A customer journey is tested with every device that buys.'], wentWell: ['The andon was pulled by customer service within two minutes.'], wentBadly: ['Two people looked for the on-call number.'], lucky: ['It was a Sunday.'],
  }, {
    state: 'published', publishedAt: iso(NOW - 14 * DAY), change: 'change:default/chg-9230', related: [], openGates: [],
    impact: { startedAt: iso(o), endedAt: iso(o + 31 * MINUTE), durationMs: 31 * MINUTE, failingLines: 1_804, timeToDetectMs: 2 * MINUTE, timeToAcknowledgeMs: 3 * MINUTE, timeToMitigateMs: 29 * MINUTE, cases: ['CS-19822'], services: ['component:default/shipping', 'component:default/notifications'] },
    graph: { query: 'service:shipping AND level:>=error', bucketUs: 120e6, startsUs: starts, counts: starts.map((_, i) => (i > 9 && i < 26 ? 30 + ((i * 37) % 41) : (i * 7) % 3)), threshold: 10 },
    timeline: [
      { at: iso(o), entryType: 'alert', actor: 'prometheus', text: 'shipping: label queue grows', object: 'alert:default/alt-87' },
      { at: iso(o + 2 * MINUTE), entryType: 'andon', actor: person('clara'), text: 'Pulled: “Labels are printed for the wrong country”', object: 'andon:default/and-40' },
      { at: iso(o + 31 * MINUTE), entryType: 'state', actor: person('jun'), text: 'identified → mitigated' },
    ],
  }, o + 80 * MINUTE))
  put(own('COE', 'coe-8', { title: 'Customers are charged twice', owner: 'group:default/payments', severity: 'sev2', incident: 'incident:default/inc-9', summary: '', impactNote: '', detection: '', diagnosis: '', mitigation: '', factors: [], lessons: [] }, {
    state: 'draft', openGates: ['The summary is empty.', 'There is no factor with at least five whys.', 'There is no lesson.', 'There is no action that prevents.'],
    impact: { startedAt: iso(NOW - 2 * DAY), endedAt: iso(NOW - 2 * DAY + 22 * MINUTE), durationMs: 22 * MINUTE, failingLines: 640, timeToDetectMs: 40_000, timeToAcknowledgeMs: 3 * MINUTE, cases: ['CS-20001'], services: ['component:default/payments', 'component:default/checkout'] }, timeline: [], related: ['coe:default/coe-7'],
  }, NOW - 2 * DAY))
  const day = (n) => iso(NOW + n * DAY).slice(0, 10)
  put(own('Action', 'act-21', { title: 'A policy refuses deploys without a passed idempotency test', coe: 'coe:default/coe-7', purpose: 'prevent', owner: person('maya'), due: day(4), verifier: { type: 'policyEnforced', policy: 'idempotency-tested' } }, { state: 'verified', verdict: 'idempotency-tested is enforced and cites coe-7', verifiedAt: iso(NOW - 9 * HOUR), closedAt: iso(NOW - 5 * DAY), reopened: 0 }))
  put(own('Action', 'act-22', { title: 'Another team is held back by the policy at least once', coe: 'coe:default/coe-7', purpose: 'prevent', owner: person('jun'), due: day(-6), verifier: { type: 'policyRefused', policy: 'idempotency-tested' } }, { state: 'open', verdict: 'idempotency-tested has refused no change of another team', verifiedAt: iso(NOW - 9 * HOUR), reopened: 0 }))
  put(own('Action', 'act-23', { title: 'Alarm on orders without a label', coe: 'coe:default/coe-7', purpose: 'detect', owner: person('priya'), due: day(12), verifier: { type: 'alarmFired', alarm: 'shipping-errors' } }, { state: 'open', reopened: 1 }))
  const measures = ['changesRecorded', 'alarmPerService', 'onCallCovered', 'coePerIncident', 'actionsVerified', 'andonAnswered']
  const names = ['changes-recorded', 'alarms', 'on-call', 'coe', 'verified-actions', 'andon']
  names.forEach((name, i) => put(own('Mechanism', name, { purpose: `Every team: ${name}`, owner: 'group:default/platform', adoption: measures[i], target: 1 })))
}

function policies() {
  put(own('Policy', 'idempotency-tested', {
    owner: 'group:default/payments', enforcement: 'enforced', scope: ['component:default/*'], lesson: 'coe:default/coe-7', remedy: 'Run `npm run test:idempotency` and record it with --test idempotency=passed.',
    rego: `package andon.change\n\n# No deploy of a service whose idempotency test has not passed.\ndeny contains msg if {\n\tinput.change.changeType == "deploy"\n\tresult := object.get(input.change.tests, "idempotency", "missing")\n\tresult != "passed"\n\tmsg := sprintf("idempotency test of %s is %s", [input.change.service, result])\n}\n`,
  }, { triedAt: iso(NOW - 6 * DAY), triedCount: 412, wouldRefuseCount: 31, refusedCount: 3, lastRefused: 'component:default/checkout' }))
  put(own('Policy', 'no-friday-evening', { owner: 'group:default/platform', enforcement: 'trial', scope: [], rego: `package andon.change\n\ndeny contains "it is Friday evening" if {\n\tinput.now.weekday == "friday"\n\tinput.now.hour >= 16\n}\n` }, { triedCount: 0, wouldRefuseCount: 0, refusedCount: 0 }))
}

function onCall() {
  const rota = { payments: ['maya', 'tomas', 'ines'], shopfront: ['omar', 'lena'], fulfilment: ['jun', 'priya'], platform: ['sam'] }
  for (const team of TEAMS) {
    put(own('Schedule', team, { owner: `group:default/${team}`, timeZone: 'Europe/Berlin', layers: [{ anchor: '2026-01-05T09:00:00', every: 'week', count: 1, members: rota[team].map(person) }] }))
    put(own('EscalationPolicy', team, { owner: `group:default/${team}`, steps: [{ targets: [`schedule:default/${team}`], wait: '5m' }, { targets: [person('sam')], wait: '10m' }], repeat: 2 }))
  }
  for (const name of ['maya', 'jun']) put(own('ContactMethod', `${name}-mail`, { user: person(name), channel: 'email', target: `${name}@acme.example`, delay: '0s' }, { lastAcceptedAt: iso(NOW - 44 * MINUTE) }))
}
