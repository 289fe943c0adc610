import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.ts';

/** What is kept when a stack is taken down: nothing in it runs, and it makes the next start quick. */
const kept: ReadonlySet<string> = new Set(['cache', 'log', 'daemon.toml']);

/** Mount points below a folder, deepest first. */
export function mountsBelow(dir: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((path) => path.startsWith(`${dir}/`))
    .sort((a, b) => b.length - a.length);
}

/** Loop devices whose file is below a folder. */
export async function loopDevicesBelow(dir: string): Promise<string[]> {
  const listed = await runCommand('losetup', [
    '--list',
    '--noheadings',
    '--raw',
    '--output',
    'NAME,BACK-FILE',
  ]);
  return listed
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([name, file]) => (name && file?.startsWith(`${dir}/`) ? [name] : []));
}

/** Frees what a killed stack left mounted or attached below its state folder, then the files. */
export async function clearState(stateDir: string): Promise<void> {
  for (const path of mountsBelow(stateDir)) await runCommand('umount', ['--lazy', path]);
  for (const device of await loopDevicesBelow(stateDir)) await runCommand('losetup', ['--detach', device]);
  for (const name of readdirSync(stateDir)) {
    if (!kept.has(name)) rmSync(join(stateDir, name), { recursive: true, force: true });
  }
}
