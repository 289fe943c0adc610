import { Command } from 'commander';
import type { Cli } from '../../../cli.ts';
import { withExamples } from '../../../examples.ts';

/** `protect network reservation destroy`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('destroy')
      .description('give reserved addresses back; refused while a zone holds them')
      .argument('<reservation>', 'UUID'),
    [
      'protect network reservation destroy 5b0f6a52-7c0b-4b19-9d0f-0b6a6f1c2d3e',
      'give the addresses of that reservation back',
    ],
  ).action(async (reservationId: string) => {
    await cli.control.destroyNetworkReservation({ reservationId });
  });
}
