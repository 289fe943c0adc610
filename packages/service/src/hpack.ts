import { decodeHuffman } from './hpack-huffman.ts';
import { hpackStaticTable } from './hpack-static-table.ts';

/** One header field; texts are latin1, so that any byte survives. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** Must not be indexed by anybody on the way. */
  readonly sensitive: boolean;
}

const defaultTableBytes = 4096;

/** Fields of one block; more are no request of ours. */
const maxFields = 1024;

class MalformedBlock extends Error {}

/** Decodes the header blocks of one direction of an HTTP/2 connection (RFC 7541), all of them in order. */
export class HpackDecoder {
  #table: { name: string; value: string }[] = [];
  #bytes = 0;
  #maxBytes = defaultTableBytes;

  /** The fields of a block, or undefined when it is malformed: the connection is of no use then. */
  decode(block: Buffer): HeaderField[] | undefined {
    try {
      return this.#decode(new BlockReader(block));
    } catch (error) {
      if (error instanceof MalformedBlock) return undefined;
      throw error;
    }
  }

  #decode(reader: BlockReader): HeaderField[] {
    const fields: HeaderField[] = [];
    while (!reader.atEnd) {
      const first = reader.peek();
      if ((first & 0x80) !== 0) {
        fields.push({ ...this.#entry(reader.integer(7)), sensitive: false });
      } else if ((first & 0xe0) === 0x20) {
        this.#resize(reader.integer(5));
      } else {
        const indexed = (first & 0x40) !== 0;
        const nameIndex = reader.integer(indexed ? 6 : 4);
        const name = nameIndex === 0 ? reader.text() : this.#entry(nameIndex).name;
        const field = { name, value: reader.text() };
        if (indexed) this.#add(field);
        fields.push({ ...field, sensitive: (first & 0xf0) === 0x10 });
      }
      if (fields.length > maxFields) throw new MalformedBlock();
    }
    return fields;
  }

  #entry(index: number): { name: string; value: string } {
    const fixed = hpackStaticTable[index - 1];
    if (fixed !== undefined) return { name: fixed[0], value: fixed[1] };
    const entry = this.#table[index - 1 - hpackStaticTable.length];
    if (entry === undefined) throw new MalformedBlock();
    return entry;
  }

  #add(entry: { name: string; value: string }): void {
    this.#table.unshift(entry);
    this.#bytes += sizeOf(entry);
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > defaultTableBytes) throw new MalformedBlock();
    this.#maxBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#table.pop();
      if (oldest === undefined) return;
      this.#bytes -= sizeOf(oldest);
    }
  }
}

/** A block that says the same without any table. */
export function encodeHeaderBlock(fields: readonly HeaderField[]): Buffer {
  const parts = fields.flatMap(({ name, value, sensitive }) => [
    Buffer.from([sensitive ? 0x10 : 0x00]),
    literal(name),
    literal(value),
  ]);
  return Buffer.concat(parts);
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const length: number[] = [];
  if (bytes.length < 0x7f) {
    length.push(bytes.length);
  } else {
    length.push(0x7f);
    let rest = bytes.length - 0x7f;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) length.push((rest % 0x80) + 0x80);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

function sizeOf({ name, value }: { name: string; value: string }): number {
  return name.length + value.length + 32;
}

class BlockReader {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new MalformedBlock();
    return byte;
  }

  integer(prefixBits: number): number {
    const limit = 2 ** prefixBits - 1;
    let value = this.#byte() & limit;
    if (value < limit) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new MalformedBlock();
  }

  text(): string {
    const coded = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw new MalformedBlock();
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    const plain = coded ? decodeHuffman(bytes) : bytes;
    if (plain === undefined) throw new MalformedBlock();
    return plain.toString('latin1');
  }

  #byte(): number {
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }
}
