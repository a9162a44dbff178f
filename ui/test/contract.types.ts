// Compared by the type checker alone: each field that the pages read must exist in what the server declares.
// A field that was renamed on the server shows here as a type error that names it.
import type { components } from '../src/api/generated'
import type * as t from '../src/api/types'

type Schemas = components['schemas']
/** The fields that we read and the server does not declare. */
type Lost<Ours, Server> = Exclude<keyof Ours, keyof Server>
/** Nothing lost is `true`; otherwise the names of what is lost. */
type Covered<Ours, Server> = [Lost<Ours, Server>] extends [never] ? true : Lost<Ours, Server>

export const contract: {
  changeSpec: Covered<t.ChangeSpec, Schemas['ChangeSpec']>
  changeStatus: Covered<t.ChangeStatus, Schemas['ChangeStatus']>
  stage: Covered<t.Stage, Schemas['Stage']>
  andonSpec: Covered<t.AndonSpec, Schemas['AndonSpec']>
  andonStatus: Covered<t.AndonStatus, Schemas['AndonStatus']>
  pull: Covered<t.Pull, Schemas['Pull']>
  line: Covered<t.LineState, Schemas['LineAnswer']>
  timeToValue: Covered<t.TimeToValue, Schemas['TimeToValue']>
  flowPoint: Covered<t.FlowPoint, Schemas['Point']>
  serviceFlow: Covered<t.ServiceFlow, Schemas['ServiceFlow']>
  alarmSpec: Covered<t.AlarmSpec, Schemas['AlarmSpec']>
  alarmStatus: Covered<t.AlarmStatus, Schemas['AlarmStatus']>
  evaluations: Covered<t.Evaluations, Schemas['Evaluations']>
  alertSpec: Covered<t.AlertSpec, Schemas['AlertSpec']>
  alertStatus: Covered<t.AlertStatus, Schemas['AlertStatus']>
  page: Covered<t.PageSummary, Schemas['PageSummary']>
  incidentSpec: Covered<t.IncidentSpec, Schemas['IncidentSpec']>
  incidentStatus: Covered<t.IncidentStatus, Schemas['IncidentStatus']>
  incidentContext: Covered<t.IncidentContext, Schemas['IncidentContext']>
  timelineEntry: Covered<t.TimelineEntry, Schemas['TimelineEntry']>
  onCall: Covered<t.OnCallNow, Schemas['OnCallTurn']>
  shift: Covered<t.Shift, Schemas['Shift']>
  coeSpec: Covered<t.CoeSpec, Schemas['CoeSpec']>
  coeStatus: Covered<t.CoeStatus, Schemas['CoeStatus']>
  impact: Covered<t.Impact, Schemas['Impact']>
  graph: Covered<t.Graph, Schemas['Graph']>
  actionSpec: Covered<t.ActionSpec, Schemas['ActionSpec']>
  actionStatus: Covered<t.ActionStatus, Schemas['ActionStatus']>
  reviewPack: Covered<t.ReviewPack, Schemas['ReviewPack']>
  reviewRow: Covered<t.ReviewRow, Schemas['ReviewRow']>
  reviewStatus: Covered<t.ReviewStatus, Schemas['ReviewStatus']>
  wheel: Covered<t.WheelDraw, Schemas['WheelDraw']>
  policySpec: Covered<t.PolicySpec, Schemas['PolicySpec']>
  policyStatus: Covered<t.PolicyStatus, Schemas['PolicyStatus']>
  policyTrial: Covered<t.PolicyTrial, Schemas['PolicyTrial']>
  hop: Covered<t.TraceHop, Schemas['Hop']>
  home: Covered<t.HomeSummary, Schemas['Home']>
  repository: Covered<t.Repository, Schemas['RepositorySummary']>
  problem: Covered<t.Problem, Schemas['Problem']>
  metadata: Covered<t.Metadata, Schemas['Metadata']>
} = {
  changeSpec: true, changeStatus: true, stage: true, andonSpec: true, andonStatus: true, pull: true, line: true,
  timeToValue: true, flowPoint: true, serviceFlow: true, alarmSpec: true, alarmStatus: true, evaluations: true,
  alertSpec: true, alertStatus: true, page: true, incidentSpec: true, incidentStatus: true, incidentContext: true,
  timelineEntry: true, onCall: true, shift: true, coeSpec: true, coeStatus: true, impact: true, graph: true,
  actionSpec: true, actionStatus: true, reviewPack: true, reviewRow: true, reviewStatus: true, wheel: true,
  policySpec: true, policyStatus: true, policyTrial: true, hop: true, home: true, repository: true, problem: true, metadata: true,
}
