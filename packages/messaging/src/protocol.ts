/** The protocol of direct messages. */
export const MESSAGES_PROTOCOL = '/penin/msg/1.0.0'
