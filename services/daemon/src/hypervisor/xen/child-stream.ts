import type { ChildProcessByStdio } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import { tailOf } from '../output-tail.ts';

/**
 * A program's standard input and output as one stream, named `what` in errors. It ends when the program
 * does, with UNAVAILABLE and the program's last words when that was a failure. Destroying the stream
 * kills the program, and `close` comes when nothing of it is left.
 */
export function childStream(child: ChildProcessByStdio<Writable, Readable, Readable>, what: string): Duplex {
  const said = tailOf(child.stderr);
  const { promise: gone, resolve: reaped } = Promise.withResolvers<void>();
  let destroyed = false;

  const stream = new Duplex({
    allowHalfOpen: false,
    read() {
      child.stdout.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      child.stdin.write(chunk, done);
    },
    final(done) {
      child.stdin.end(done);
    },
    destroy(error, done) {
      destroyed = true;
      child.kill('SIGKILL');
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
      void gone.then(() => done(error));
    },
  });

  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  child.stdout.on('error', () => undefined);
  // Its reader has gone; how the program ended says why.
  child.stdin.on('error', () => undefined);
  child.once('error', (error) => {
    reaped();
    const text = `${what} could not be started: ${error.message}`;
    stream.destroy(new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error));
  });
  child.once('close', (code, signal) => {
    reaped();
    if (destroyed) return;
    if (code === 0) {
      stream.push(null);
      return;
    }
    const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
    const words = said();
    stream.destroy(new ConnectError(`${what} ${how}${words === '' ? '' : `: ${words}`}`, Code.Unavailable));
  });
  return stream;
}
