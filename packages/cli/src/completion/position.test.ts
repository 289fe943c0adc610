import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { positionOf } from './position.ts';

const program = new Command('protect').option('-c, --connection <url>').enablePositionalOptions();
const zone = program.command('zone');
zone.command('list').argument('[zone]').option('-o, --output <format>').option('-W, --wait');
zone.command('exec').argument('<zone>').argument('<command...>').option('-e, --env <KEY=value>');

function place(...words: string[]): string {
  const position = positionOf(program, words);
  switch (position?.kind) {
    case undefined:
      return 'nothing';
    case 'command':
      return `command of ${position.group.name()}`;
    case 'option':
      return `option of ${position.command.name()}`;
    case 'value':
      return `value of ${position.option.long} after "${position.prefix}"`;
    case 'argument':
      return `argument ${position.argument?.name() ?? 'none'} of ${position.command.name()}`;
  }
}

describe('the word under the cursor', () => {
  test.each([
    [[''], 'command of protect'],
    [['zo'], 'command of protect'],
    [['zone', ''], 'command of zone'],
    [['-c', ''], 'value of --connection after ""'],
    [['-c', 'unix:///a', 'zone', ''], 'command of zone'],
    [['zone', 'list', ''], 'argument zone of list'],
    [['zone', 'list', '-'], 'option of list'],
    [['zone', 'list', '--ou'], 'option of list'],
    [['zone', 'list', '--output', ''], 'value of --output after ""'],
    [['zone', 'list', '--output=js'], 'value of --output after "--output="'],
    [['zone', 'list', '-o', ''], 'value of --output after ""'],
    [['zone', 'list', '-Wo', ''], 'value of --output after ""'],
    [['zone', 'list', '-ojson', ''], 'argument zone of list'],
    [['zone', 'list', '-W', ''], 'argument zone of list'],
    [['zone', 'list', '-o', 'json', 'web', ''], 'argument none of list'],
    [['zone', 'exec', ''], 'argument zone of exec'],
    [['zone', 'exec', '-e', 'A=b', ''], 'argument zone of exec'],
    [['zone', 'exec', 'web', ''], 'argument command of exec'],
    [['zone', 'exec', 'web', 'ls', '-'], 'argument command of exec'],
    [['zone', 'exec', 'web', '-'], 'argument command of exec'],
    [['zone', 'exec', '--', '-x'], 'argument zone of exec'],
    [['zone', 'list', '--nonsense=x'], 'nothing'],
    [['nonsense', ''], 'nothing'],
  ])('after %j is the %s', (words, expected) => {
    expect(place(...words)).toBe(expected);
  });
});
