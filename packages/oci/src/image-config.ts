import { z } from 'zod';
import { ImageError } from './image-error.ts';

const strings = z.array(z.string()).nullish();

const imageConfigSchema = z.object({
  config: z
    .object({
      Entrypoint: strings,
      Cmd: strings,
      Env: strings,
      User: z.string().nullish(),
      WorkingDir: z.string().nullish(),
      StopSignal: z.string().nullish(),
    })
    .nullish(),
});

/** How an image wants to be run; everything absent in the image is empty. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `KEY=value`. */
  readonly environment: readonly string[];
  /** `user`, `uid`, `user:group` or `uid:gid`; empty for root. */
  readonly user: string;
  readonly workingDirectory: string;
  /** Such as `SIGQUIT` or `3`; empty for the default. */
  readonly stopSignal: string;
}

/** Reads the bytes of an image configuration. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new ImageError('broken', 'the image configuration is not JSON', { cause });
  }
  const result = imageConfigSchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new ImageError(
      'broken',
      `the image configuration is not valid: ${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  const config = result.data.config ?? {};
  return {
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    environment: config.Env ?? [],
    user: config.User ?? '',
    workingDirectory: config.WorkingDir ?? '',
    stopSignal: config.StopSignal ?? '',
  };
}
