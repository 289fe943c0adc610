import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PackedImage } from '@protect/oci/image-cache';
import type { LayerProgress, PullProgress } from '@protect/oci/pull-progress';
import type { RegistryAuth } from '@protect/oci/registry-auth';
import {
  OciImageFormat,
  type OciImageInfoSchema,
  OciImageProgressLayerPhase,
  OciImageProgressPhase,
  type OciImageProgressSchema,
  type OciImageSpec,
  type OciRegistryAuthentication,
} from '@protect/proto/control-common';
import { invalidField } from '../invalid-argument.ts';
import type { ImageFormat, ImageSpec } from '../state/image-spec.ts';
import { decodeDigest } from './decode-digest.ts';

const formats: readonly (readonly [ImageFormat, OciImageFormat])[] = [
  ['unknown', OciImageFormat.UNKNOWN],
  ['squashfs', OciImageFormat.SQUASHFS],
  ['erofs', OciImageFormat.EROFS],
  ['tar', OciImageFormat.TAR],
  ['directory', OciImageFormat.DIRECTORY],
];

const phases: Record<PullProgress['phase'], OciImageProgressPhase> = {
  started: OciImageProgressPhase.STARTED,
  resolving: OciImageProgressPhase.RESOLVING,
  resolved: OciImageProgressPhase.RESOLVED,
  'config-download': OciImageProgressPhase.CONFIG_DOWNLOAD,
  'layer-download': OciImageProgressPhase.LAYER_DOWNLOAD,
  assemble: OciImageProgressPhase.ASSEMBLE,
  pack: OciImageProgressPhase.PACK,
  complete: OciImageProgressPhase.COMPLETE,
};

const layerPhases: Record<LayerProgress['phase'], OciImageProgressLayerPhase> = {
  waiting: OciImageProgressLayerPhase.WAITING,
  downloading: OciImageProgressLayerPhase.DOWNLOADING,
  downloaded: OciImageProgressLayerPhase.DOWNLOADED,
  extracting: OciImageProgressLayerPhase.EXTRACTING,
  extracted: OciImageProgressLayerPhase.EXTRACTED,
};

/** INVALID_ARGUMENT for a number that is no format; `field` is where it was. */
export function toDomainFormat(wire: OciImageFormat, field = 'format'): ImageFormat {
  const pair = formats.find(([, number]) => number === wire);
  if (pair !== undefined) return pair[0];
  throw invalidField(field, `${wire} is no image format`);
}

export function toWireFormat(format: ImageFormat): OciImageFormat {
  return formats.find(([name]) => name === format)?.[1] ?? OciImageFormat.UNKNOWN;
}

/** INVALID_ARGUMENT for what names no image; `field` is where it was. */
export function toDomainImage(wire: OciImageSpec, field: string): ImageSpec {
  return {
    digest: decodeDigest(wire.digest, `${field}.digest`),
    format: toDomainFormat(wire.format, `${field}.format`),
  };
}

export function toWireImage(image: ImageSpec) {
  return { digest: image.digest, format: toWireFormat(image.format) };
}

export function toWireImageInfo(image: PackedImage): MessageInitShape<typeof OciImageInfoSchema> {
  return {
    digest: image.digest,
    format: toWireFormat(image.format),
    names: [...image.names],
    metadata: { manifest: image.manifest, config: image.config },
  };
}

export function toWireProgress(progress: PullProgress): MessageInitShape<typeof OciImageProgressSchema> {
  return {
    phase: phases[progress.phase],
    layers: progress.layers.map((layer) => ({
      id: layer.id,
      phase: layerPhases[layer.phase],
      indication: {
        indication: {
          case: 'bar',
          value: {
            message: '',
            current: BigInt(layer.currentBytes),
            total: BigInt(layer.totalBytes),
            isBytes: true,
          },
        },
      },
    })),
    indication: { indication: { case: 'hidden', value: {} } },
  };
}

/** The credentials of one pull; undefined to use none. */
export function toDomainAuth(wire: OciRegistryAuthentication | undefined): RegistryAuth | undefined {
  const method = wire?.authenticationMethod;
  switch (method?.case) {
    case undefined:
      return undefined;
    case 'usernamePassword':
      return { kind: 'password', username: method.value.username, password: method.value.password };
    case 'rawBasicAuth':
      return { kind: 'basic', encoded: method.value };
    case 'identityToken':
      return { kind: 'identity-token', token: method.value };
    case 'registryToken':
      return { kind: 'registry-token', token: method.value };
    default:
      return method satisfies never;
  }
}
