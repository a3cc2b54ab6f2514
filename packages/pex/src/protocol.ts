/** The protocol's name. */
export const PEX_PROTOCOL = '/penin/pex/1.0.0'
