import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createXenstore } from './xenstore.ts';
import {
  createPacketDecoder,
  encodePacket,
  encodeStrings,
  type Packet,
  packetTypes,
} from './xenstore-wire.ts';

let folder: string;
let path: string;
let server: Server;
const sockets = new Set<Socket>();
const values = new Map<string, string>();
const watchers: { readonly socket: Socket; readonly path: string; readonly token: string }[] = [];

/** As much of xenstored as the client asks for; the real one runs only in Dom0. */
function answer(socket: Socket, { type, request, payload }: Packet): void {
  const [asked = '', value = ''] = payload.toString().split('\0');
  const send = (bytes: Buffer, of = type) =>
    socket.write(encodePacket({ type: of, request, payload: bytes }));
  const below = [...values.keys()].filter((key) => key.startsWith(`${asked}/`));
  const fire = () => {
    for (const watcher of watchers) {
      if (!asked.startsWith(watcher.path)) continue;
      const event = encodeStrings(asked, watcher.token);
      watcher.socket.write(encodePacket({ type: packetTypes.event, request: 0, payload: event }));
    }
  };
  const found = values.get(asked);
  if (type === packetTypes.watch) {
    watchers.push({ socket, path: asked, token: value });
    send(encodeStrings('OK'));
    fire();
  } else if (type === packetTypes.write) {
    values.set(asked, value);
    send(encodeStrings('OK'));
    fire();
  } else if (type === packetTypes.remove) {
    for (const key of [asked, ...below]) values.delete(key);
    send(encodeStrings('OK'));
  } else if (type === packetTypes.directory && below.length > 0) {
    send(encodeStrings(...new Set(below.map((key) => key.slice(asked.length + 1).split('/')[0] ?? ''))));
  } else if (type === packetTypes.read && found !== undefined) {
    send(Buffer.from(found));
  } else {
    send(encodeStrings(asked === '/forbidden' ? 'EACCES' : 'ENOENT'), packetTypes.error);
  }
}

async function listen(): Promise<void> {
  server = createServer((socket) => {
    sockets.add(socket);
    const decode = createPacketDecoder();
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const packet of decode(Buffer.from(bytes))) answer(socket, packet);
    });
  }).listen(path);
  await once(server, 'listening');
}

async function hangUp(): Promise<void> {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server.close();
  await once(server, 'close');
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-xenstore-'));
  path = join(folder, 'socket');
  values.clear();
  watchers.splice(0);
  await listen();
});
afterEach(async () => {
  await hangUp();
  await rm(folder, { recursive: true, force: true });
});

it('reads, writes, lists and removes', async () => {
  const store = createXenstore(path);
  await store.write([
    ['/a/b', 'one'],
    ['/a/c/d', 'two'],
  ]);
  expect(await Promise.all([store.read('/a/b'), store.list('/a')])).toEqual(['one', ['b', 'c']]);
  await store.remove('/a/c');
  expect(await store.read('/a/c/d')).toBeUndefined();
});

it('takes what is absent as that, and nothing else', async () => {
  const store = createXenstore(path);
  expect(await store.read('/absent')).toBeUndefined();
  expect(await store.list('/absent')).toEqual([]);
  await store.remove('/absent');
  await expect(store.read('/forbidden')).rejects.toThrow('/forbidden: EACCES');
});

it('calls back at each change until it is stopped', async () => {
  const store = createXenstore(path);
  let event = Promise.withResolvers<void>();
  const watch = store.watch('/w', () => event.resolve());
  await event.promise;
  event = Promise.withResolvers();
  await store.write([['/w/x', '1']]);
  await event.promise;
  watch.stop();
  await watch.ended;
});

it('says that the watch has ended and connects anew when xenstored comes back', async () => {
  const store = createXenstore(path);
  await store.write([['/a', '1']]);
  const first = Promise.withResolvers<void>();
  const watch = store.watch('/w', first.resolve);
  await first.promise;
  await hangUp();
  await watch.ended;
  await expect(store.read('/a')).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await listen();
  expect(await store.read('/a')).toBe('1');
});
