import { Counter, type Registry } from 'prom-client'

/** What the doors tell of themselves. */
export interface DoorMetrics {
  /** `outcome`: the verdict, or the code of a fault. */
  answered(door: string, outcome: string): void
}

export function createDoorMetrics(registry: Registry): DoorMetrics {
  const answers = new Counter({
    name: 'aforo_door_answers_total',
    help: 'Answers in the words of other protocols: by verdict, or by code where a request was refused.',
    labelNames: ['door', 'outcome'],
    registers: [registry],
  })
  return { answered: (door, outcome) => answers.inc({ door, outcome }) }
}
