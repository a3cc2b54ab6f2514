import {
  createNode,
  resolveConfig,
  type ConfigInput,
  type ConfigLayers,
  type Environment,
  type NodeOptions,
  type PeninNode
} from '@penin/node'
import { AdminServer } from './admin.js'
import { discardAdminFile, removeAdminFile, writeAdminFile, type AdminFile } from './admin-file.js'
import { withProgramDefaults } from './program-defaults.js'

/** Holds the token of the admin endpoint. It is no setting of the node. */
export const ADMIN_TOKEN_VARIABLE = 'PENIN_ADMIN_TOKEN'

/** Options of a node with an admin endpoint. */
export interface ManagedNodeOptions extends NodeOptions {
  /**
   * Where the admin endpoint listens, and the token that it wants; a random one unless given. With a data directory its
   * `admin.json` says both, for the `penin` command.
   *
   * @default false, no endpoint
   */
  admin?: { host?: string; port?: number; token?: string } | false
}

/** What a reread of the bootstrap list has changed. */
export interface BootstrapChange {
  added: string[]
  removed: string[]
}

/** A running node and its admin endpoint. */
export interface ManagedNode extends AsyncDisposable {
  readonly node: PeninNode
  readonly admin?: AdminServer
  /** Ends endpoint and node. Again does nothing. */
  stop(): Promise<void>
  /**
   * Replaces the bootstrap list, by default with what config file and environment say now. Connections stay. Bad entries
   * become warnings of the node.
   *
   * @throws ConfigError if the configuration has become unusable; the list stays as it was
   */
  reload(list?: string[]): BootstrapChange
}

/**
 * Starts a node and its admin endpoint.
 *
 * @param defaults what the program sets where nobody else does
 * @throws what `createNode()` throws, AdminTokenRequiredError, AdminListenError, AdminFileError; nothing is left running
 */
export async function startManagedNode(options: ManagedNodeOptions, defaults: ConfigInput = {}): Promise<ManagedNode> {
  const { admin, privateKey, logger, dns, metrics, reporter, handlers, signal, clock, rng, ...rest } = options
  const { env, configFile, flags, ...code } = rest
  const layers = withProgramDefaults(
    { code, env: withoutToken(env ?? process.env), ...(configFile && { configFile }), ...(flags && { flags }) },
    defaults
  )
  const node = await createNode({
    ...code,
    ...layersOf(layers),
    ...(privateKey && { privateKey }),
    ...(logger && { logger }),
    ...(dns && { dns }),
    ...(metrics && { metrics }),
    ...(reporter && { reporter }),
    ...(handlers && { handlers }),
    ...(signal && { signal }),
    ...(clock && { clock }),
    ...(rng && { rng })
  })
  const managed = new Managed(node, layers)
  try {
    if (node.config.dataDir != null) {
      await discardAdminFile(node.config.dataDir) // the database is ours by now, so whoever wrote it is gone
    }
    if (admin != null && admin !== false) {
      await managed.serve(new AdminServer({ node, ...admin, ...(rng && { rng }) }))
    }
    signal?.throwIfAborted()
    return managed
  } catch (error) {
    await managed.stop()
    throw error
  }
}

function layersOf({ env, configFile, flags }: ConfigLayers): Pick<ConfigLayers, 'env' | 'configFile' | 'flags'> {
  return { ...(env && { env }), ...(configFile && { configFile }), ...(flags && { flags }) }
}

function withoutToken(env: Environment): Environment {
  const { [ADMIN_TOKEN_VARIABLE]: _token, ...rest } = env
  return rest
}

class Managed implements ManagedNode {
  admin?: AdminServer
  #file?: AdminFile
  #stopped?: Promise<void>

  constructor(
    readonly node: PeninNode,
    private readonly layers: ConfigLayers
  ) {}

  async serve(admin: AdminServer): Promise<void> {
    this.admin = admin
    await admin.start()
    const { dataDir } = this.node.config
    if (dataDir != null && admin.url != null) {
      this.#file = { url: admin.url, token: admin.token, pid: process.pid }
      await writeAdminFile(dataDir, this.#file)
    }
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    await this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  reload(list?: string[]): BootstrapChange {
    const before = new Set(this.node.config.bootstrap)
    const after = list ?? resolveConfig(this.layers).config.bootstrap
    const change = {
      added: after.filter((entry) => !before.has(entry)),
      removed: [...before].filter((entry) => !after.includes(entry))
    }
    if (change.added.length > 0 || change.removed.length > 0) {
      this.node.setBootstrap(after)
    }
    return change
  }

  async #stop(): Promise<void> {
    await this.admin?.stop()
    const { dataDir } = this.node.config
    if (dataDir != null && this.#file != null) {
      await removeAdminFile(dataDir, this.#file)
    }
    await this.node.stop()
  }
}
