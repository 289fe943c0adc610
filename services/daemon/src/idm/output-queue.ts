import { create } from '@bufbuild/protobuf';
import { type Output, type StreamResponse, StreamResponseSchema } from '@protect/proto/idm';
import { streamQueueMax } from './limits.ts';

/** Bytes that joined output messages may reach. */
const joinedMaxBytes = 64 * 1024;

interface Entry {
  readonly response: StreamResponse;
  /** Output that follows on this entry's is appended here; grows by doubling. */
  buffer: Uint8Array<ArrayBuffer> | undefined;
  length: number;
}

function outputOf(entry: Entry | undefined): Output | undefined {
  const response = entry?.response.response;
  return response?.case === 'output' ? response.value : undefined;
}

/**
 * What a zone sent on one stream and nobody has read yet. Small outputs that follow on each other
 * are joined, so that a program which writes single bytes fills memory no faster than another.
 */
export class OutputQueue {
  #entries: Entry[] = [];

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** False when the zone sent more messages than a well-behaved one ever does. */
  push(response: StreamResponse): boolean {
    if (this.#join(response)) return true;
    if (this.#entries.length >= streamQueueMax) return false;
    this.#entries.push({ response, buffer: undefined, length: 0 });
    return true;
  }

  shift(): StreamResponse | undefined {
    const entry = this.#entries.shift();
    if (!entry) return undefined;
    const output = outputOf(entry);
    if (!output || !entry.buffer) return entry.response;
    const data = entry.buffer.subarray(0, entry.length);
    return create(StreamResponseSchema, { response: { case: 'output', value: { ...output, data } } });
  }

  clear(): void {
    this.#entries = [];
  }

  #join(response: StreamResponse): boolean {
    if (response.response.case !== 'output') return false;
    const next = response.response.value;
    const entry = this.#entries.findLast((candidate) => outputOf(candidate)?.stream === next.stream);
    const last = outputOf(entry);
    if (!entry || !last || last.end) return false;
    const length = entry.buffer ? entry.length : last.data.length;
    if (last.offset + BigInt(length) !== next.offset || length + next.data.length > joinedMaxBytes) {
      return false;
    }
    append(entry, last, next.data);
    last.end = next.end;
    return true;
  }
}

function append(entry: Entry, last: Output, data: Uint8Array): void {
  const length = entry.buffer ? entry.length : last.data.length;
  const needed = length + data.length;
  if (!entry.buffer || entry.buffer.length < needed) {
    const grown = new Uint8Array(Math.max(needed, length * 2, 1024));
    grown.set(entry.buffer ? entry.buffer.subarray(0, length) : last.data);
    entry.buffer = grown;
    last.data = new Uint8Array();
  }
  entry.buffer.set(data, length);
  entry.length = needed;
}
