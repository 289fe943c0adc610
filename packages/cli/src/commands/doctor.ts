import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { showsColours } from '../colours.ts';
import { findAll } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { thisHost } from '../doctor/host.ts';
import { renderFindings } from '../doctor/render.ts';
import { withExamples } from '../examples.ts';
import { addOutputOption, outputFormat, structured } from '../output-format.ts';
import { stateFolder } from '../state-folder.ts';
import { write } from '../write.ts';

const formats = ['simple', 'json', 'json-pretty', 'yaml'] as const;

type Format = (typeof formats)[number];

/** `protect doctor`. */
export function command(cli: Cli): Command {
  const doctor = new Command('doctor')
    .description('look at this host and say what is missing; changes nothing and needs no daemon')
    .option('--state <folder>', 'state folder, when it is not the one of the connection');
  withExamples(
    doctor,
    ['protect doctor', 'look at this host; root sees more'],
    [
      'protect doctor -o json',
      'the same for programs; ends with 1 when something that zones need is missing',
    ],
  );
  return addOutputOption(doctor, formats).action(
    async (options: { readonly output: Format; readonly format?: Format; readonly state?: string }) => {
      const state = options.state === undefined ? stateFolder(cli) : resolve(options.state);
      const host = thisHost(state, async (signal) => {
        const { protectVersion } = await cli.control.getHostStatus({}, { signal });
        return protectVersion;
      });
      const findings = await findAll(checks, host);
      if (findings.some(({ status }) => status === 'failed')) cli.setExitCode(1);
      const format = outputFormat(options);
      const text =
        format === 'simple'
          ? renderFindings(findings, showsColours(cli.stdout, cli.env))
          : await structured(findings, format);
      await write(cli.stdout, text);
    },
  );
}
