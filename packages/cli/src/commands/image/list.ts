import { toJson } from '@bufbuild/protobuf';
import { OciImageFormatSchema, type OciImageInfo, OciImageInfoSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import {
  addOutputOption,
  type ListFormat,
  type Listing,
  listFormats,
  outputFormat,
  printList,
} from '../../output-format.ts';
import { shortName } from '../../short-name.ts';

/** How images are listed. */
const imageListing: Listing<OciImageInfo> = {
  json: (image) => toJson(OciImageInfoSchema, image),
  header: ['digest', 'format', 'names'],
  row: (image) => cells(image).map((text) => ({ text })),
  simple: cells,
  empty: 'no images have been pulled',
};

/** `protect image list`. */
export function command(cli: Cli): Command {
  return withExamples(
    addOutputOption(new Command('list').description('list the images that are packed here'), listFormats),
    ['protect image list', 'what is packed, and under which names'],
    ['protect image list -o simple | cut -f 1', 'only the digests'],
  ).action(async (options: { readonly output: ListFormat; readonly format?: ListFormat }) => {
    const images: OciImageInfo[] = [];
    for await (const page of cli.control.listImages({})) images.push(...page.images);
    await printList(cli, imageListing, images, outputFormat(options));
  });
}

function cells({ digest, format, names }: OciImageInfo): string[] {
  return [digest, shortName(OciImageFormatSchema, format), names.join(' ')];
}
