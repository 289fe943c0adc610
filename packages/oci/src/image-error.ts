/**
 * Why an image cannot be used. `not-found`: the reference, tag or blob does not exist; `broken`: bytes are there and
 * are not a valid image; `denied`: the registry refuses these credentials; `unavailable`: trying again later may help;
 * `unsupported`: valid, and not handled here; `limit`: larger than a named bound; `invalid`: the request itself is wrong.
 */
export type ImageErrorKind =
  | 'not-found'
  | 'broken'
  | 'denied'
  | 'unavailable'
  | 'unsupported'
  | 'limit'
  | 'invalid';

/** The one error of this package for images: what was wrong with which file, address or entry. */
export class ImageError extends Error {
  readonly kind: ImageErrorKind;

  constructor(kind: ImageErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageError';
    this.kind = kind;
  }
}
