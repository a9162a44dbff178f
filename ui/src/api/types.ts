/** The wire types of Andon, mirroring crates/api/src/kinds. Times are RFC 3339 in UTC, references `kind:namespace/name`. */
export type * from './types/core'
export type * from './types/delivery'
export type * from './types/learning'
export type * from './types/platform'
export type * from './types/response'
export type * from './types/signals'
export type * from './types/telemetry'
