import { resolve } from 'node:path';
import { ConfigurationError, formatProblem } from '@protect/config/configuration-error';
import { loadDaemonConfig } from '@protect/config/daemon-config';
import { thisHost } from '@protect/config/host-problems';
import { statePaths } from '@protect/config/paths';
import { Command } from 'commander';
import type { Cli } from '../../../cli.ts';
import { withExamples } from '../../../examples.ts';
import { addOutputOption, outputFormat, structured } from '../../../output-format.ts';
import { stateFolder } from '../../../state-folder.ts';
import { write } from '../../../write.ts';

const formats = ['simple', 'json', 'json-pretty', 'yaml'] as const;

type Format = (typeof formats)[number];

/** What the daemon ends with on the same file. */
const configurationExitCode = 78;

/** `protect host config check`. */
export function command(cli: Cli): Command {
  const check = new Command('check')
    .description('tell what is wrong with daemon.toml, as the daemon would when it starts; needs no daemon')
    .argument('[file]', 'the file; daemon.toml of the state folder when left out');
  withExamples(
    check,
    ['protect host config check', 'before restarting protect-daemon'],
    ['protect host config check new.toml -o json', 'a file that is not in place yet, for programs'],
  );
  return addOutputOption(check, formats).action(
    async (file: string | undefined, options: { readonly output: Format; readonly format?: Format }) => {
      const path = file === undefined ? statePaths(stateFolder(cli)).daemonToml : resolve(file);
      const problems = await problemsOf(path);
      if (problems.length > 0) cli.setExitCode(configurationExitCode);
      const format = outputFormat(options);
      if (format !== 'simple') {
        return write(
          cli.stdout,
          await structured({ file: path, valid: problems.length === 0, problems }, format),
        );
      }
      const lines = problems.length === 0 ? [`${path}: valid`] : problems.map(formatProblem);
      return write(cli.stdout, lines.map((line) => `${line}\n`).join(''));
    },
  );
}

async function problemsOf(path: string): Promise<ConfigurationError['problems']> {
  try {
    await loadDaemonConfig(path, { host: thisHost() });
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}
