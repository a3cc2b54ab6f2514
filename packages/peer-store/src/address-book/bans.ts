import { MAX_BANS } from './parameters.js'
import type { BookBan } from './entry.js'

/** Who is banned, until when. Bounded: beyond {@link MAX_BANS} the ban that would end soonest goes. */
export class Bans {
  readonly #until = new Map<string, number>()

  get size(): number {
    return this.#until.size
  }

  /** Until when; undefined when not banned at `now`. */
  until(id: string, now: number): number | undefined {
    const until = this.#until.get(id)
    return until != null && until > now ? until : undefined
  }

  /** What is stored for an id, over or not. */
  stored(id: string): number | undefined {
    return this.#until.get(id)
  }

  /** Bans, and returns those whose bans were forgotten to make room. */
  set(id: string, until: number, now: number): string[] {
    const gone = this.#until.size < MAX_BANS || this.#until.has(id) ? [] : this.expire(now)
    if (this.#until.size >= MAX_BANS && !this.#until.has(id)) {
      let soonest: BookBan | undefined
      for (const ban of this.all()) {
        soonest = soonest == null || ban.until < soonest.until ? ban : soonest
      }
      if (soonest != null) {
        this.#until.delete(soonest.id)
        gone.push(soonest.id)
      }
    }
    this.#until.set(id, until)
    return gone
  }

  delete(id: string): boolean {
    return this.#until.delete(id)
  }

  /** Forgets bans that are over. */
  expire(now: number): string[] {
    const over = this.all().flatMap(({ id, until }) => (until <= now ? [id] : []))
    for (const id of over) {
      this.#until.delete(id)
    }
    return over
  }

  all(): BookBan[] {
    return Array.from(this.#until, ([id, until]) => ({ id, until }))
  }
}
