import { type CheckServerName, startServer } from './check-servers.ts'

/* One server in a process of its own: see check.ts. It tells its port, then its CPU whenever it is asked. */
process.on('disconnect', () => process.exit(0))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
process.send?.(await startServer(process.argv[2] as CheckServerName, process.argv[3]!))
