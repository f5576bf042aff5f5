/** A role that runs, and the ports it took, by their names in the `listening` line. */
export interface Part {
  readonly name: string
  readonly ports: Readonly<Record<string, number>>
  /** Takes nothing new, finishes what is under way, then resolves. */
  stop(): Promise<void>
}
