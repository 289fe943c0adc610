import type { Duplex } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';
import { withDeadline } from '../deadline.ts';

/** Bytes that one message of QEMU may have; far more than any answer that is asked for. */
const lineMaxBytes = 4 * 1024 * 1024;

/** Commands that may wait for QEMU's answer. */
const pendingMax = 1024;

/** Milliseconds that QEMU has to carry out a command. */
const commandDeadlineMs = 10_000;

const greetingSchema = z.looseObject({ QMP: z.looseObject({}) });
const returnSchema = z.looseObject({ return: z.unknown(), id: z.number() });
const errorSchema = z.looseObject({
  error: z.looseObject({ class: z.string(), desc: z.string() }),
  id: z.number().optional(),
});
const eventSchema = z.looseObject({ event: z.string(), data: z.record(z.string(), z.unknown()).optional() });
const messageSchema = z.union([greetingSchema, returnSchema, errorSchema, eventSchema]);

/** Something that QEMU tells of its own accord. */
export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A command that QEMU refused; `qmpClass` is QEMU's own word for the kind of error. */
export class QmpError extends Error {
  override readonly name = 'QmpError';
  readonly qmpClass: string;

  constructor(command: string, qmpClass: string, description: string) {
    super(`QEMU refused ${command}: ${description}`);
    this.qmpClass = qmpClass;
  }
}

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** QEMU's machine protocol: one JSON document a line. */
export class QmpClient {
  /** Settles with the reason when the connection is gone; never rejects. */
  readonly closed: Promise<string>;
  readonly #socket: Duplex;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #greeted = Promise.withResolvers<void>();
  readonly #resolveClosed: (reason: string) => void;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #nextId = 1;
  #closeReason: string | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    // Nobody may be waiting for the greeting when the connection ends.
    this.#greeted.promise.catch(() => undefined);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#shut(`QEMU's control connection failed: ${error.message}`));
    socket.on('close', () => this.#shut('QEMU closed its control connection'));
  }

  /** Waits for QEMU's greeting and enters command mode. */
  async negotiate(signal: AbortSignal): Promise<void> {
    await withDeadline(this.#greeted.promise, 'to greet', commandDeadlineMs, signal);
    await this.execute('qmp_capabilities', z.unknown(), {}, signal);
  }

  /**
   * Runs one command. Throws `QmpError` when QEMU refuses, UNAVAILABLE when it is gone,
   * DEADLINE_EXCEEDED, CANCELED.
   */
  async execute<T>(
    command: string,
    result: z.ZodType<T>,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<T> {
    if (this.#closeReason !== undefined) throw new ConnectError(this.#closeReason, Code.Unavailable);
    if (this.#pending.size >= pendingMax) {
      throw new ConnectError(`${pendingMax} commands wait for QEMU already`, Code.ResourceExhausted);
    }
    const id = this.#nextId++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { command, resolve, reject });
    });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    try {
      const value = await withDeadline(answer, `to answer ${command}`, commandDeadlineMs, signal);
      return result.parse(value);
    } finally {
      this.#pending.delete(id);
    }
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#shut('the control connection was let go');
  }

  #onData(chunk: Buffer): void {
    let rest = chunk;
    for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10)) {
      this.#chunks.push(rest.subarray(0, newline));
      const line = Buffer.concat(this.#chunks).toString();
      this.#chunks = [];
      this.#bufferedBytes = 0;
      rest = rest.subarray(newline + 1);
      if (line.trim() !== '') this.#onLine(line);
    }
    if (rest.length > 0) this.#chunks.push(rest);
    this.#bufferedBytes += rest.length;
    if (this.#bufferedBytes > lineMaxBytes)
      this.#shut(`QEMU sent a message of more than ${lineMaxBytes} bytes`);
  }

  #onLine(line: string): void {
    const parsed = messageSchema.safeParse(parseJson(line));
    if (!parsed.success) {
      this.#shut('QEMU sent a message that is no QMP');
      return;
    }
    const message = parsed.data;
    const event = eventSchema.safeParse(message);
    if (event.success) {
      const { event: name, data } = event.data;
      for (const listener of [...this.#listeners]) listener({ name, data: data ?? {} });
      return;
    }
    const failure = errorSchema.safeParse(message);
    if (failure.success) {
      const { error, id } = failure.data;
      const pending = this.#pending.get(id ?? -1);
      pending?.reject(new QmpError(pending.command, error.class, error.desc));
      return;
    }
    const success = returnSchema.safeParse(message);
    if (success.success) this.#pending.get(success.data.id)?.resolve(success.data.return);
    else this.#greeted.resolve();
  }

  #shut(reason: string): void {
    if (this.#closeReason !== undefined) return;
    this.#closeReason = reason;
    const error = new ConnectError(reason, Code.Unavailable);
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    this.#greeted.reject(error);
    this.#socket.destroy();
    this.#resolveClosed(reason);
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
