import { expect, test } from 'vitest';
import { type RegistryAccess, serversOf } from './registry-access.ts';

function asked(host: string, access: RegistryAccess = {}): string[] {
  return serversOf(host, access).map(
    (server) =>
      `${server.plainHttp ? 'http' : 'https'}://${server.host}${server.isMirror ? ' (mirror)' : ''}`,
  );
}

test('Docker Hub is asked where its registry is, under each of its names', () => {
  for (const host of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
    expect(asked(host)).toEqual(['https://registry-1.docker.io']);
    expect(asked(host, { dockerHubMirror: 'index.docker.io' })).toEqual(['https://registry-1.docker.io']);
    expect(asked(host, { dockerHubMirror: 'mirror.lan' })).toEqual(['https://mirror.lan']);
  }
  expect(asked('ghcr.io', { dockerHubMirror: 'mirror.lan' })).toEqual(['https://ghcr.io']);
});

test('loopback is spoken to over plain HTTP, others when it is said, and nobody who has a ca-file', () => {
  for (const host of ['localhost', 'localhost:5000', '127.0.0.2:1', '[::1]:5000'])
    expect(asked(host)).toEqual([`http://${host}`]);
  for (const host of ['localhost.lan', '127.0.0.1.lan', '10.0.0.1:5000', '128.0.0.1'])
    expect(asked(host)).toEqual([`https://${host}`]);
  const registries = {
    'registry.lan:5000': { plainHttp: true },
    localhost: { plainHttp: false },
    '127.0.0.1': { caFile: '/ca.pem' },
  };
  expect(asked('Registry.LAN:5000', { registries })).toEqual(['http://Registry.LAN:5000']);
  expect(asked('registry.lan', { registries })).toEqual(['https://registry.lan']);
  expect(asked('localhost', { registries })).toEqual(['https://localhost']);
  expect(asked('127.0.0.1', { registries })).toEqual(['https://127.0.0.1']);
});

test('mirrors come first, each reached as its own table says', () => {
  const registries = {
    'index.docker.io': { mirrors: ['a.lan', 'b.lan:5000'] },
    'b.lan:5000': { plainHttp: true, mirrors: ['c.lan'] },
  };
  expect(asked('docker.io', { registries, dockerHubMirror: 'hub.lan' })).toEqual([
    'https://a.lan (mirror)',
    'http://b.lan:5000 (mirror)',
    'https://hub.lan',
  ]);
});
