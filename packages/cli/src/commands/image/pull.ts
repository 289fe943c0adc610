import { OciImageFormat } from '@protect/proto/control-common';
import { Command, Option } from 'commander';
import type { Cli } from '../../cli.ts';
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
  return new Command('pull')
    .description('fetch and pack an image, and print its digest')
    .argument('<image>', 'oci:/folder[:tag] or a registry reference')
    .addOption(
      new Option('-s, --image-format <format>', 'how to pack it')
        .choices(Object.keys(formats))
        .default('squashfs'),
    )
    .option('-o, --overwrite-cache', 'pack it again')
    .option('-u, --update', 'ask the registry again')
    .action(async (image: string, options: Options) => {
      const { digest } = await pullImage(cli, image, {
        format: formats[options.imageFormat],
        overwriteCache: options.overwriteCache === true,
        update: options.update === true,
      });
      await write(cli.stdout, `${digest}\n`);
    });
}
