import { SERVERS, type ServerName } from './receiver-servers.ts'

/* One server in a process of its own: see receiver.ts. It tells its port, then its CPU whenever it is asked. */
const port = await SERVERS[process.argv[2] as ServerName].start()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
process.on('disconnect', () => process.exit(0))
process.send?.(port)
