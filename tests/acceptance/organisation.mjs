// A small organisation that can be paged: a team, two people with a webhook each, a rotation.
export function organisation(receiverUrl) {
  return `
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-team}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: on-call-lead}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: maya}
spec: {memberOf: [payments-team]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: sam}
spec: {memberOf: [payments-team]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments}
spec: {type: service, lifecycle: production, owner: payments-team}
---
apiVersion: andon.dev/v1
kind: Schedule
metadata: {name: payments}
spec:
  owner: payments-team
  timeZone: Europe/Berlin
  layers:
    - {anchor: "2026-01-05T09:00:00", every: week, members: [maya]}
---
apiVersion: andon.dev/v1
kind: ContactMethod
metadata: {name: maya-webhook}
spec: {user: maya, channel: webhook, target: "${receiverUrl}/maya"}
---
apiVersion: andon.dev/v1
kind: ContactMethod
metadata: {name: sam-webhook}
spec: {user: sam, channel: webhook, target: "${receiverUrl}/sam"}
---
apiVersion: andon.dev/v1
kind: EscalationPolicy
metadata: {name: payments}
spec:
  owner: payments-team
  steps:
    - {targets: ["schedule:default/payments"], wait: 12h}
---
apiVersion: andon.dev/v1
kind: EscalationPolicy
metadata: {name: impatient}
spec:
  owner: on-call-lead
  steps:
    - {targets: ["user:default/maya"], wait: 10s}
    - {targets: ["user:default/sam"], wait: 10m}
`;
}
