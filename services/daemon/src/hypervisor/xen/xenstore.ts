import { connectXenstore, type XenstoreConnection, XenstoreError } from './xenstore-connection.ts';
import { decodeStrings, encodeStrings, packetTypes } from './xenstore-wire.ts';

const defaultSocketPath = '/run/xenstored/socket';

/** The part of xenstore that the driver needs. */
export interface Xenstore {
  /** The value at `path`; undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** Names of what is right below `path`; empty when there is nothing. */
  list(path: string): Promise<string[]>;
  /** Writes each value in turn; what a path lacks of folders is made. */
  write(values: readonly (readonly [path: string, value: string])[]): Promise<void>;
  /** Removes `path` and what is below it; an absent path is no error. */
  remove(path: string): Promise<void>;
  /**
   * Calls back once soon, and at each change of `path`. `ended` settles when no more will come, since
   * xenstored is away or `stop` was called.
   */
  watch(path: string, onEvent: () => void): { readonly ended: Promise<void>; stop(): void };
}

/** Connects when it is first needed, and anew after the connection was lost. */
export function createXenstore(socketPath = defaultSocketPath): Xenstore {
  let current: Promise<XenstoreConnection> | undefined;

  function connection(): Promise<XenstoreConnection> {
    if (current !== undefined) return current;
    const connecting = connectXenstore(socketPath);
    const forget = () => {
      if (current === connecting) current = undefined;
    };
    connecting.then(({ closed }) => closed.then(forget), forget);
    current = connecting;
    return connecting;
  }

  async function request(type: number, path: string, payload = encodeStrings(path)): Promise<Buffer> {
    return await (await connection()).request(type, path, payload);
  }

  return {
    async read(path) {
      return (await request(packetTypes.read, path).catch(undefinedWhenAbsent))?.toString();
    },
    async list(path) {
      const names = await request(packetTypes.directory, path).catch(undefinedWhenAbsent);
      return names === undefined ? [] : decodeStrings(names);
    },
    async write(values) {
      for (const [path, value] of values) {
        const payload = Buffer.concat([encodeStrings(path), Buffer.from(value)]);
        await request(packetTypes.write, path, payload);
      }
    },
    async remove(path) {
      await request(packetTypes.remove, path).catch(undefinedWhenAbsent);
    },
    watch(path, onEvent) {
      // A connection of its own: closing that is the one way to be sure that no event comes any more.
      const watching = connectXenstore(socketPath);
      const ended = watching.then(async (own) => {
        await own.watch(path, onEvent).catch(() => own.close());
        await own.closed;
      });
      return {
        ended: ended.catch(() => undefined),
        stop: () => void watching.then((own) => own.close()).catch(() => undefined),
      };
    },
  };
}

function undefinedWhenAbsent(error: unknown): undefined {
  if (error instanceof XenstoreError && error.reason === 'ENOENT') return;
  throw error;
}
