import { open } from 'node:fs/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ImportImageRequestSchema } from '@protect/proto/control';
import { Command, Option } from 'commander';
import type { Cli } from '../../cli.ts';
import { CommandError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { type ImageFormatName, imageFormat, imageFormats } from '../../image-formats.ts';
import { createPullProgress } from '../../pull-progress.ts';
import { write } from '../../write.ts';

/** Piece of the archive in one message. */
const chunkBytes = 256 * 1024;

interface Options {
  readonly name?: string;
  readonly digest?: string;
  readonly imageFormat: ImageFormatName;
  readonly overwriteCache?: boolean;
}

/** `protect image import`: prints the digest. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('import')
      .description('take an image archive instead of pulling it, and print its digest')
      .argument('<file>', 'OCI layout or docker save, as tar, plain or compressed; - is standard input')
      .option('-n, --name <reference>', 'name to keep it under')
      .option('--digest <digest>', 'what its digest has to be')
      .addOption(
        new Option('-s, --image-format <format>', 'how to pack it').choices(imageFormats).default('squashfs'),
      )
      .option('-o, --overwrite-cache', 'pack it again'),
    ['protect image import --name web:1.2 web.tar', 'bring an image to a host without a registry'],
    ['skopeo copy docker://alpine oci-archive:/dev/stdout | protect image import -n alpine -', 'from a pipe'],
  ).action((file: string, options: Options) => importImage(cli, file, options));
}

async function importImage(cli: Cli, file: string, options: Options): Promise<void> {
  const name = options.name ?? options.digest ?? file;
  const progress = createPullProgress(cli, name);
  const replies = cli.control.importImage(requests(archive(cli, file), options));
  let digest: string | undefined;
  try {
    for await (const reply of replies) {
      if (reply.progress !== undefined) progress.show(reply.progress);
      digest = reply.spec?.digest ?? digest;
    }
  } finally {
    progress.end();
  }
  if (digest === undefined) throw new CommandError(`importing ${name} ended without a result; try again`);
  await write(cli.stdout, `${digest}\n`);
}

/** The first message tells what is coming, the last that nothing follows. */
async function* requests(
  pieces: AsyncIterable<Uint8Array>,
  options: Options,
): AsyncGenerator<MessageInitShape<typeof ImportImageRequestSchema>> {
  yield {
    image: options.name ?? '',
    digest: options.digest ?? '',
    format: imageFormat(options.imageFormat),
    overwriteCache: options.overwriteCache === true,
  };
  for await (const chunk of pieces) yield { chunk };
  yield { lastChunk: true };
}

async function* archive(cli: Cli, file: string): AsyncGenerator<Uint8Array> {
  if (file === '-') {
    for await (const chunk of cli.stdin)
      yield* pieces(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    return;
  }
  await using handle = await open(file);
  while (true) {
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(chunkBytes) });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function* pieces(data: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < data.length; start += chunkBytes) {
    yield data.subarray(start, start + chunkBytes);
  }
}
