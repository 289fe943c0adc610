import { z } from 'zod';
import { type Descriptor, descriptorSchema } from './descriptor.ts';
import { ImageError } from './image-error.ts';

/** Bound on a manifest, an index or an image configuration; registries refuse larger ones too. */
export const maxManifestBytes = 4 << 20;

/** Bound on the number of layers; overlay-based runtimes end at about 128. */
export const maxLayers = 512;

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema).max(maxLayers),
});

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(descriptorSchema),
});

const configSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(z.string()) }),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Index = z.infer<typeof indexSchema>;

/** Media types of an index (a list of images for several platforms). */
export const indexMediaTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/** Media types of one image's manifest. */
export const manifestMediaTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** A manifest or index; `name` says in errors which file or address the bytes came from. */
export function parseManifest(bytes: Uint8Array, name: string): Manifest | Index {
  const value = parseJson(bytes, name);
  const isIndex = typeof value === 'object' && value !== null && 'manifests' in value;
  return isIndex ? check(indexSchema, value, name) : check(manifestSchema, value, name);
}

/** The index of an OCI layout or registry. */
export function parseIndex(bytes: Uint8Array, name: string): Index {
  return checkJson(indexSchema, bytes, name);
}

/** Checks the parts of an image configuration that decide whether and how it can be unpacked. */
export function checkConfig(bytes: Uint8Array, manifest: Manifest, name: string): readonly string[] {
  const config = checkJson(configSchema, bytes, name);
  if (config.os !== 'linux' || config.architecture !== 'amd64') {
    throw new ImageError(
      'unsupported',
      `${name} is for ${config.os}/${config.architecture}; zones run linux/amd64`,
    );
  }
  const layers = manifest.layers.length;
  if (config.rootfs.diff_ids.length !== layers) {
    throw new ImageError(
      'broken',
      `${name} lists ${config.rootfs.diff_ids.length} layers in rootfs.diff_ids, its manifest ${layers}`,
    );
  }
  return config.rootfs.diff_ids;
}

/** The entry of an index for linux/amd64; an entry without a platform counts when it is the only one. */
export function choosePlatform(index: Index, name: string): Descriptor {
  const images = index.manifests.filter(
    (entry) => entry.annotations?.['vnd.docker.reference.type'] === undefined,
  );
  const match = images.find(({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64');
  if (match !== undefined) return match;
  const [only, ...others] = images;
  if (only !== undefined && others.length === 0 && only.platform === undefined) return only;
  const offered = images.map(({ platform }) =>
    platform ? `${platform.os}/${platform.architecture}` : 'unknown',
  );
  throw new ImageError(
    'unsupported',
    `${name} has no image for linux/amd64, only for ${offered.join(', ') || 'nothing'}`,
  );
}

/** A JSON document of some shape; `name` says in errors which it is. */
export function checkJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, name: string): T {
  return check(schema, parseJson(bytes, name), name);
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ImageError('broken', `${name} is not JSON: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'the document'}: ${issue.message}`,
  );
  throw new ImageError('broken', `${name} is not valid: ${problems.slice(0, 5).join('; ')}`);
}
