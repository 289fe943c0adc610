import { resolve } from 'node:path';
import {
  type OciImageFormat,
  type OciImageProgress,
  OciImageProgressPhaseSchema,
  type OciImageSpec,
} from '@protect/proto/control-common';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { createProgressLine } from './progress-line.ts';
import { shortName } from './short-name.ts';

export interface PullOptions {
  readonly format: OciImageFormat;
  /** Pack again even when the cache has the image. */
  readonly overwriteCache?: boolean;
  /** Ask the registry again even when the name was resolved before. */
  readonly update?: boolean;
}

/** Has the daemon pull an image, telling how far it is on standard error. */
export async function pullImage(cli: Cli, image: string, options: PullOptions): Promise<OciImageSpec> {
  const reference = absoluteLayout(image);
  const progress = createProgressLine(cli);
  let spec: OciImageSpec | undefined;
  try {
    const replies = cli.control.pullImage({
      image: reference,
      format: options.format,
      overwriteCache: options.overwriteCache ?? false,
      update: options.update ?? false,
    });
    for await (const reply of replies) {
      if (reply.progress !== undefined) show(reference, reply.progress);
      spec = reply.spec ?? spec;
    }
  } finally {
    progress.end();
  }
  if (spec === undefined) throw new CommandError(`pulling ${reference} ended without a result; try again`);
  return spec;

  function show(image: string, { phase, layers, indication }: OciImageProgress): void {
    const name = shortName(OciImageProgressPhaseSchema, phase).replaceAll('-', ' ');
    progress.show(`${image}: ${name}`, indicate([indication, ...layers.map((layer) => layer.indication)]));
  }
}

/** The daemon has another working folder: a layout's path is made absolute here, the rest stays as it is. */
export function absoluteLayout(reference: string): string {
  return reference.startsWith('oci:') ? `oci:${resolve(reference.slice('oci:'.length))}` : reference;
}

/** The sum of all bars as `12.3 of 45.6 MiB`, or the first message; undefined when there is nothing to say. */
export function indicate(indications: readonly OciImageProgress['indication'][]): string | undefined {
  let current = 0n;
  let total = 0n;
  let message: string | undefined;
  for (const { indication } of indications.filter((one) => one !== undefined)) {
    if (indication.case === 'bar' && indication.value.isBytes) {
      current += indication.value.current;
      total += indication.value.total;
    } else if (indication.case === 'completed' && indication.value.isBytes) {
      current += indication.value.total;
      total += indication.value.total;
    } else if (indication.case === 'bar' || indication.case === 'spinner') {
      message ??= indication.value.message || undefined;
    }
  }
  if (total === 0n) return message;
  const mib = (bytes: bigint) => (Number(bytes) / 1024 ** 2).toFixed(1);
  return `${mib(current)} of ${mib(total)} MiB`;
}
