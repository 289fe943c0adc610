/** Bytes of a packet's header: type, request, transaction and length of what follows, each 32 bits. */
const headerBytes = 16;

/** The most that may follow a header. */
export const payloadMaxBytes = 4096;

/** The kinds of packets that are needed here, by the numbers of Xen's xs_wire.h. */
export const packetTypes = {
  directory: 1,
  read: 2,
  watch: 4,
  write: 11,
  remove: 13,
  event: 15,
  error: 16,
} as const;

export interface Packet {
  readonly type: number;
  /** Chosen by the client, repeated in the answer. */
  readonly request: number;
  readonly payload: Buffer;
}

/** A packet as it goes over the socket. Xenstored speaks the byte order of its host, which has one only. */
export function encodePacket({ type, request, payload }: Packet): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(type, 0);
  header.writeUInt32LE(request, 4);
  header.writeUInt32LE(payload.length, 12);
  return Buffer.concat([header, payload]);
}

/** Takes bytes as they come and gives the packets that are whole. Throws when they cannot be xenstored's. */
export function createPacketDecoder(): (bytes: Buffer) => Packet[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const packets: Packet[] = [];
    while (rest.length >= headerBytes) {
      const length = rest.readUInt32LE(12);
      if (length > payloadMaxBytes) throw new Error(`xenstored sends a packet of ${length} bytes`);
      const end = headerBytes + length;
      if (rest.length < end) break;
      const payload = Buffer.from(rest.subarray(headerBytes, end));
      packets.push({ type: rest.readUInt32LE(0), request: rest.readUInt32LE(4), payload });
      rest = rest.subarray(end);
    }
    return packets;
  };
}

/** Strings, each ended by a zero byte. */
export function encodeStrings(...strings: readonly string[]): Buffer {
  return Buffer.from(strings.map((string) => `${string}\0`).join(''));
}

/** The strings of a payload, each ended by a zero byte. */
export function decodeStrings(payload: Buffer): string[] {
  return payload.toString().split('\0').slice(0, -1);
}
