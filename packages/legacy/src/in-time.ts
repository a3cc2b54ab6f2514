/** Waits no longer than `signal` allows; what comes of the work after that is nobody's business. */
export async function inTime(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const late = Promise.withResolvers<never>()
  const onAbort = (): void => {
    late.reject(signal?.reason as Error)
  }
  if (signal?.aborted === true) {
    onAbort()
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, late.promise])
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
