import { afterEach, beforeEach, expect, test } from 'vitest';
import { announce, type Presence, watchPresence } from '../src/presence.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;

beforeEach(async () => {
  stand = await openStand();
});

afterEach(() => stand[Symbol.asyncDispose]());

/** A queue of what was announced, to be waited for. */
function watch() {
  const seen: Presence[] = [];
  let wake = () => {};
  return {
    onPresence: (presence: Presence) => {
      seen.push(presence);
      wake();
    },
    async next(): Promise<Presence | undefined> {
      while (seen.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return seen.shift();
    },
  };
}

test('presence: the daemon hears of a service that starts, and of those that were there before it', async () => {
  const storage = await stand.connect('storage');
  announce(storage, { instance: 'storage-1', version: '1.0.0' });
  await storage.flush();

  const daemon = await stand.connect('daemon');
  const watched = watch();
  watchPresence(daemon, watched.onPresence);
  announce(daemon, { instance: 'daemon-1', version: '1.0.0' });
  expect(await watched.next()).toMatchObject({ service: 'daemon', instance: 'daemon-1' });
  expect(await watched.next()).toEqual({ service: 'storage', instance: 'storage-1', version: '1.0.0' });

  announce(await stand.connect('network'), { instance: 'network-1', version: '1.0.0' });
  expect(await watched.next()).toMatchObject({ service: 'network', instance: 'network-1' });
});

test('presence: everybody says so again when nats-server is back', async () => {
  const [storage, daemon] = await Promise.all([stand.connect('storage'), stand.connect('daemon')]);
  const watched = watch();
  watchPresence(daemon, watched.onPresence);
  await daemon.flush();
  announce(storage, { instance: 'storage-1', version: '1.0.0' });
  expect(await watched.next()).toMatchObject({ service: 'storage' });
  await stand.stopServer();
  announce(daemon, { instance: 'daemon-1', version: '1.0.0' });
  await stand.startServer();
  const services = new Set<string | undefined>();
  while (!services.has('storage')) services.add((await watched.next())?.service);
});

test('presence: what cannot be read is ignored', async () => {
  const [storage, daemon] = await Promise.all([stand.connect('storage'), stand.connect('daemon')]);
  const watched = watch();
  watchPresence(daemon, watched.onPresence);
  await daemon.flush();
  storage.publish('protect.presence.storage', Buffer.from('no JSON'));
  storage.publish('protect.presence.storage', Buffer.from('{"instance":7}'));
  announce(storage, { instance: 'storage-1', version: '1.0.0' });
  expect(await watched.next()).toMatchObject({ instance: 'storage-1' });
  expect(stand.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
});
