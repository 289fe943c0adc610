/** What the gRPC protocol leaves as it is in a status message: printable ASCII but the per cent sign. */
const plain = /^[\x20-\x24\x26-\x7e]$/;

/**
 * A percent-encoded status message, encoded no more than the protocol asks for. Connect encodes all
 * punctuation, and @grpc/grpc-js shows that as it is.
 */
export function sparselyEncoded(message: string): string {
  let text: string;
  try {
    text = decodeURIComponent(message);
  } catch {
    return message;
  }
  return [...text]
    .map((character) => (plain.test(character) ? character : percentEncoded(character)))
    .join('');
}

function percentEncoded(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}
