import { type Descriptor, verified } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import { checkConfig, choosePlatform, type Manifest, maxManifestBytes, parseManifest } from './manifest.ts';

/** A place that images come from: an OCI layout folder, a registry's repository or an archive. */
export interface ImageSource {
  /** What errors and logs call it. */
  readonly name: string;
  /** Its blobs cannot change and cost little, so that they may be read again rather than kept. */
  readonly rereadable?: true;
  /** Bytes of the manifest or index that the reference points to, with their digest, not yet checked. */
  root(signal: AbortSignal): Promise<{ readonly bytes: Uint8Array; readonly digest: string }>;
  /** Bytes of a manifest named by an index. */
  manifest(descriptor: Descriptor, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Bytes of a configuration or layer. */
  blob(descriptor: Descriptor, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** An image whose manifest and configuration have been read and checked. */
export interface ResolvedImage {
  readonly source: ImageSource;
  /** Digest of the image manifest, which names the image. */
  readonly digest: string;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
  /** Digests of the uncompressed layers, base first. */
  readonly diffIds: readonly string[];
}

/** Finds the linux/amd64 image of a source; layers are not read. */
export async function resolveManifest(
  source: ImageSource,
  signal: AbortSignal,
): Promise<Pick<ResolvedImage, 'source' | 'digest' | 'manifest' | 'manifestBytes'>> {
  let { bytes, digest } = await source.root(signal);
  let manifest = parseManifest(bytes, `the manifest of ${source.name}`);
  for (let depth = 0; 'manifests' in manifest; depth++) {
    if (depth === 2) throw new ImageError('unsupported', `${source.name} nests indexes more than two deep`);
    const chosen = choosePlatform(manifest, source.name);
    const name = `manifest ${chosen.digest} of ${source.name}`;
    bytes = await readBounded(await source.manifest(chosen, signal), chosen, name);
    digest = chosen.digest;
    manifest = parseManifest(bytes, name);
  }
  return { source, digest, manifest, manifestBytes: bytes };
}

/** As `resolveManifest`, and reads the configuration too. */
export async function resolveImage(source: ImageSource, signal: AbortSignal): Promise<ResolvedImage> {
  const resolved = await resolveManifest(source, signal);
  return await withConfig(resolved, signal);
}

/** Reads and checks the configuration of an image. */
export async function withConfig(
  resolved: Awaited<ReturnType<typeof resolveManifest>>,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const { config } = resolved.manifest;
  const name = `configuration ${config.digest} of ${resolved.source.name}`;
  const configBytes = await readBounded(await resolved.source.blob(config, signal), config, name);
  return { ...resolved, configBytes, diffIds: checkConfig(configBytes, resolved.manifest, name) };
}

/** All bytes of a small blob, checked against its descriptor. */
async function readBounded(
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  name: string,
): Promise<Buffer> {
  if (descriptor.size > maxManifestBytes) {
    throw new ImageError(
      'limit',
      `${name} has ${descriptor.size} bytes; at most ${maxManifestBytes} are read`,
    );
  }
  const parts: Uint8Array[] = [];
  for await (const part of verified(source, descriptor, name)) parts.push(part);
  return Buffer.concat(parts);
}
