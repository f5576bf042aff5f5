import type { AuditCheck } from '../../core/audit.ts'

/** A change behind Aforo's back: what it is called, its SQL, and the check, kind and id that tell of it. */
export type Corruption = readonly [string, string, AuditCheck, string, string | RegExp]
