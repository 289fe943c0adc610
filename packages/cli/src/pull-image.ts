import { resolve } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  OciImageFormat,
  OciImageSpec,
  OciRegistryAuthenticationSchema,
} from '@protect/proto/control-common';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { createPullProgress } from './pull-progress.ts';

export interface PullOptions {
  readonly format: OciImageFormat;
  /** Pack again even when the cache has the image. */
  readonly overwriteCache?: boolean;
  /** Ask the registry again even when the name was resolved before. */
  readonly update?: boolean;
  /** For a registry that asks who pulls. */
  readonly login?: { readonly username: string; readonly password: string };
}

/** Has the daemon pull an image, telling how far it is on standard error. */
export async function pullImage(cli: Cli, image: string, options: PullOptions): Promise<OciImageSpec> {
  const reference = absoluteLayout(image);
  const progress = createPullProgress(cli, reference);
  let spec: OciImageSpec | undefined;
  try {
    const replies = cli.control.pullImage({
      image: reference,
      format: options.format,
      overwriteCache: options.overwriteCache ?? false,
      update: options.update ?? false,
      ...(options.login === undefined ? {} : { auth: auth(options.login) }),
    });
    for await (const reply of replies) {
      if (reply.progress !== undefined) progress.show(reply.progress);
      spec = reply.spec ?? spec;
    }
  } finally {
    progress.end();
  }
  if (spec === undefined) throw new CommandError(`pulling ${reference} ended without a result; try again`);
  return spec;
}

function auth(login: {
  readonly username: string;
  readonly password: string;
}): MessageInitShape<typeof OciRegistryAuthenticationSchema> {
  return { authenticationMethod: { case: 'usernamePassword', value: login } };
}

/** The daemon has another working folder: a layout's path is made absolute here, the rest stays as it is. */
export function absoluteLayout(reference: string): string {
  return reference.startsWith('oci:') ? `oci:${resolve(reference.slice('oci:'.length))}` : reference;
}
