import { OciImageFormat } from '@protect/proto/control-common';
import { Command, Option } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { pullImage } from '../../pull-image.ts';
import { write } from '../../write.ts';

const formats = {
  squashfs: OciImageFormat.SQUASHFS,
  erofs: OciImageFormat.EROFS,
  tar: OciImageFormat.TAR,
  directory: OciImageFormat.DIRECTORY,
};

interface Options {
  readonly imageFormat: keyof typeof formats;
  readonly overwriteCache?: boolean;
  readonly update?: boolean;
}

/** `protect image pull`: prints the digest. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('pull')
      .description('fetch and pack an image, and print its digest')
      .argument('<image>', 'oci:/folder[:tag] or a registry reference')
      .addOption(
        new Option('-s, --image-format <format>', 'how to pack it')
          .choices(Object.keys(formats))
          .default('squashfs'),
      )
      .option('-o, --overwrite-cache', 'pack it again')
      .option('-u, --update', 'ask the registry again'),
    ['protect image pull alpine:3.20', 'fetch it before it is needed'],
    ['protect image pull oci:./layout:latest', 'from a folder of this host'],
  ).action(async (image: string, options: Options) => {
    const { digest } = await pullImage(cli, image, {
      format: formats[options.imageFormat],
      overwriteCache: options.overwriteCache === true,
      update: options.update === true,
    });
    await write(cli.stdout, `${digest}\n`);
  });
}
