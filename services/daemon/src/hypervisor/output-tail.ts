import type { Readable } from 'node:stream';

/** Bytes kept of what a program says. */
const tailMaxBytes = 16 * 1024;

/** Reads a stream to its end and keeps the last of it; the answer is that, whenever it is asked for. */
export function tailOf(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-tailMaxBytes);
  });
  stream.on('error', () => undefined);
  return () => tail.toString().trim();
}
