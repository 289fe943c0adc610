import { ImageError } from './image-error.ts';

/** Reads a stream of chunks by byte counts, holding no more than one chunk and what one `exactly` call asked for. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #current: Uint8Array = new Uint8Array(0);
  #taken = 0;

  /** `name` says in errors what ended too early. */
  constructor(source: AsyncIterable<Uint8Array>, name: string) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** Bytes handed out so far. */
  get position(): number {
    return this.#taken;
  }

  /** The next `length` bytes, or undefined when the stream has ended right here. */
  async exactly(length: number): Promise<Buffer | undefined> {
    if (this.#current.length === 0 && !(await this.#next())) return undefined;
    if (this.#current.length >= length) return Buffer.from(this.#take(length));
    const parts: Uint8Array[] = [];
    for await (const part of this.upTo(length)) parts.push(part);
    return Buffer.concat(parts, length);
  }

  /** The next `length` bytes in whatever pieces they come; throws when the stream ends before. */
  async *upTo(length: number): AsyncGenerator<Uint8Array, void, void> {
    for (let left = length; left > 0; ) {
      if (this.#current.length === 0 && !(await this.#next())) {
        throw new ImageError('broken', `${this.#name} is cut off: ${left} bytes of an entry are missing`);
      }
      const piece = this.#take(left);
      left -= piece.length;
      yield piece;
    }
  }

  /** Reads the stream to its end and drops the bytes, so that checks on the whole stream are made. */
  async drain(): Promise<void> {
    this.#current = new Uint8Array(0);
    while (await this.#next()) this.#current = new Uint8Array(0);
  }

  /** Tells the source that nothing more will be read. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #take(length: number): Uint8Array {
    const piece = this.#current.subarray(0, length);
    this.#current = this.#current.subarray(piece.length);
    this.#taken += piece.length;
    return piece;
  }

  async #next(): Promise<boolean> {
    for (;;) {
      const result = await this.#chunks.next();
      if (result.done === true) return false;
      if (result.value.length > 0) {
        this.#current = result.value;
        return true;
      }
    }
  }
}
