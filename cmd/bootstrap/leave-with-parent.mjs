// Loaded ahead of the program: ends it in good order when the bootstrap that started it is gone, which the closing
// of a pipe tells at once. Without this a bootstrap killed outright would leave a server behind that holds its ports.
import { Socket } from 'node:net'

const GRACE_MS = 30_000
const fd = process.env.AFORO_PARENT_FD
// Only this process holds the pipe; a child of it has something else at that number.
delete process.env.AFORO_PARENT_FD

if (fd !== undefined) {
  const parent = new Socket({ fd: Number(fd), readable: true, writable: false })
  parent.on('error', () => {})
  parent.on('close', leave)
  parent.resume()
  parent.unref()
}

function leave() {
  setTimeout(() => process.exit(1), GRACE_MS).unref()
  process.kill(process.pid, 'SIGTERM')
}
