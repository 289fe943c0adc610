/**
 * One frame of a call: a kind, a sequence number, a body. Sequenced frames tell the receiver when the
 * network lost one; the others may come and go.
 */
export type Frame =
  | { readonly kind: 'data'; readonly sequence: number; readonly more: boolean; readonly body: Uint8Array }
  | { readonly kind: 'half-close'; readonly sequence: number }
  | { readonly kind: 'headers'; readonly sequence: number; readonly body: Uint8Array }
  | { readonly kind: 'end'; readonly sequence: number; readonly body: Uint8Array }
  /** Total cost of all that the receiver has consumed since the call began. */
  | { readonly kind: 'credit'; readonly totalBytes: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'cancel' }
  /** The peer does not know the call, or gives it up since the protocol was violated. */
  | { readonly kind: 'reset'; readonly reason: string };

const headerBytes = 5;
const maxReasonBytes = 1_024;

const kinds = {
  data: 1,
  'data-more': 2,
  'half-close': 3,
  headers: 4,
  end: 5,
  credit: 6,
  ping: 7,
  pong: 8,
  cancel: 9,
  reset: 10,
} as const;

/** Sequence numbers count modulo 2³². */
export function nextSequence(sequence: number): number {
  return (sequence + 1) >>> 0;
}

export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case 'data':
      return pack(frame.more ? kinds['data-more'] : kinds.data, frame.sequence, frame.body);
    case 'headers':
    case 'end':
      return pack(kinds[frame.kind], frame.sequence, frame.body);
    case 'half-close':
      return pack(kinds[frame.kind], frame.sequence);
    case 'credit': {
      const body = Buffer.alloc(8);
      body.writeBigUInt64BE(BigInt(frame.totalBytes));
      return pack(kinds.credit, 0, body);
    }
    case 'reset':
      return pack(kinds.reset, 0, Buffer.from(frame.reason).subarray(0, maxReasonBytes));
    case 'ping':
    case 'pong':
    case 'cancel':
      return pack(kinds[frame.kind], 0);
  }
}

/** The frame in `bytes`, or undefined when it is none. The body shares memory with `bytes`. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < headerBytes) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sequence = view.readUInt32BE(1);
  const body = bytes.subarray(headerBytes);
  switch (view[0]) {
    case kinds.data:
      return { kind: 'data', sequence, more: false, body };
    case kinds['data-more']:
      return { kind: 'data', sequence, more: true, body };
    case kinds['half-close']:
      return { kind: 'half-close', sequence };
    case kinds.headers:
      return { kind: 'headers', sequence, body };
    case kinds.end:
      return { kind: 'end', sequence, body };
    case kinds.credit:
      return body.length === 8
        ? { kind: 'credit', totalBytes: Number(view.readBigUInt64BE(headerBytes)) }
        : undefined;
    case kinds.ping:
      return { kind: 'ping' };
    case kinds.pong:
      return { kind: 'pong' };
    case kinds.cancel:
      return { kind: 'cancel' };
    case kinds.reset:
      return { kind: 'reset', reason: view.toString('utf8', headerBytes) };
    default:
      return undefined;
  }
}

function pack(kind: number, sequence: number, body: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = Buffer.allocUnsafe(headerBytes + body.length);
  bytes[0] = kind;
  bytes.writeUInt32BE(sequence, 1);
  bytes.set(body, headerBytes);
  return bytes;
}
