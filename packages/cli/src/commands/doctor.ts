import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { findAll } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { thisHost } from '../doctor/host.ts';
import { renderFindings } from '../doctor/render.ts';
import { addOutputOption, outputFormat, structured } from '../output-format.ts';
import { stateFolder } from '../state-folder.ts';
import { write } from '../write.ts';

const formats = ['simple', 'json', 'json-pretty', 'yaml'] as const;

type Format = (typeof formats)[number];

/** `protect doctor`. */
export function command(cli: Cli): Command {
  return addOutputOption(
    new Command('doctor')
      .description('look at this host and say what is missing; changes nothing and needs no daemon')
      .option('--state <folder>', 'state folder, when it is not the one of the connection'),
    formats,
  ).action(
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
          ? renderFindings(findings, cli.stdout.isTTY === true && !cli.env.NO_COLOR)
          : await structured(findings, format);
      await write(cli.stdout, text);
    },
  );
}
