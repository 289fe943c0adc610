import { chownSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { type SandboxOptions, unprivilegedId } from './sandbox.ts';
import { runSandboxed } from './sandboxed-tool.ts';

const fresh = temporaryDirectories();
const limits = { signal: new AbortController().signal, timeoutMs: 10_000 };

async function output(tool: string[], options: SandboxOptions = {}): Promise<string> {
  const parts: Buffer[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk);
      done();
    },
  });
  await runSandboxed(tool, { ...limits, ...options, stdout });
  return Buffer.concat(parts).toString();
}

function outputFolder(): string {
  const directory = fresh();
  chownSync(directory, unprivilegedId, unprivilegedId);
  return directory;
}

async function* zeros(chunks: number) {
  for (let index = 0; index < chunks; index++) yield Buffer.alloc(65536);
}

describe('the sandbox for tools that read images', () => {
  test('runs as nobody, without capabilities and without a way to get any', async () => {
    const status = await output(['cat', '/proc/self/status']);
    expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
    expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
    expect(status).toMatch(/^Groups:\t\s*$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test('sees programs and its own folders, and nothing else of the host', async () => {
    const directory = outputFolder();
    const entries = (await output(['ls', '/'], { output: directory })).trim().split('\n');
    expect(entries.sort()).toEqual(['bin', 'dev', 'lib', 'lib64', 'out', 'proc', 'sbin', 'tmp', 'usr']);
    expect(await output(['env'])).toBe('PATH=/usr/bin:/bin\nPWD=/\n');
  });

  test('has no network but a loopback that is down', async () => {
    const links = (await output(['cat', '/proc/net/dev'])).split('\n').slice(2).filter(Boolean);
    expect(links.map((line) => line.trim().split(':')[0])).toEqual(['lo']);
  });

  test('may read its input and write its output, and no more than it is allowed', async () => {
    const input = join(fresh(), 'input');
    await writeFile(input, 'hello');
    expect(await output(['cat', '/in'], { input })).toBe('hello');
    await expect(output(['touch', '/in'], { input })).rejects.toThrow(/touch ended with/);
    const directory = outputFolder();
    await output(['touch', '/out/file'], { output: directory });
    expect(await readdir(directory)).toEqual(['file']);
    const large = ['dd', 'if=/dev/zero', 'of=/out/large', 'bs=65536', 'count=100'];
    await expect(output(large, { output: directory, fileBytes: 1 << 20 })).rejects.toMatchObject({
      kind: 'broken',
    });
  });

  test('passes its input on, however large', async () => {
    expect((await output(['wc', '-c'], {})).trim()).toBe('0');
    const parts: string[] = [];
    const stdout = new Writable({ write: (chunk, _encoding, done) => done(void parts.push(String(chunk))) });
    await runSandboxed(['wc', '-c'], { ...limits, stdin: zeros(200), stdout });
    expect(parts.join('').trim()).toBe(String(200 * 65536));
  });

  test('says what the tool said when it fails, also when it leaves its input unread', async () => {
    const failing = runSandboxed(['ls', '/nowhere'], { ...limits, stdin: zeros(200) });
    await expect(failing).rejects.toMatchObject({
      kind: 'broken',
      message: expect.stringContaining('/nowhere'),
    });
  });

  test('fails with the reason when its input fails', async () => {
    const source = async function* () {
      yield Buffer.alloc(10);
      throw new Error('the layer is damaged');
    };
    await expect(runSandboxed(['wc', '-c'], { ...limits, stdin: source() })).rejects.toThrow(
      'the layer is damaged',
    );
  });

  test('ends the tool when it is given up or takes too long', async () => {
    const controller = new AbortController();
    const source = async function* () {
      controller.abort(new Error('given up'));
      yield Buffer.alloc(10);
    };
    const abandoned = runSandboxed(['sleep', '60'], {
      ...limits,
      stdin: source(),
      signal: controller.signal,
    });
    await expect(abandoned).rejects.toThrow('given up');
    await expect(runSandboxed(['sleep', '60'], { ...limits, timeoutMs: 200 })).rejects.toThrow(/timeout/);
  });
});
