/** Starts nodes as real processes, for scenario tests. @packageDocumentation */
export {}
