import type { TestProject } from 'vitest/node'
import { findOtelcol } from './otelcol.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the Collector's binary. */
    otelcol: string
  }
}

/** Without a Collector nothing here can run: the reason is told and the run fails. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('otelcol', await findOtelcol())
}
