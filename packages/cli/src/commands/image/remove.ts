import { formatReference, parseReference } from '@protect/oci/reference';
import { Command, Option } from 'commander';
import { allPages } from '../../all-pages.ts';
import type { Cli } from '../../cli.ts';
import { CommandError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { type ImageFormatName, imageFormat, imageFormats } from '../../image-formats.ts';
import { absoluteLayout } from '../../pull-image.ts';

/** `protect image remove`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('remove')
      .description('remove an image from the cache; zones that have its disk keep it')
      .argument('<image>', 'digest, or a reference that it was pulled by')
      .addOption(
        new Option('-s, --image-format <format>', 'only the one packed like this').choices(imageFormats),
      ),
    ['protect image remove alpine', 'remove what was pulled as alpine'],
    ['protect image list -o simple | cut -f 1 | xargs -n 1 protect image remove', 'empty the cache'],
  ).action(async (image: string, { imageFormat: format }: { readonly imageFormat?: ImageFormatName }) => {
    const digest = await resolveImage(cli, image);
    const { removed } = await cli.control.removeImage({ digest, format: imageFormat(format) });
    if (!removed) throw new CommandError(`there is no image ${image} in the cache; see protect image list`);
  });
}

/** The digest that a reference was last pulled as; a digest stays as it is. */
async function resolveImage(cli: Cli, image: string): Promise<string> {
  if (/^[a-z0-9]+:[0-9a-f]{32,}$/.test(image)) return image;
  const name = formatReference(parseReference(absoluteLayout(image)));
  const images = await allPages(cli.control.listImages({}), (page) => page.images);
  const found = images.find(({ names }) => names.includes(name) || names.includes(image));
  if (found !== undefined) return found.digest;
  throw new CommandError(`there is no image ${image} in the cache; see protect image list`);
}
