import type { PeerId } from '@libp2p/interface'
import type { Misbehaviour, PeerReporter } from '@penin/interface'

/** One report, as it was made. */
export interface Report extends Misbehaviour {
  peer: PeerId
}

/** A reporter that only keeps what it is told. */
export interface RecordingReporter extends PeerReporter {
  readonly reports: Report[]
  /** The reasons reported, of one peer or of all, in order. */
  reasons(peer?: PeerId): string[]
}

/** Makes a {@link RecordingReporter}. */
export function recordingReporter(): RecordingReporter {
  const reports: Report[] = []
  return {
    reports,
    report: (peer, misbehaviour) => {
      reports.push({ peer, ...misbehaviour })
    },
    reasons: (peer) => reports.filter((r) => peer == null || r.peer.equals(peer)).map((r) => r.reason)
  }
}
