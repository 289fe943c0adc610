import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { ImageError } from './image-error.ts';

/** What a compressed stream is cut into: large enough that hand-overs between threads do not dominate. */
const chunkBytes = 256 << 10;

/**
 * The plain bytes of a layer: gzip and zstd are told by their first bytes, since media types are often wrong;
 * anything else passes as it is. Decompression runs on Node's thread pool.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  try {
    while (head.length < 4) {
      const next = await chunks.next();
      if (next.done === true) break;
      head = Buffer.concat([head, next.value]);
    }
    const whole = prepend(head, chunks);
    const decoder = decoderFor(head);
    if (decoder === undefined) yield* whole;
    else yield* decoded(whole, decoder, name);
  } finally {
    await chunks.return?.();
  }
}

/** Passes `source` on; throws at its end unless it had this digest, and as soon as it is longer than `maxBytes`. */
export async function* withDiffId(
  source: AsyncIterable<Uint8Array>,
  diffId: string,
  maxBytes: number,
  name: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ImageError('limit', `${name} unpacks to more than ${maxBytes} bytes`);
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== diffId) {
    throw new ImageError('broken', `${name} unpacks to ${found}, the image configuration promises ${diffId}`);
  }
}

/** How a stream that begins with these bytes is compressed; undefined when it is plain. */
export function compressionOf(head: Buffer): 'gzip' | 'zstd' | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  const magic = head.length >= 4 ? head.readUInt32LE(0) : 0;
  // A zstd stream may begin with a skippable frame, as zstd:chunked and pzstd write them.
  return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5 ? 'zstd' : undefined;
}

function decoderFor(head: Buffer) {
  const compression = compressionOf(head);
  if (compression === undefined) return undefined;
  return compression === 'gzip'
    ? createGunzip({ chunkSize: chunkBytes })
    : createZstdDecompress({ chunkSize: chunkBytes });
}

async function* prepend(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (;;) {
    const next = await rest.next();
    if (next.done === true) return;
    yield next.value;
  }
}

async function* decoded(
  source: AsyncIterable<Uint8Array>,
  decoder: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
  name: string,
): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const input = Readable.from(
    (async function* () {
      try {
        yield* source;
      } catch (error) {
        sourceError = error;
        throw error;
      }
    })(),
    { objectMode: false },
  );
  const output = pipeline(input, decoder, () => {
    // The error reaches whoever reads the output.
  });
  try {
    yield* output;
  } catch (cause) {
    if (sourceError !== undefined) throw sourceError;
    throw new ImageError(
      'broken',
      `${name} cannot be decompressed: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    );
  }
}
