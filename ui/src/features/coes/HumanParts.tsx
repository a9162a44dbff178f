import { ActionIcon, Button, NativeSelect, Textarea, TextInput } from '@mantine/core'
import type { CoeSpec, Factor } from '~/api/types'
import { Icon } from '~/components/Icon'
import { To } from '~/components/Ref'
import css from './Coe.module.css'

const CATEGORIES = ['change', 'capacity', 'dependency', 'configuration', 'interface', 'monitoring', 'process']
const SUMMARY_WORDS = 150
const WHYS = 5

type Text = 'summary' | 'impactNote' | 'detection' | 'diagnosis' | 'mitigation'
type List = 'lessons' | 'wentWell' | 'wentBadly' | 'lucky'

export const TEXTS: { key: Text; title: string; ask: string }[] = [
  { key: 'summary', title: 'Summary', ask: 'What customers saw, how long, why, what changes. At most 150 words that anyone can read.' },
  { key: 'impactNote', title: 'What it meant for customers', ask: 'In words and money, or “unknown, because …”.' },
  { key: 'detection', title: 'Detection', ask: 'What would have halved the time to detect?' },
  { key: 'diagnosis', title: 'Diagnosis', ask: 'What would have halved the time to diagnose?' },
  { key: 'mitigation', title: 'Mitigation', ask: 'What would have halved the time to mitigate?' },
]
export const LISTS: { key: List; title: string; ask: string }[] = [
  { key: 'lessons', title: 'Lessons', ask: 'General rules that follow, one a line.' },
  { key: 'wentWell', title: 'What went well', ask: 'One a line.' },
  { key: 'wentBadly', title: 'What went badly', ask: 'One a line.' },
  { key: 'lucky', title: 'Where there was luck', ask: 'One a line.' },
]

export function words(text: string): number {
  return text.trim() ? text.trim().split(/\s+/).length : 0
}

type Change = (part: Partial<CoeSpec>) => void

export function TextPart({ spec, part, edit }: { spec: CoeSpec; part: (typeof TEXTS)[number]; edit: Change | undefined }) {
  const value = spec[part.key]
  const over = part.key === 'summary' && words(value) > SUMMARY_WORDS
  return (
    <section className={css.part}>
      <h3>{part.title}</h3>
      {edit ? (
        <Textarea aria-label={part.title} description={part.ask} value={value} onChange={(e) => edit({ [part.key]: e.currentTarget.value })} autosize minRows={2} error={over && `${words(value)} words, at most ${SUMMARY_WORDS}`} />
      ) : value ? (
        <p className={css.prose}>{value}</p>
      ) : (
        <p className="faint">{part.ask}</p>
      )}
    </section>
  )
}

export function ListPart({ spec, part, edit }: { spec: CoeSpec; part: (typeof LISTS)[number]; edit: Change | undefined }) {
  const value = spec[part.key] ?? []
  if (!edit && value.length === 0 && part.key !== 'lessons') return null
  return (
    <section className={css.part}>
      <h3>{part.title}</h3>
      {edit ? (
        <Textarea aria-label={part.title} description={part.ask} value={value.join('\n')} onChange={(e) => edit({ [part.key]: e.currentTarget.value.split('\n') })} autosize minRows={2} />
      ) : value.length > 0 ? (
        <ul className={css.bullets}>{value.map((line) => <li key={line}>{line}</li>)}</ul>
      ) : (
        <p className="faint">{part.ask}</p>
      )}
    </section>
  )
}

export function FactorsPart({ spec, edit }: { spec: CoeSpec; edit: Change | undefined }) {
  const set = (i: number, factor: Factor) => edit?.({ factors: spec.factors.map((old, at) => (at === i ? factor : old)) })
  return (
    <section className={css.part}>
      <h3>Why it happened</h3>
      {spec.factors.length === 0 && !edit && <p className="faint">Chains of whys, at least five deep on the main one. A person, or “a bug”, is never the last answer.</p>}
      {spec.factors.map((factor, i) =>
        edit ? (
          <FactorForm key={i} factor={factor} set={(next) => set(i, next)} remove={() => edit({ factors: spec.factors.filter((_, at) => at !== i) })} />
        ) : (
          <div key={i} className={css.factor}>
            <span className={css.category}>{factor.category}</span>
            <ol className={css.whys}>
              {factor.whys.map((why, n) => <li key={n}>{why}</li>)}
            </ol>
            {factor.evidence && <p className="small"><Evidence link={factor.evidence} /></p>}
          </div>
        ),
      )}
      {edit && (
        <Button size="compact-xs" leftSection={<Icon name="plus" size={12} />} onClick={() => edit({ factors: [...spec.factors, { whys: [''], category: 'process' }] })}>
          Add a chain
        </Button>
      )}
    </section>
  )
}

function Evidence({ link }: { link: string }) {
  if (link.startsWith('/') && !link.startsWith('//')) return <To href={link}>Evidence</To>
  if (/^https?:\/\//.test(link)) return <a href={link} rel="noreferrer" target="_blank">Evidence</a>
  return <span>Evidence: {link}</span>
}

function FactorForm({ factor, set, remove }: { factor: Factor; set: (factor: Factor) => void; remove: () => void }) {
  const why = (n: number, text: string) => set({ ...factor, whys: factor.whys.map((old, at) => (at === n ? text : old)) })
  return (
    <fieldset className={css.factorForm}>
      <legend className="visually-hidden">A chain of whys</legend>
      {factor.whys.map((text, n) => (
        <div key={n} className={css.whyRow} style={{ paddingLeft: n * 14 }}>
          <TextInput aria-label={n === 0 ? 'What happened' : `Why ${n}`} placeholder={n === 0 ? 'What happened' : 'Why?'} value={text} onChange={(e) => why(n, e.currentTarget.value)} style={{ flex: 1 }} />
          {factor.whys.length > 1 && (
            <ActionIcon size="sm" aria-label="Remove this why" onClick={() => set({ ...factor, whys: factor.whys.filter((_, at) => at !== n) })}><Icon name="close" size={11} /></ActionIcon>
          )}
        </div>
      ))}
      <div className={css.factorFoot}>
        <Button size="compact-xs" onClick={() => set({ ...factor, whys: [...factor.whys, ''] })}>Why?</Button>
        <span className="faint small">{factor.whys.length} of {WHYS}</span>
        <NativeSelect aria-label="Category" data={CATEGORIES} value={factor.category} onChange={(e) => set({ ...factor, category: e.currentTarget.value })} />
        <TextInput aria-label="Evidence" placeholder="Evidence: a link to data" value={factor.evidence ?? ''} onChange={(e) => set({ ...factor, evidence: e.currentTarget.value || undefined })} style={{ flex: 1, minWidth: 140 }} />
        <Button size="compact-xs" onClick={remove}>Remove chain</Button>
      </div>
    </fieldset>
  )
}

/** The spec as it is sent: blank lines and empty whys are not sent. */
export function cleaned(spec: CoeSpec): CoeSpec {
  const lines = (list: string[] | undefined) => (list ?? []).map((line) => line.trim()).filter(Boolean)
  return {
    ...spec,
    factors: spec.factors.map((factor) => ({ ...factor, whys: lines(factor.whys) })).filter((factor) => factor.whys.length > 0),
    lessons: lines(spec.lessons),
    wentWell: lines(spec.wentWell),
    wentBadly: lines(spec.wentBadly),
    lucky: lines(spec.lucky),
  }
}
