import { MessageChannel } from 'node:worker_threads'

/**
 * Does `work`, and keeps the process alive as long as it takes. The timers of a clock don't: a program whose last act is
 * a save would end in the midst of it whenever that has to wait for another program.
 */
export async function stayAlive<T>(work: () => Promise<T>): Promise<T> {
  const { port1 } = new MessageChannel()
  port1.ref()
  try {
    return await work()
  } finally {
    port1.close()
  }
}
