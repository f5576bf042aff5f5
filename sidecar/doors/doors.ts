import type { Door } from '../server/routes.ts'
import { authzenDoor } from './authzen.ts'
import { liteLlmDoor } from './litellm.ts'
import type { DoorMetrics } from './metrics.ts'
import { proxyAuthDoor } from './proxy-auth.ts'

/** Every way to ask over HTTP but our own. */
export function httpDoors(metrics: DoorMetrics): readonly Door[] {
  return [proxyAuthDoor(metrics), authzenDoor(metrics), liteLlmDoor(metrics)]
}
