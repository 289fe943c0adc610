import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Archive, ambiguous, extentOf, meansSame, readArchived, type WantedImage } from './archive.ts';
import type { Extent } from './archive-index.ts';
import type { ArchivedImage } from './archive-source.ts';
import { compressionOf } from './decompress.ts';
import { digestOf, digestSchema } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import { checkJson, maxLayers } from './manifest.ts';
import { readChunks } from './read-chunks.ts';

const listSchema = z
  .array(
    z.object({
      Config: z.string(),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string()).max(maxLayers).nullish(),
    }),
  )
  .min(1);

const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(digestSchema).nullish() }) });

const configType = 'application/vnd.docker.container.image.v1+json';

/** What skopeo calls the layers of such an archive, compressed or not; so the digest is the one that skopeo tells. */
const layerType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

/**
 * An image of an archive in the form of `docker save` before version 25. It has no manifest, so one is made: the same
 * archive always gives the same.
 */
export async function dockerImage(archive: Archive, wanted: WantedImage): Promise<ArchivedImage> {
  const { name, path } = archive;
  const list = checkJson(
    listSchema,
    await readArchived(archive, 'manifest.json'),
    `manifest.json of ${name}`,
  );
  const image = choose(archive, list, wanted);
  const configBytes = await readArchived(archive, memberPath(image.Config));
  const config = checkJson(configSchema, configBytes, `the configuration of ${name}`);
  const diffIds = config.rootfs.diff_ids ?? [];
  const layerPaths = image.Layers ?? [];
  if (diffIds.length !== layerPaths.length) {
    throw new ImageError(
      'broken',
      `${name} has ${layerPaths.length} layers, its configuration promises ${diffIds.length}`,
    );
  }
  const blobs = new Map<string, Extent>();
  const layers = [];
  for (const [index, layerPath] of layerPaths.entries()) {
    const extent = extentOf(archive, memberPath(layerPath));
    const digest = await layerDigest(archive, extent, diffIds[index] ?? '');
    blobs.set(digest, extent);
    layers.push({ mediaType: layerType, size: extent.size, digest });
  }
  const configDigest = digestOf(configBytes);
  blobs.set(configDigest, extentOf(archive, memberPath(image.Config)));
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { mediaType: configType, size: configBytes.length, digest: configDigest },
    layers,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { kind: 'archive', name, path, root: { bytes, digest: digestOf(bytes) }, blobs };
}

function choose(archive: Archive, list: z.infer<typeof listSchema>, wanted: WantedImage) {
  const named = list.filter(({ RepoTags }) => RepoTags?.some((tag) => meansSame(tag, wanted.name)));
  const [only, ...others] = named.length > 0 ? named : list;
  if (only !== undefined && others.length === 0) return only;
  throw ambiguous(
    archive,
    list.flatMap(({ RepoTags }) => RepoTags ?? []),
  );
}

/** As the index of the archive writes paths. */
function memberPath(path: string): string {
  return path.replace(/^(\.?\/)+/, '');
}

/** A plain layer has the digest that the configuration promises, which is checked when it is read. */
async function layerDigest({ path }: Archive, { offset, size }: Extent, diffId: string): Promise<string> {
  const bytes = () => readChunks(path, { start: offset, length: size });
  for await (const head of bytes()) {
    if (compressionOf(head) === undefined) return diffId;
    break;
  }
  const hash = createHash('sha256');
  for await (const chunk of bytes()) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}
