/** Objects and the catalog. */
export type Timestamp = string
export type Ref = string

export interface Metadata {
  name: string
  namespace: string
  title?: string
  description?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  tags?: string[]
  links?: { url: string; title?: string }[]
  uid?: string
  version?: number
  createdAt?: Timestamp
  updatedAt?: Timestamp
}

export interface Obj<Spec = Record<string, unknown>, Status = Record<string, unknown>> {
  apiVersion: string
  kind: string
  metadata: Metadata
  spec: Spec
  status?: Status
}

export interface Listing<T> {
  items: T[]
  next?: string
  total: number
}

export interface ComponentSpec {
  type: string
  lifecycle: string
  owner: string
  system?: string
  dependsOn?: string[]
  dependencyOf?: string[]
  providesApis?: string[]
  consumesApis?: string[]
}
export type Component = Obj<ComponentSpec>
export interface GroupSpec {
  type: string
  parent?: string
  children?: string[]
  members?: string[]
  profile?: { displayName?: string; email?: string }
}
export type Group = Obj<GroupSpec>
