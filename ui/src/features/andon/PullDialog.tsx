import { Modal } from '@mantine/core'
import { hrefOf, refOf } from '~/api/refs'
import { useGo } from '~/components/Ref'
import { PullForm } from './PullForm'

/** The cord, within reach from every page. */
export function PullDialog({ close, scope }: { close: () => void; scope?: string }) {
  const go = useGo()
  return (
    <Modal opened onClose={close} title="Pull the andon">
      <PullForm
        scope={scope}
        pulled={(andon) => {
          close()
          go(hrefOf(refOf(andon)))
        }}
      />
    </Modal>
  )
}
