/** Icons drawn for this product on a grid of 16, as paths: no font, no library. */
const PATHS = {
  home: 'M2.5 7.5 8 3l5.5 4.5V13a.5.5 0 0 1-.5.5H9.8V10H6.2v3.5H3a.5.5 0 0 1-.5-.5z',
  services: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
  change: 'M8 2.5v2.5M8 11v2.5M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM2 8h3M11 8h3',
  andon: 'M6 2.5h4a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM8 5.2h.01M8 8h.01M8 10.8h.01',
  incident: 'M8 2.2 14 13H2zM8 6.4v3M8 11.2h.01',
  bell: 'M4 11V7a4 4 0 0 1 8 0v4l1 1.2H3zM6.8 13.6h2.4',
  phone: 'M3.2 3.2 5.4 2.6l1.4 3-1.4 1.2a7 7 0 0 0 3.8 3.8l1.2-1.4 3 1.4-.6 2.2c-.2.6-.8.8-1.4.7A11 11 0 0 1 2.5 4.6c-.1-.6.1-1.2.7-1.4z',
  alarm: 'M8 4.2a4.6 4.6 0 1 0 0 9.2 4.6 4.6 0 0 0 0-9.2zM8 6.5V9l1.6 1.2M2.4 4.2 4.6 2.4M13.6 4.2l-2.2-1.8',
  logs: 'M3 3.5h10M3 6.5h7M3 9.5h10M3 12.5h5',
  sql: 'M3 4c0-1 2.2-1.7 5-1.7S13 3 13 4v8c0 1-2.2 1.7-5 1.7S3 13 3 12zM3 4c0 1 2.2 1.7 5 1.7S13 5 13 4M3 8c0 1 2.2 1.7 5 1.7S13 9 13 8',
  coe: 'M4 2.5h5.5L12.5 5.5v8h-8.5zM9.2 2.5v3.3h3.3M6 8.5h4.5M6 11h4.5',
  review: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 2.5V8l4 3.7M8 8 3.6 5',
  policy: 'M8 2.2 13 4v4c0 3-2 5-5 6-3-1-5-3-5-6V4zM5.8 8l1.6 1.6L10.4 6.4',
  audit: 'M7 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10 10l3.4 3.4M5.4 7l1.2 1.2L8.8 6',
  catalog: 'M2.5 3h4.6v4.2H2.5zM8.9 3h4.6v4.2H8.9zM2.5 8.9h4.6v4.2H2.5zM8.9 8.9h4.6v4.2H8.9z',
  apply: 'M8 10.5v-8M5 5.3 8 2.5l3 2.8M3 9.5v4h10v-4',
  demo: 'M5 3.2v9.6L12.5 8z',
  settings: 'M3 4.5h6M12 4.5h1M3 8h1M7 8h6M3 11.5h6M12 11.5h1M10.5 3v3M5.5 6.5v3M10.5 10v3',
  trace: 'M4 4.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4zM12 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4zM4 14.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4zM4 4.2v7.6M4 8h6.8',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2l3.3 3.3',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z',
  system: 'M2.5 3h11v7.5h-11zM6 13.3h4M8 10.5v2.8',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3.2 8.4 6.4 11.6 12.8 4.8',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  down: 'M3.5 6 8 10.5 12.5 6',
  up: 'M3.5 10 8 5.5 12.5 10',
  left: 'M10 3.5 5.5 8 10 12.5',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  column: 'M2.5 3h11v10h-11zM9.5 3v10',
  text: 'M3.5 4h9M8 4v8.500M6 12.500h4',
  hash: 'M6.500 2.500 5 13.500M11 2.500 9.500 13.500M3 6h10.500M2.500 10H13',
  toggle: 'M5.500 5h5a3 3 0 0 1 0 6h-5a3 3 0 0 1 0-6zM5.500 8h.01',
  braces: 'M6 2.500c-2 0-1.500 1.500-1.500 3S4 8 3 8c1 0 1.500 1 1.500 2.500s-.5 3 1.500 3M10 2.500c2 0 1.500 1.500 1.500 3S12 8 13 8c-1 0-1.500 1-1.500 2.500s.5 3-1.500 3',
  mixed: 'M3 4.500h4M9 4.500h4M3 8h10M3 11.500h2M7 11.500h6',
  wrap: 'M2.500 4h11M2.500 8h8.500a2.200 2.200 0 0 1 0 4.400H8M9.800 10.500 8 12.400l1.800 1.900',
  filter: 'M2.5 3.5h11L9.5 8.4v4.4l-3 1V8.4z',
  filterOut: 'M2.5 3.5h11L9.5 8.4v4.4l-3 1V8.4zM2 14 14 2',
  play: 'M5 3.2v9.6L12.5 8z',
  pause: 'M5 3v10M11 3v10',
  download: 'M8 2.5v8M5 7.7 8 10.5l3-2.8M3 9.5v4h10v-4',
  link: 'M6.5 9.5 9.5 6.5M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.7 7.2',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2 1.4',
  edit: 'M3 13l.6-2.8L10.8 3l2.2 2.2-7.2 7.2z',
  user: 'M8 2.8a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2zM3 13.4c.5-2.6 2.5-4 5-4s4.500 1.400 5 4',
  refresh: 'M13 8a5 5 0 1 1-1.500-3.600M13 2.500v3h-3',
  back: 'M6.500 3.500 3 7l3.500 3.500M3 7h6.500a3.500 3.500 0 0 1 0 7H8',
  machine: 'M4 4.500h8v7H4zM6 2.500v2M10 2.500v2M6 11.500v2M10 11.500v2M2 6.500h2M2 9.500h2M12 6.500h2M12 9.500h2M7 7h2v2H7z',
  lock: 'M4 7.500h8v6H4zM5.500 7.500V5.500a2.500 2.500 0 0 1 5 0v2',
  dice: 'M3 3h10v10H3zM6 6h.01M10 6h.01M8 8h.01M6 10h.01M10 10h.01',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, size = 16, className }: { name: IconName; size?: number; className?: string }) {
  return (
    <svg
      className={className}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      style={{ flex: 'none' }}
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
