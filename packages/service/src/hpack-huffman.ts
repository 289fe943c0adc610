/** Bits of each byte's code, RFC 7541 appendix B; the codes follow from their lengths in canonical order. */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

interface Level {
  /** The first code of this length, and the bytes whose codes follow one another from it. */
  readonly first: number;
  readonly bytes: readonly number[];
}

const maxBits = 30;
const levels = buildLevels();

function buildLevels(): Level[] {
  const made: Level[] = [];
  let code = 0;
  for (let bits = 0; bits <= maxBits; bits++) {
    const bytes = codeLengths.flatMap((length, byte) => (length === bits ? [byte] : []));
    made.push({ first: code, bytes });
    code = (code + bytes.length) * 2;
  }
  return made;
}

/** The text of a Huffman-coded string, or undefined when it is none. */
export function decodeHuffman(coded: Uint8Array): Buffer | undefined {
  const bytes: number[] = [];
  let code = 0;
  let bits = 0;
  let onlyOnes = true;
  for (const octet of coded) {
    for (let mask = 0x80; mask > 0; mask >>= 1) {
      const bit = (octet & mask) === 0 ? 0 : 1;
      code = code * 2 + bit;
      bits += 1;
      onlyOnes &&= bit === 1;
      const level = levels[bits];
      if (level === undefined) return undefined;
      const byte = level.bytes[code - level.first];
      if (byte === undefined) continue;
      bytes.push(byte);
      code = 0;
      bits = 0;
      onlyOnes = true;
    }
  }
  // What is left must be the beginning of the end mark: up to seven ones.
  return bits <= 7 && onlyOnes ? Buffer.from(bytes) : undefined;
}
