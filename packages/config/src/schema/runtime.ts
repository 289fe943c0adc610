import { isIP } from 'node:net';
import { z } from 'zod';
import { absolutePath, count } from './key-kinds.ts';
import { keyNotes } from './key-notes.ts';
import { registries } from './registries.ts';

const listenAddress = z.string().refine((text) => {
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]*)\]|([^:]*)):([0-9]{1,5})$/.exec(text) ?? [];
  const isAddress = bracketed === undefined ? isIP(plain ?? '') === 4 : isIP(bracketed) === 6;
  return isAddress && Number(port) >= 1 && Number(port) <= 65_535;
});

const natsUrl = z
  .string()
  .max(1024)
  .refine((text) => {
    const url = URL.parse(text);
    return (
      url !== null && ['nats:', 'tls:'].includes(url.protocol) && url.hostname !== '' && url.username === ''
    );
  });

function pemFile(meaning: string, example: string) {
  return absolutePath({
    meaning,
    allowed: `the absolute path of a PEM file such as "${example}"`,
    example,
  });
}

const tcp = z
  .strictObject({
    address: listenAddress.register(keyNotes, {
      meaning: 'Address and port to listen on.',
      allowed: 'an IP address with a port such as "0.0.0.0:4353" or "[::]:4353"',
      example: '0.0.0.0:4353',
    }),
    cert: pemFile('Certificate of this host, with the chain that signed it.', '/etc/protect/tls/daemon.pem'),
    key: pemFile('Private key of that certificate.', '/etc/protect/tls/daemon.key'),
    'client-ca': pemFile('Certificates whose clients are let in.', '/etc/protect/tls/clients.pem'),
  })
  .optional()
  .register(keyNotes, {
    meaning: 'Serves the control API over TCP too, with mutual TLS only. Without this table there is no TCP.',
    example: {
      address: '0.0.0.0:4353',
      cert: '/etc/protect/tls/daemon.pem',
      key: '/etc/protect/tls/daemon.key',
      'client-ca': '/etc/protect/tls/clients.pem',
    },
  });

const listen = z
  .strictObject({
    group: z
      .string()
      .regex(/^([a-z_][a-z0-9_-]{0,30}\$?|[0-9]{1,9})$/i)
      .optional()
      .register(keyNotes, {
        meaning:
          'Group that may use the control socket. Who may, controls the host. Without this key it is protect where there is such a group, and root otherwise.',
        allowed: 'the name or number of a group such as "protect"',
        example: 'protect',
      }),
    tcp,
  })
  .prefault({})
  .register(keyNotes, { meaning: 'Where the daemon listens, beside its socket in the state folder.' });

const nats = z
  .strictObject({
    url: natsUrl.optional().register(keyNotes, {
      meaning:
        'Server that the services meet on, in place of the one on this host. Credentials stay in the state folder (nats/<service>.json).',
      allowed: 'a URL such as "nats://127.0.0.1:4222" or "tls://nats.example.com:4222", without user',
      example: 'nats://127.0.0.1:4222',
    }),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'The bus between the services.' });

const limits = z
  .strictObject({
    zones: count({ fallback: 4096, from: 1, to: 4096, unit: 'zones' }, 'Zones on this host.'),
    workloads: count({ fallback: 4096, from: 1, to: 65_536, unit: 'workloads' }, 'Workloads in all zones.'),
    'workloads-per-zone': count(
      { fallback: 256, from: 1, to: 512, unit: 'workloads' },
      'Workloads in one zone.',
    ),
    connections: count(
      { fallback: 1024, from: 1, to: 65_536, unit: 'connections' },
      'Clients connected with the control API at the same time.',
    ),
    streams: count(
      { fallback: 1024, from: 1, to: 65_536, unit: 'calls' },
      'Streaming calls (attach, exec, logs, watch, pull) under way at the same time.',
    ),
    'streams-per-caller': count(
      { fallback: 512, from: 1, to: 65_536, unit: 'calls' },
      'Those of one caller: a user of this host, a client certificate, or a service.',
    ),
    'message-kib': count(
      { fallback: 4096, from: 64, to: 65_536, unit: 'KiB' },
      'Largest message that the control API takes, in KiB.',
    ),
    'workload-log-mib': count(
      { fallback: 256, from: 1, to: 1_048_576, unit: 'MiB' },
      'Output that is kept of each run of a workload, in MiB; the oldest goes first.',
    ),
    'console-log-mib': count(
      { fallback: 4, from: 1, to: 1024, unit: 'MiB' },
      'Console output that is kept of each zone, in MiB; the oldest goes first.',
    ),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'Upper bounds; what goes beyond is refused as RESOURCE_EXHAUSTED.' });

/** Where `docker login` of root leaves credentials. */
export const defaultDockerConfig = '/root/.docker/config.json';

/** `[runtime]`: the keys that are this implementation's own. */
export const runtime = z
  .strictObject({
    hypervisor: z.enum(['auto', 'xen', 'qemu']).default('auto').register(keyNotes, {
      meaning: 'What runs the zones. With auto it is Xen where this host is its Dom0, and QEMU otherwise.',
      allowed: '"auto", "xen" or "qemu"',
    }),
    'docker-config': z
      .union([z.literal('none'), absolutePath({ meaning: '' })])
      .default(defaultDockerConfig)
      .register(keyNotes, {
        meaning:
          'Configuration file of Docker, whose credentials and credential helpers are used for registries that want to know who pulls. The file is read at each such pull and only used when it belongs to root and nobody else may read it; it need not exist. Without credentials with "none".',
        allowed: `"none" or the absolute path of a file such as "${defaultDockerConfig}"`,
      }),
    listen,
    nats,
    limits,
    registries,
  })
  .prefault({})
  .register(keyNotes, { meaning: 'What Edera Protect has no keys for.' });
