/** Limits of the calls on the bus, both ends agree on them. */

/** Bytes of one direction of one call that the receiver has not yet acknowledged. */
export const windowBytes = 256 * 1024;

/** A message is cut into pieces of at most this size, so that no call occupies the connection for long. */
export const chunkBytes = 60 * 1024;

/** What a frame costs beside its content, so that empty messages are bounded too. */
export const frameCostBytes = 64;

/** Requests and answers up to this size, headers included, travel as one NATS message. */
export const inlineBytes = 128 * 1024;

/** Largest message, pieced together. */
export const maxMessageBytes = 64 * 1024 * 1024;

/** An error's details and metadata beyond this are left out. */
export const maxErrorBytes = 64 * 1024;

/** How often a caller asks whether the server still has its call. */
export const pingIntervalMs = 2_000;

/** After this many intervals without a sign of life the peer is taken for lost. */
export const maxSilentIntervals = 5;

/** Calls of one method that a service carries out at once; further ones are refused. */
export const maxCallsPerMethod = 256;

/** Calls that one process may have open; further ones are refused before they are sent. */
export const maxOpenCalls = 4_096;

/** How long a call waits for nats-server to come back before it is sent. */
export const reconnectPatienceMs = 5_000;
