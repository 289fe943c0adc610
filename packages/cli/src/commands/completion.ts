import { Argument, Command } from 'commander';
import type { Cli } from '../cli.ts';
import { completionScripts, type Shell } from '../completion/scripts.ts';
import { withExamples } from '../examples.ts';
import { write } from '../write.ts';

/** `protect completion`: the script of one shell. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('completion')
      .description('print what a shell needs to complete commands, options and the names of zones')
      .addArgument(new Argument('<shell>').choices(Object.keys(completionScripts))),
    ['source <(protect completion bash)', 'in ~/.bashrc, or once in a running bash'],
    ['source <(protect completion zsh)', 'in ~/.zshrc'],
    ['protect completion fish | source', 'in ~/.config/fish/config.fish'],
  ).action((shell: Shell) => write(cli.stdout, completionScripts[shell]));
}
