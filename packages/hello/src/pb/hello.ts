import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface Hello {
  networkId: string
  version: number
  profile: string
  agentVersion: string
  agents: string[]
  tools: string[]
  resources: string[]
  prompts: string[]
  features: bigint
  surplus: string
}

export namespace Hello {
  let _codec: Codec<Hello>

  export const codec = (): Codec<Hello> => {
    if (_codec == null) {
      _codec = message<Hello>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.networkId != null && obj.networkId !== '')) {
          w.uint32(10)
          w.string(obj.networkId)
        }

        if ((obj.version != null && obj.version !== 0)) {
          w.uint32(16)
          w.uint32(obj.version)
        }

        if ((obj.profile != null && obj.profile !== '')) {
          w.uint32(26)
          w.string(obj.profile)
        }

        if ((obj.agentVersion != null && obj.agentVersion !== '')) {
          w.uint32(34)
          w.string(obj.agentVersion)
        }

        if (obj.agents != null && obj.agents.length > 0) {
          for (const value of obj.agents) {
            w.uint32(42)
            w.string(value)
          }
        }

        if (obj.tools != null && obj.tools.length > 0) {
          for (const value of obj.tools) {
            w.uint32(50)
            w.string(value)
          }
        }

        if (obj.resources != null && obj.resources.length > 0) {
          for (const value of obj.resources) {
            w.uint32(58)
            w.string(value)
          }
        }

        if (obj.prompts != null && obj.prompts.length > 0) {
          for (const value of obj.prompts) {
            w.uint32(66)
            w.string(value)
          }
        }

        if ((obj.features != null && obj.features !== 0n)) {
          w.uint32(72)
          w.uint64(obj.features)
        }

        if ((obj.surplus != null && obj.surplus !== '')) {
          w.uint32(82)
          w.string(obj.surplus)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          networkId: '',
          version: 0,
          profile: '',
          agentVersion: '',
          agents: [],
          tools: [],
          resources: [],
          prompts: [],
          features: 0n,
          surplus: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.networkId = reader.string()
              break
            }
            case 2: {
              obj.version = reader.uint32()
              break
            }
            case 3: {
              obj.profile = reader.string()
              break
            }
            case 4: {
              obj.agentVersion = reader.string()
              break
            }
            case 5: {
              if (opts.limits?.agents != null && obj.agents.length === opts.limits.agents) {
                throw new MaxLengthError('Decode error - repeated field "agents" had too many elements')
              }

              obj.agents.push(reader.string())
              break
            }
            case 6: {
              if (opts.limits?.tools != null && obj.tools.length === opts.limits.tools) {
                throw new MaxLengthError('Decode error - repeated field "tools" had too many elements')
              }

              obj.tools.push(reader.string())
              break
            }
            case 7: {
              if (opts.limits?.resources != null && obj.resources.length === opts.limits.resources) {
                throw new MaxLengthError('Decode error - repeated field "resources" had too many elements')
              }

              obj.resources.push(reader.string())
              break
            }
            case 8: {
              if (opts.limits?.prompts != null && obj.prompts.length === opts.limits.prompts) {
                throw new MaxLengthError('Decode error - repeated field "prompts" had too many elements')
              }

              obj.prompts.push(reader.string())
              break
            }
            case 9: {
              obj.features = reader.uint64()
              break
            }
            case 10: {
              obj.surplus = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          agents: 0,
          tools: 0,
          resources: 0,
          prompts: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.networkId`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.version`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.profile`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.agentVersion`,
                value: reader.string()
              }
              break
            }
            case 5: {
              if (opts.limits?.agents != null && obj.agents === opts.limits.agents) {
                throw new MaxLengthError('Streaming decode error - repeated field "agents" had too many elements')
              }

              yield {
                field: `${prefix}.agents[]`,
                index: obj.agents,
                value: reader.string()
              }

              obj.agents++

              break
            }
            case 6: {
              if (opts.limits?.tools != null && obj.tools === opts.limits.tools) {
                throw new MaxLengthError('Streaming decode error - repeated field "tools" had too many elements')
              }

              yield {
                field: `${prefix}.tools[]`,
                index: obj.tools,
                value: reader.string()
              }

              obj.tools++

              break
            }
            case 7: {
              if (opts.limits?.resources != null && obj.resources === opts.limits.resources) {
                throw new MaxLengthError('Streaming decode error - repeated field "resources" had too many elements')
              }

              yield {
                field: `${prefix}.resources[]`,
                index: obj.resources,
                value: reader.string()
              }

              obj.resources++

              break
            }
            case 8: {
              if (opts.limits?.prompts != null && obj.prompts === opts.limits.prompts) {
                throw new MaxLengthError('Streaming decode error - repeated field "prompts" had too many elements')
              }

              yield {
                field: `${prefix}.prompts[]`,
                index: obj.prompts,
                value: reader.string()
              }

              obj.prompts++

              break
            }
            case 9: {
              yield {
                field: `${prefix}.features`,
                value: reader.uint64()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.surplus`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface HelloNetworkIdFieldEvent {
    field: '$.networkId'
    value: string
  }

  export interface HelloVersionFieldEvent {
    field: '$.version'
    value: number
  }

  export interface HelloProfileFieldEvent {
    field: '$.profile'
    value: string
  }

  export interface HelloAgentVersionFieldEvent {
    field: '$.agentVersion'
    value: string
  }

  export interface HelloAgentsFieldEvent {
    field: '$.agents[]'
    index: number
    value: string
  }

  export interface HelloToolsFieldEvent {
    field: '$.tools[]'
    index: number
    value: string
  }

  export interface HelloResourcesFieldEvent {
    field: '$.resources[]'
    index: number
    value: string
  }

  export interface HelloPromptsFieldEvent {
    field: '$.prompts[]'
    index: number
    value: string
  }

  export interface HelloFeaturesFieldEvent {
    field: '$.features'
    value: bigint
  }

  export interface HelloSurplusFieldEvent {
    field: '$.surplus'
    value: string
  }

  export function encode (obj: Partial<Hello>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Hello.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hello>): Hello {
    return decodeMessage(buf, Hello.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hello>): Generator<HelloNetworkIdFieldEvent | HelloVersionFieldEvent | HelloProfileFieldEvent | HelloAgentVersionFieldEvent | HelloAgentsFieldEvent | HelloToolsFieldEvent | HelloResourcesFieldEvent | HelloPromptsFieldEvent | HelloFeaturesFieldEvent | HelloSurplusFieldEvent> {
    return streamMessage(buf, Hello.codec(), opts)
  }
}
