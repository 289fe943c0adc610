import { text } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { type ImageFormatName, imageFormat, imageFormats } from '../../image-formats.ts';
import { pullImage } from '../../pull-image.ts';
import { write } from '../../write.ts';

interface Options {
  readonly imageFormat: ImageFormatName;
  readonly overwriteCache?: boolean;
  readonly update?: boolean;
  readonly username?: string;
}

/** `protect image pull`: prints the digest. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('pull')
      .description('fetch and pack an image, and print its digest')
      .argument('<image>', 'oci:/folder[:tag] or a registry reference')
      .addOption(
        new Option('-s, --image-format <format>', 'how to pack it').choices(imageFormats).default('squashfs'),
      )
      .option('-o, --overwrite-cache', 'pack it again')
      .option('-u, --update', 'ask the registry again')
      // Arguments can be seen by every user of the host, standard input cannot.
      .option('--username <name>', 'who pulls; the password or token is read from standard input'),
    ['protect image pull alpine:3.20', 'fetch it before it is needed'],
    ['protect image pull oci:./layout:latest', 'from a folder of this host'],
    [
      'protect image pull --username me registry.example.com/app < token',
      'from a registry that asks who pulls',
    ],
  ).action(async (image: string, { username, ...options }: Options) => {
    const { digest } = await pullImage(cli, image, {
      format: imageFormat(options.imageFormat),
      overwriteCache: options.overwriteCache === true,
      update: options.update === true,
      ...(username === undefined ? {} : { login: { username, password: await readPassword(cli) } }),
    });
    await write(cli.stdout, `${digest}\n`);
  });
}

/** All of standard input, without the end of its line. */
async function readPassword({ stdin }: Cli): Promise<string> {
  return (await text(stdin)).replace(/\r?\n$/, '');
}
