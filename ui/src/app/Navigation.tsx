import { useQuery } from '@tanstack/react-query'
import { useRouterState } from '@tanstack/react-router'
import { line, list, me } from '~/api/queries'
import type { Alert, Incident } from '~/api/types'
import { Icon, type IconName } from '~/components/Icon'
import { To } from '~/components/Ref'
import css from './Shell.module.css'

interface Entry {
  to: string
  label: string
  icon: IconName
  demo?: boolean
}

const GROUPS: { title: string; entries: Entry[] }[] = [
  {
    title: 'Now',
    entries: [
      { to: '/', label: 'Home', icon: 'home' },
      { to: '/andon', label: 'Andon', icon: 'andon' },
      { to: '/incidents', label: 'Incidents', icon: 'incident' },
      { to: '/alerts', label: 'Alerts', icon: 'bell' },
      { to: '/on-call', label: 'On call', icon: 'phone' },
    ],
  },
  {
    title: 'Flow',
    entries: [
      { to: '/services', label: 'Services', icon: 'services' },
      { to: '/changes', label: 'Changes', icon: 'change' },
    ],
  },
  {
    title: 'Signals',
    entries: [
      { to: '/alarms', label: 'Alarms', icon: 'alarm' },
      { to: '/logs', label: 'Logs', icon: 'logs' },
      { to: '/sql', label: 'SQL', icon: 'sql' },
    ],
  },
  {
    title: 'Learning',
    entries: [
      { to: '/coes', label: 'COEs', icon: 'coe' },
      { to: '/policies', label: 'Policies', icon: 'policy' },
      { to: '/review', label: 'Weekly review', icon: 'review' },
    ],
  },
  {
    title: 'System',
    entries: [
      { to: '/audit', label: 'Audit', icon: 'audit' },
      { to: '/catalog', label: 'Catalog', icon: 'catalog' },
      { to: '/apply', label: 'Apply', icon: 'apply' },
      { to: '/demo', label: 'Demo', icon: 'demo', demo: true },
      { to: '/settings', label: 'Settings', icon: 'settings' },
    ],
  },
]

export function Navigation() {
  const path = useRouterState({ select: (state) => state.location.pathname })
  const { data: self } = useQuery(me)
  const counts = useCounts()
  const active = (to: string) => (to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`))
  return (
    <nav className={css.nav} aria-label="Main">
      {GROUPS.map((group) => (
        <div key={group.title} className={css.navGroup}>
          <div className={css.navTitle}>{group.title}</div>
          {group.entries
            .filter((entry) => !entry.demo || self?.demo)
            .map((entry) => (
              <To key={entry.to} href={entry.to} className={active(entry.to) ? `${css.navLink} ${css.navActive}` : css.navLink}>
                <Icon name={entry.icon} />
                <span>{entry.label}</span>
                {counts[entry.to] ? (
                  <span className={css.badge} aria-label={`${counts[entry.to]} open`}>
                    {counts[entry.to]}
                  </span>
                ) : null}
              </To>
            ))}
        </div>
      ))}
    </nav>
  )
}

/** What is open right now, on the entries of the menu. */
function useCounts(): Record<string, number> {
  const andons = useQuery(line).data?.andons.length ?? 0
  const incidents = useQuery(list<Incident>('incidents', { limit: 50 })).data?.items ?? []
  const alerts = useQuery(list<Alert>('alerts', { limit: 100 })).data?.items ?? []
  return {
    '/andon': andons,
    '/incidents': incidents.filter((incident) => incident.status?.state !== 'resolved').length,
    '/alerts': alerts.filter((alert) => alert.status?.state !== 'resolved').length,
  }
}
