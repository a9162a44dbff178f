import { useQuery } from '@tanstack/react-query'
import { kinds } from '~/api/queries'
import type { KindInfo } from '~/api/types'
import { Fetched } from '~/components/Fetched'
import { Icon } from '~/components/Icon'
import { Page, Panel, Stack } from '~/components/Page'
import { LinkButton, To } from '~/components/Ref'
import css from './Catalog.module.css'

/** Every kind of object that this server knows. */
export function KindsPage() {
  const query = useQuery(kinds)
  return (
    <Page title="Catalog" kicker="Everything is an object of a kind. Resources are declared by people, records are opened and closed by the system." actions={<LinkButton href="/apply" leftSection={<Icon name="apply" size={14} />}>Apply YAML</LinkButton>}>
      <Fetched query={query} lines={8}>
        {(items) => (
          <Stack>
            {[...new Set(items.map((kind) => kind.capability))].map((capability) => (
              <Panel key={capability} title={capability} flush>
                <ul className={css.kinds}>
                  {items.filter((kind) => kind.capability === capability).map((kind) => <KindRow key={kind.kind} kind={kind} />)}
                </ul>
              </Panel>
            ))}
          </Stack>
        )}
      </Fetched>
    </Page>
  )
}

function KindRow({ kind }: { kind: KindInfo }) {
  return (
    <li>
      <To href={`/catalog/${kind.plural}`} className={css.kind}>
        <span className="strong">{kind.kind}</span>
        <span className="dim">{kind.summary}</span>
        <span className="faint small">{kind.nature}</span>
      </To>
    </li>
  )
}
