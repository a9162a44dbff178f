import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { parseSearch, searchOf, stringifySearch } from './search'
import { Shell } from './Shell'
import { NotFoundPage, RouteFailed, RoutePending } from './fallbacks'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFoundPage, errorComponent: RouteFailed })

// One line a page: its path, what its address may carry, and the chunk that draws it.
export const home = createRoute({
  getParentRoute: () => root, path: '/',
  component: lazyRouteComponent(() => import('~/features/home/HomePage'), 'HomePage'),
})
export const services = createRoute({
  getParentRoute: () => root, path: '/services', validateSearch: searchOf({ q: 'text', owner: 'text' }),
  component: lazyRouteComponent(() => import('~/features/services/ServicesPage'), 'ServicesPage'),
})
export const service = createRoute({
  getParentRoute: () => root, path: '/services/$name',
  component: lazyRouteComponent(() => import('~/features/services/ServicePage'), 'ServicePage'),
})
export const changes = createRoute({
  getParentRoute: () => root, path: '/changes', validateSearch: searchOf({ q: 'text', service: 'text', outcome: 'text', since: 'text' }),
  component: lazyRouteComponent(() => import('~/features/changes/ChangesPage'), 'ChangesPage'),
})
export const change = createRoute({
  getParentRoute: () => root, path: '/changes/$name',
  component: lazyRouteComponent(() => import('~/features/changes/ChangePage'), 'ChangePage'),
})
export const andons = createRoute({
  getParentRoute: () => root, path: '/andon', validateSearch: searchOf({ scope: 'text', state: 'text' }),
  component: lazyRouteComponent(() => import('~/features/andon/AndonsPage'), 'AndonsPage'),
})
export const andon = createRoute({
  getParentRoute: () => root, path: '/andon/$name',
  component: lazyRouteComponent(() => import('~/features/andon/AndonPage'), 'AndonPage'),
})
export const incidents = createRoute({
  getParentRoute: () => root, path: '/incidents', validateSearch: searchOf({ q: 'text', state: 'text', severity: 'text' }),
  component: lazyRouteComponent(() => import('~/features/incidents/IncidentsPage'), 'IncidentsPage'),
})
export const incident = createRoute({
  getParentRoute: () => root, path: '/incidents/$name',
  component: lazyRouteComponent(() => import('~/features/incidents/IncidentPage'), 'IncidentPage'),
})
export const alerts = createRoute({
  getParentRoute: () => root, path: '/alerts', validateSearch: searchOf({ q: 'text', state: 'text', service: 'text' }),
  component: lazyRouteComponent(() => import('~/features/alerts/AlertsPage'), 'AlertsPage'),
})
export const alert = createRoute({
  getParentRoute: () => root, path: '/alerts/$name',
  component: lazyRouteComponent(() => import('~/features/alerts/AlertPage'), 'AlertPage'),
})
export const onCall = createRoute({
  getParentRoute: () => root, path: '/on-call', validateSearch: searchOf({ schedule: 'text' }),
  component: lazyRouteComponent(() => import('~/features/oncall/OnCallPage'), 'OnCallPage'),
})
export const alarms = createRoute({
  getParentRoute: () => root, path: '/alarms', validateSearch: searchOf({ q: 'text', service: 'text', state: 'text' }),
  component: lazyRouteComponent(() => import('~/features/alarms/AlarmsPage'), 'AlarmsPage'),
})
export const alarm = createRoute({
  getParentRoute: () => root, path: '/alarms/$name', validateSearch: searchOf({ since: 'text' }),
  component: lazyRouteComponent(() => import('~/features/alarms/AlarmPage'), 'AlarmPage'),
})
export const logs = createRoute({
  getParentRoute: () => root, path: '/logs',
  validateSearch: searchOf({ query: 'text', since: 'text', until: 'text', columns: 'text', order: 'text', saved: 'text', wrap: 'flag', tail: 'flag', focus: 'text', at: 'text', around: 'flag' }),
  component: lazyRouteComponent(() => import('~/features/logs/LogsPage'), 'LogsPage'),
})
export const sql = createRoute({
  getParentRoute: () => root, path: '/sql', validateSearch: searchOf({ q: 'text' }),
  component: lazyRouteComponent(() => import('~/features/sql/SqlPage'), 'SqlPage'),
})
export const coes = createRoute({
  getParentRoute: () => root, path: '/coes', validateSearch: searchOf({ q: 'text', state: 'text' }),
  component: lazyRouteComponent(() => import('~/features/coes/CoesPage'), 'CoesPage'),
})
export const coe = createRoute({
  getParentRoute: () => root, path: '/coes/$name',
  component: lazyRouteComponent(() => import('~/features/coes/CoePage'), 'CoePage'),
})
export const policies = createRoute({
  getParentRoute: () => root, path: '/policies',
  component: lazyRouteComponent(() => import('~/features/policies/PoliciesPage'), 'PoliciesPage'),
})
export const policy = createRoute({
  getParentRoute: () => root, path: '/policies/$name', validateSearch: searchOf({ since: 'text' }),
  component: lazyRouteComponent(() => import('~/features/policies/PolicyPage'), 'PolicyPage'),
})
export const review = createRoute({
  getParentRoute: () => root, path: '/review', validateSearch: searchOf({ week: 'text', group: 'text' }),
  component: lazyRouteComponent(() => import('~/features/review/ReviewPage'), 'ReviewPage'),
})
export const audit = createRoute({
  getParentRoute: () => root, path: '/audit',
  validateSearch: searchOf({ object: 'text', action: 'text', actor: 'text', since: 'text' }),
  component: lazyRouteComponent(() => import('~/features/audit/AuditPage'), 'AuditPage'),
})
export const trace = createRoute({
  getParentRoute: () => root, path: '/trace/$plural/$name',
  component: lazyRouteComponent(() => import('~/features/trace/TracePage'), 'TracePage'),
})
export const catalog = createRoute({
  getParentRoute: () => root, path: '/catalog',
  component: lazyRouteComponent(() => import('~/features/catalog/KindsPage'), 'KindsPage'),
})
export const catalogList = createRoute({
  getParentRoute: () => root, path: '/catalog/$plural',
  // Filters are the kind's own indexed fields, so the page reads them itself.
  validateSearch: (raw: Record<string, unknown>) => raw as Record<string, string | undefined>,
  component: lazyRouteComponent(() => import('~/features/catalog/ListPage'), 'ListPage'),
})
export const catalogObject = createRoute({
  getParentRoute: () => root, path: '/catalog/$plural/$name', validateSearch: searchOf({ asOf: 'text' }),
  component: lazyRouteComponent(() => import('~/features/catalog/ObjectPage'), 'ObjectPage'),
})
export const apply = createRoute({
  getParentRoute: () => root, path: '/apply', validateSearch: searchOf({ from: 'text' }),
  component: lazyRouteComponent(() => import('~/features/apply/ApplyPage'), 'ApplyPage'),
})
export const demo = createRoute({
  getParentRoute: () => root, path: '/demo',
  component: lazyRouteComponent(() => import('~/features/demo/DemoPage'), 'DemoPage'),
})
export const settings = createRoute({
  getParentRoute: () => root, path: '/settings',
  component: lazyRouteComponent(() => import('~/features/settings/SettingsPage'), 'SettingsPage'),
})

const tree = root.addChildren([
  home, services, service, changes, change, andons, andon, incidents, incident, alerts, alert, onCall, alarms, alarm,
  logs, sql, coes, coe, policies, policy, review, audit, trace, catalog, catalogList, catalogObject, apply, demo, settings,
])

export const router = createRouter({
  routeTree: tree,
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultPendingComponent: RoutePending,
  defaultErrorComponent: RouteFailed,
  defaultNotFoundComponent: NotFoundPage,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
