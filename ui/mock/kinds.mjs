// What the mock knows of kinds: enough for the generic pages.
const row = (kind, plural, capability, nature, summary, columns, indexed, example) => ({
  kind, plural, capability, nature, summary, example, references: [],
  apiVersion: capability === 'catalog' ? 'backstage.io/v1alpha1' : 'andon.dev/v1',
  columns: columns.map(([title, pointer]) => ({ title, pointer })),
  indexed: indexed.map(([name, pointer, columnType = 'text']) => ({ name, pointer, columnType })),
})
const owner = ['Owner', '/spec/owner']
const state = ['State', '/status/state']
const byOwner = ['owner', '/spec/owner']
const byState = ['state', '/status/state']

export const KINDS = [
  row('Component', 'components', 'catalog', 'resource', 'A piece of software that a team owns: a service, a website, a library.', [['Type', '/spec/type'], owner, ['Lifecycle', '/spec/lifecycle']], [byOwner, ['type', '/spec/type']], 'apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: payments\nspec:\n  type: service\n  lifecycle: production\n  owner: group:default/payments\n'),
  row('Group', 'groups', 'catalog', 'resource', 'A group of people: a team, a business unit, the company.', [['Type', '/spec/type'], ['Parent', '/spec/parent']], [['type', '/spec/type'], ['parent', '/spec/parent']]),
  row('User', 'users', 'catalog', 'resource', 'A person.', [['Name', '/spec/profile/displayName'], ['Groups', '/spec/memberOf']], []),
  row('System', 'systems', 'catalog', 'resource', 'Components that together do something.', [owner], [byOwner]),
  row('Change', 'changes', 'delivery', 'record', 'One thing on its way from commit to customer.', [['Service', '/spec/service'], ['Version', '/spec/version'], ['Outcome', '/status/outcome']], [['service', '/spec/service'], ['outcome', '/status/outcome'], ['version', '/spec/version']]),
  row('Andon', 'andons', 'delivery', 'record', 'One pull of the cord, from pull to release.', [['Scope', '/spec/scope'], ['Reason', '/spec/reason'], state], [['scope', '/spec/scope'], byState]),
  row('Alarm', 'alarms', 'signals', 'resource', 'A question asked of closed windows of received time, and the answer that alarms.', [['Service', '/spec/service'], ['Query', '/spec/query'], state], [['service', '/spec/service'], byState]),
  row('SavedSearch', 'saved-searches', 'signals', 'resource', 'A search of the logs under a name, to be opened again and shared.', [['Title', '/spec/title'], ['Query', '/spec/query'], ['Since', '/spec/since']], [['title', '/spec/title']]),
  row('Schedule', 'schedules', 'response', 'resource', 'Who is on call when.', [owner, ['Zone', '/spec/timeZone']], [byOwner]),
  row('EscalationPolicy', 'escalation-policies', 'response', 'resource', 'Whom an alert pages, in which order, after which delay.', [owner], [byOwner]),
  row('ContactMethod', 'contact-methods', 'response', 'resource', 'One way to reach one person.', [['User', '/spec/user'], ['Channel', '/spec/channel']], [['user', '/spec/user']]),
  row('Alert', 'alerts', 'response', 'record', 'Something that wants an answer, from first event to resolution.', [['Title', '/spec/title'], ['Service', '/spec/service'], state], [['service', '/spec/service'], byState]),
  row('Incident', 'incidents', 'response', 'record', 'What hurts customers, who answers, and what was done.', [['Title', '/spec/title'], ['Severity', '/spec/severity'], state], [byState, ['severity', '/spec/severity']]),
  row('COE', 'coes', 'learning', 'record', 'The correction of errors after an incident.', [['Title', '/spec/title'], owner, state], [byState, byOwner, ['incident', '/spec/incident']]),
  row('Action', 'actions', 'learning', 'record', 'A corrective action that its verifier alone can close.', [['Title', '/spec/title'], owner, ['Due', '/spec/due'], state], [byState, byOwner, ['coe', '/spec/coe']]),
  row('Review', 'reviews', 'learning', 'record', 'The frozen pack of one week for one group.', [['Week', '/spec/week'], ['Group', '/spec/group']], [['week', '/spec/week'], ['group', '/spec/group']]),
  row('Mechanism', 'mechanisms', 'learning', 'resource', 'A tool, its adoption and its inspection.', [['Purpose', '/spec/purpose'], owner], [byOwner]),
  row('Policy', 'policies', 'governance', 'resource', 'A rule over changes, in Rego.', [owner, ['Enforcement', '/spec/enforcement'], ['Refused', '/status/refusedCount']], [['enforcement', '/spec/enforcement'], byOwner]),
]
