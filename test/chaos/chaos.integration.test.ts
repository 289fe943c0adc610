import { expect, test } from 'vitest';
import { tellRecoveries } from './recoveries.ts';
import { runChaos } from './run-chaos.ts';

const faults = 30;
/** Any other will do as well; `npm run chaos` takes one at random. */
const seed = 4;

test(`after each of ${faults} faults all is true again, and nothing is lost, doubled or left behind`, async ({
  signal,
}) => {
  const recoveries = await runChaos({ seed, faults, print: (line) => console.log(line), signal });
  console.log(tellRecoveries(recoveries));
  expect(recoveries).toHaveLength(faults);
});
