import { ActionIcon, Button, Menu, Tooltip, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Outlet, useRouterState } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { line, me } from '~/api/queries'
import { shortName } from '~/api/refs'
import { Icon } from '~/components/Icon'
import { To } from '~/components/Ref'
import { Lamp } from '~/components/State'
import { useNow } from '~/components/Time'
import { Toasts } from '~/components/toast'
import { duration } from '~/lib/time'
import { useLive } from './live'
import { Navigation } from './Navigation'
import css from './Shell.module.css'
import { useGlobalKeys } from './shortcuts'

const loadPalette = () => import('./Palette').then((m) => ({ default: m.Palette }))
const Palette = lazy(loadPalette)
const Help = lazy(() => import('./Help').then((m) => ({ default: m.Help })))
const PullDialog = lazy(() => import('~/features/andon/PullDialog').then((m) => ({ default: m.PullDialog })))

const PALETTE_AFTER_MS = 1_500

type Open = 'palette' | 'help' | 'pull' | undefined

/** The frame around every page: where one is, how the line stands, what can be done from anywhere. */
export function Shell() {
  const [open, setOpen] = useState<Open>()
  const [menu, setMenu] = useState(false)
  const path = useRouterState({ select: (state) => state.location.pathname })
  useGlobalKeys({ palette: () => setOpen('palette'), help: () => setOpen('help'), pull: () => setOpen('pull') })
  useEffect(() => setMenu(false), [path])
  useEffect(() => {
    // Fetched in a quiet moment, so that the first letters typed into it are not lost.
    const timer = setTimeout(() => void loadPalette(), PALETTE_AFTER_MS)
    return () => clearTimeout(timer)
  }, [])

  return (
    <div className={css.shell}>
      <a href="#main" className={css.skip}>Skip to content</a>
      <aside className={css.sidebar} data-open={menu || undefined}>
        <To href="/" className={css.brand}>
          <img src="/icon.svg" alt="" width="20" height="20" />
          <span>Andon</span>
        </To>
        <Navigation />
        <Account />
      </aside>
      {menu && <button type="button" className={css.shade} aria-label="Close menu" onClick={() => setMenu(false)} />}
      <div className={css.main}>
        <header className={css.topbar}>
          <ActionIcon className={css.burger} aria-label="Open menu" onClick={() => setMenu(true)} size="lg">
            <Icon name="menu" size={18} />
          </ActionIcon>
          <LineState />
          <button type="button" className={css.search} onClick={() => setOpen('palette')}>
            <Icon name="search" size={14} />
            <span>Go to, find, do…</span>
            <kbd aria-hidden="true">Ctrl K</kbd>
          </button>
          <div className={css.right}>
            <LiveMark />
            <ThemeMenu />
            <Tooltip label="Keyboard shortcuts (?)">
              <ActionIcon className="hide-phone" aria-label="Keyboard shortcuts" onClick={() => setOpen('help')}>
                <span aria-hidden="true" style={{ fontWeight: 600 }}>?</span>
              </ActionIcon>
            </Tooltip>
            <Button color="stop" variant="filled" onClick={() => setOpen('pull')} leftSection={<Icon name="andon" size={14} />}>
              Pull<span className="hide-phone">&nbsp;the andon</span>
            </Button>
          </div>
        </header>
        <main id="main" tabIndex={-1} className={css.content}>
          <Outlet />
        </main>
      </div>
      <Suspense>
        {open === 'palette' && <Palette close={() => setOpen(undefined)} pull={() => setOpen('pull')} />}
        {open === 'help' && <Help close={() => setOpen(undefined)} />}
        {open === 'pull' && <PullDialog close={() => setOpen(undefined)} />}
      </Suspense>
      <Toasts />
    </div>
  )
}

/** The lamp over the line: the one thing that is on every page. */
function LineState() {
  const { data, isError } = useQuery(line)
  if (isError || !data) {
    return (
      <To href="/andon" className={css.line}>
        <Lamp tone="unknown" />
        <span>{isError ? 'Line unknown' : 'Line'}</span>
      </To>
    )
  }
  const scopes = [...new Set(data.andons.map((andon) => shortName(andon.spec.scope)))]
  const one = scopes.length === 1 ? data.andons[0]?.metadata.name : undefined
  return (
    <To href={one ? `/andon/${one}` : '/andon'} className={css.line} title={data.stopped ? `Stopped: ${scopes.join(', ')}` : 'No andon is pulled'}>
      <Lamp tone={data.stopped ? 'stopped' : 'ok'} />
      {data.stopped ? (
        <span data-tone="stopped" className={css.lineText}>
          Stopped<span className="hide-phone">: {scopes.slice(0, 2).join(', ')}{scopes.length > 2 && ` +${scopes.length - 2}`}</span>
        </span>
      ) : (
        <span className={css.lineText}>
          Line runs
        </span>
      )}
    </To>
  )
}

function LiveMark() {
  const { state, since } = useLive()
  const now = useNow(5_000)
  const word = state === 'live' ? 'Live' : state === 'connecting' ? 'Connecting' : 'Disconnected'
  const text =
    state === 'live' ? 'Changes appear by themselves'
    : state === 'connecting' ? 'Connecting to the stream of changes'
    : `No stream of changes for ${duration(Math.max(1_000, now - since))}; the page asks again every 15 s`
  return (
    <Tooltip label={text}>
      <span className={css.live} data-state={state} role="status" tabIndex={0} aria-label={`${word}. ${text}`}>
        <span className={css.dot} />
        <span className={state === 'live' ? 'hide-phone' : undefined}>{word}</span>
      </span>
    </Tooltip>
  )
}

function ThemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const icon = colorScheme === 'auto' ? 'system' : colorScheme === 'dark' ? 'moon' : 'sun'
  return (
    <Menu position="bottom-end" width={150}>
      <Menu.Target>
        <ActionIcon aria-label="Colour scheme">
          <Icon name={icon} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<Icon name="system" />} onClick={() => setColorScheme('auto')}>Like the system</Menu.Item>
        <Menu.Item leftSection={<Icon name="sun" />} onClick={() => setColorScheme('light')}>Light</Menu.Item>
        <Menu.Item leftSection={<Icon name="moon" />} onClick={() => setColorScheme('dark')}>Dark</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function Account() {
  const { data } = useQuery(me)
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return (
    <div className={css.account}>
      <div className={css.who}>
        <Icon name="user" />
        <span className="truncate" title={data?.principal}>{data ? shortName(data.user ?? data.principal) : '…'}</span>
        <form method="post" action="/signout">
          <button type="submit" className={css.signout}>Sign out</button>
        </form>
      </div>
      <div className="faint small">
        {zone}
        {data && <> · v{data.instance.version}</>}
      </div>
    </div>
  )
}
