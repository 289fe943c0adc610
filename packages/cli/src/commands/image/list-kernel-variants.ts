import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { type KernelVariant, kernelVariants } from '../../kernel-variants.ts';
import {
  addOutputOption,
  type ListFormat,
  type Listing,
  listFormats,
  outputFormat,
  printList,
} from '../../output-format.ts';

/** How kernel variants are listed. */
const variantListing: Listing<KernelVariant> = {
  json: (variant) => variant,
  header: ['name', 'image'],
  row: ({ name, image }) => [{ text: name }, { text: image }],
  simple: ({ name, image }) => [name, image],
  empty: 'daemon.toml names no kernel variants',
};

/** `protect image list-kernel-variants`. */
export function command(cli: Cli): Command {
  const list = new Command('list-kernel-variants').description(
    'list the zone kernels that daemon.toml names',
  );
  return withExamples(addOutputOption(list, listFormats), [
    'protect image list-kernel-variants',
    'see what --kernel-variant of zone launch takes',
  ]).action(async (options: { readonly output: ListFormat; readonly format?: ListFormat }) => {
    await printList(cli, variantListing, await kernelVariants(cli), outputFormat(options));
  });
}
