import { Modal } from '@mantine/core'
import { useRouterState } from '@tanstack/react-router'
import { LOG_KEYS } from '~/features/logs/keys'
import css from './Help.module.css'
import { GO } from './shortcuts'

const KEYS: [string[], string][] = [
  [['Ctrl', 'K'], 'Go to a page, find an object, do something'],
  [['?'], 'This list'],
  [['!'], 'Pull the andon'],
  [['/'], 'Into the search of the page'],
  [['j'], 'Next in the list'],
  [['k'], 'The one before'],
  [['Enter'], 'Open it'],
  [['Esc'], 'Close'],
  [['Ctrl', 'Enter'], 'Run the query (Logs, SQL)'],
]

export function Help({ close }: { close: () => void }) {
  const path = useRouterState({ select: (state) => state.location.pathname })
  return (
    <Modal opened onClose={close} title="Keyboard shortcuts" size="lg">
      <div className={css.columns}>
        <dl className={css.list}>
          {(path === '/logs' ? [...KEYS.slice(0, 4), ...LOG_KEYS, ...KEYS.slice(8)] : KEYS).map(([keys, what]) => (
            <div key={what}>
              <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <dl className={css.list}>
          {GO.map((go) => (
            <div key={go.key}>
              <dt><kbd>g</kbd><kbd>{go.key}</kbd></dt>
              <dd>{go.label}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Modal>
  )
}
