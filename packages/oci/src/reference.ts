import { isAbsolute, normalize } from 'node:path';
import { ImageError } from './image-error.ts';

/** An image in an OCI layout folder, written `oci:/folder` or `oci:/folder:tag`. */
export interface LayoutReference {
  readonly kind: 'layout';
  /** Absolute and normalised. */
  readonly directory: string;
  readonly tag?: string;
}

/** An image in a registry, as Docker writes it: `alpine`, `host:5000/team/app:1.2`, `host/app@sha256:…`. */
export interface RegistryReference {
  readonly kind: 'registry';
  /** Host name or address, with a port when one was given. */
  readonly host: string;
  readonly repository: string;
  /** `latest` when neither tag nor digest was given. */
  readonly tag?: string;
  readonly digest?: string;
}

export type ImageReference = LayoutReference | RegistryReference;

const layoutScheme = 'oci:';
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/** Bound of Docker's registries on host and repository together. */
const maxNameLength = 255;

/** Bound on a whole reference, so that errors and logs may quote it. */
const maxReferenceLength = 4096;

/** The reference in `text`, or an `ImageError` of kind `invalid` that says what is wrong with it. */
export function parseReference(text: string): ImageReference {
  const quoted = JSON.stringify(text.slice(0, 300));
  if (text === '')
    throw new ImageError('invalid', 'an image reference is empty; give a name such as alpine:3.20');
  if (text.length > maxReferenceLength) {
    throw new ImageError(
      'invalid',
      `the image reference ${quoted}… is longer than ${maxReferenceLength} characters`,
    );
  }
  for (const character of text) {
    if (character < ' ' || character === '\x7f') {
      throw new ImageError('invalid', `the image reference ${quoted} has a control character`);
    }
  }
  return text.startsWith(layoutScheme) ? parseLayout(text, quoted) : parseRegistry(text, quoted);
}

/** The full form of a reference: host, tag and digest always written out. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  if (reference.kind === 'layout') return `${layoutScheme}${reference.directory}${tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.host}/${reference.repository}${tag}${digest}`;
}

function parseLayout(text: string, quoted: string): LayoutReference {
  const rest = text.slice(layoutScheme.length);
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const directory = hasTag ? rest.slice(0, colon) : rest;
  const tag = hasTag ? rest.slice(colon + 1) : undefined;
  if (!isAbsolute(directory)) {
    throw new ImageError(
      'invalid',
      `${quoted} names no absolute folder; write oci:/folder or oci:/folder:tag`,
    );
  }
  const normal = normalize(directory).replace(/(.)\/$/, '$1');
  if (tag === undefined) return { kind: 'layout', directory: normal };
  checkTag(tag, quoted);
  return { kind: 'layout', directory: normal, tag };
}

function parseRegistry(text: string, quoted: string): RegistryReference {
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !digestPattern.test(digest)) {
    throw new ImageError(
      'invalid',
      `the digest of ${quoted} is not sha256: and 64 lower-case hexadecimal digits`,
    );
  }
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined) checkTag(tag, quoted);
  const { host, path } = splitHost(hasTag ? named.slice(0, colon) : named);
  if (!hostPattern.test(host) || !URL.canParse(`https://${host}/`))
    throw new ImageError('invalid', `${quoted} names an impossible host ${JSON.stringify(host)}`);
  const repository = host === dockerHub && !path.includes('/') ? `library/${path}` : path;
  if (host.length + repository.length + 1 > maxNameLength) {
    throw new ImageError('invalid', `the name in ${quoted} is longer than ${maxNameLength} characters`);
  }
  const wrong = repository.split('/').find((component) => !componentPattern.test(component));
  if (wrong !== undefined) {
    const remedy = /[A-Z]/.test(wrong)
      ? 'repository names are lower case'
      : 'use lower-case letters, digits, . _ -';
    throw new ImageError(
      'invalid',
      `${quoted} is no image reference: ${JSON.stringify(wrong)} is not allowed; ${remedy}`,
    );
  }
  if (digest !== undefined)
    return { kind: 'registry', host, repository, digest, ...(tag === undefined ? {} : { tag }) };
  return { kind: 'registry', host, repository, tag: tag ?? 'latest' };
}

const dockerHub = 'docker.io';

/** The first component is a host when it could not be a repository: it has a dot or colon, or is localhost. */
function splitHost(name: string): { host: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isHost = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  if (!isHost) return { host: dockerHub, path: name };
  const host = first === 'index.docker.io' ? dockerHub : first;
  return { host, path: name.slice(slash + 1) };
}

function checkTag(tag: string, quoted: string): void {
  if (!tagPattern.test(tag)) {
    throw new ImageError(
      'invalid',
      `the tag of ${quoted} is not 1 to 128 letters, digits, . _ - (and no . - first)`,
    );
  }
}
