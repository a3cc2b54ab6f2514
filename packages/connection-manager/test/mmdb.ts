/** What goes into a record of an MMDB file. */
export type MmdbValue = string | number | { [key: string]: MmdbValue }

/** A network in CIDR notation, and what the file is to say of it. */
export type MmdbNetworks = Readonly<Record<string, MmdbValue>>

/**
 * Writes a small MMDB file: a search tree of 24-bit records, 16 zero bytes, the data, a marker, the metadata; see MaxMind's
 * "MaxMind DB File Format Specification" 2.0. In a tree for IPv6, IPv4 networks lie under ::/96.
 */
export function writeMmdb(networks: MmdbNetworks, { ipVersion = 6, type = 'Test' } = {}): Buffer {
  const root = emptyNode()
  const data: Buffer[] = []
  let size = 0
  for (const [cidr, value] of Object.entries(networks)) {
    insert(root, bitsOf(cidr, ipVersion), { data: size })
    data.push(encode(value))
    size += data.at(-1)?.length ?? 0
  }
  const nodes = inOrder(root)
  const tree = Buffer.concat(nodes.map((node) => writeNode(node, nodes)))
  const metadata = {
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: type,
    ip_version: ipVersion,
    node_count: nodes.length,
    record_size: 24
  }
  return Buffer.concat([
    tree,
    Buffer.alloc(16),
    ...data,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    encode(metadata)
  ])
}

interface Leaf {
  /** Where in the data section. */
  data: number
}

type Node = [Node | Leaf | undefined, Node | Leaf | undefined]

function emptyNode(): Node {
  return [undefined, undefined]
}

function insert(root: Node, bits: readonly number[], leaf: Leaf): void {
  let node = root
  for (const bit of bits.slice(0, -1)) {
    const next = node[bit] ?? emptyNode()
    if (!Array.isArray(next)) {
      throw new TypeError('networks must not overlap')
    }
    node[bit] = next
    node = next
  }
  node[bits.at(-1) as number] = leaf
}

function bitsOf(cidr: string, ipVersion: number): number[] {
  const [ip = '', length] = cidr.split('/')
  const isV4 = !ip.includes(':')
  const [numbers, size] = isV4
    ? [ip.split('.').map(Number), 8]
    : [
        ip
          .replace(/::$/, '')
          .split(':')
          .map((word) => Number.parseInt(word, 16)),
        16
      ]
  const bits = numbers.flatMap((number) => Array.from({ length: size }, (_, i) => (number >> (size - 1 - i)) & 1))
  const before = isV4 && ipVersion === 6 ? Array<number>(96).fill(0) : []
  return [...before, ...bits.slice(0, Number(length))]
}

function inOrder(root: Node): Node[] {
  const nodes: Node[] = [root]
  for (const node of nodes) {
    nodes.push(...node.filter((child): child is Node => Array.isArray(child)))
  }
  return nodes
}

function writeNode(node: Node, nodes: readonly Node[]): Buffer {
  const bytes = Buffer.alloc(6)
  for (const [i, child] of node.entries()) {
    bytes.writeUIntBE(recordOf(child, nodes), i * 3, 3)
  }
  return bytes
}

function recordOf(child: Node | Leaf | undefined, nodes: readonly Node[]): number {
  if (child == null) {
    return nodes.length
  }
  return Array.isArray(child) ? nodes.indexOf(child) : nodes.length + 16 + child.data
}

/** Strings are type 2, maps 7, 32-bit integers 6; the type stands in the upper three bits, the size in the others. */
function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    return Buffer.concat([control(2, text.length), text])
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return Buffer.concat([control(6, 4), bytes])
  }
  const entries = Object.entries(value)
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([key, item]) => [encode(key), encode(item)])])
}

function control(type: number, size: number): Buffer {
  return size < 29 ? Buffer.of((type << 5) | size) : Buffer.of((type << 5) | 29, size - 29)
}
