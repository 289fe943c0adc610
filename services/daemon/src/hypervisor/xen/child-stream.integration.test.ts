import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { identifyProcess, isRunning } from '../process-identity.ts';
import { childStream } from './child-stream.ts';
import { OneStream } from './one-stream.ts';

function run(program: string, ...args: string[]) {
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

function shell(script: string): Duplex {
  return childStream(run('sh', '-c', script), 'the script');
}

describe('childStream', () => {
  it('carries more bytes than any buffer holds, both ways', async () => {
    const stream = childStream(run('cat'), 'cat');
    const sent = Buffer.alloc(3 * 1024 * 1024, 'protect ');
    stream.end(sent);
    expect((await buffer(stream)).equals(sent)).toBe(true);
  });

  it('ends when the program does, after its last words', async () => {
    const stream = shell('echo last words');
    expect(String(await buffer(stream))).toBe('last words\n');
    if (!stream.closed) await once(stream, 'close');
  });

  it("says in the program's own words why it failed", async () => {
    await expect(buffer(shell('echo no such zone >&2; exit 3'))).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: 'the script ended with 3: no such zone',
    });
    await expect(buffer(shell('kill -9 $$'))).rejects.toThrow('was ended by SIGKILL');
    await expect(buffer(childStream(run('/no/such/program'), 'it'))).rejects.toMatchObject({
      code: Code.FailedPrecondition,
    });
  });

  it('kills the program when it is destroyed, and closes once that is gone', async () => {
    const child = run('sh', '-c', 'trap "" TERM; echo up; exec sleep 1000');
    const stream = childStream(child, 'the script');
    await once(stream, 'data');
    const identity = identifyProcess(child.pid ?? 0);
    stream.destroy();
    await once(stream, 'close');
    expect(identity && isRunning(identity)).toBe(false);
  });

  it('does not wait for a program that does not read', async () => {
    const stream = shell('sleep 1000');
    stream.write(Buffer.alloc(1024 * 1024), () => undefined);
    stream.destroy();
    await once(stream, 'close');
  });
});

describe('OneStream', () => {
  const signal = new AbortController().signal;

  it('opens the next stream once the last is closed', async () => {
    const one = new OneStream('channel', () => shell('cat'));
    const first = await one.open(signal);
    const second = one.open(signal);
    first.destroy();
    expect(await second).not.toBe(first);
    expect(first.closed).toBe(true);
    await one.close();
    await expect(one.open(signal)).rejects.toMatchObject({ code: Code.Unavailable });
  });

  it('stops to wait for the last one when it is told to', async () => {
    const one = new OneStream('channel', () => shell('cat'));
    await one.open(signal);
    const abort = new AbortController();
    const waiting = one.open(abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: Code.Canceled });
    await one.close();
  });
});
