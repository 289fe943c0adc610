import type { Command } from 'commander';
import type { Cli } from './cli.ts';

/** One verb: its line in the help, and its module, loaded only when it is wanted. */
export interface Verb {
  readonly summary: string;
  /** Not for people: left out of the help. */
  readonly hidden?: true;
  readonly load: () => Promise<{ command(cli: Cli): Command }>;
}

/** What verbs are about; may have further nouns below it. */
export interface Noun {
  readonly summary: string;
  readonly entries: Entries;
}

export type Entries = Readonly<Record<string, Verb | Noun>>;

/** Every command there is, in the order of the help. */
export const catalogue: Entries = {
  zone: {
    summary: 'virtual machines, each with its own kernel',
    entries: {
      launch: { summary: 'create a zone', load: () => import('./commands/zone/launch.ts') },
      list: { summary: 'list zones', load: () => import('./commands/zone/list.ts') },
      destroy: {
        summary: 'end a zone and everything in it',
        load: () => import('./commands/zone/destroy.ts'),
      },
      logs: { summary: 'print its console', load: () => import('./commands/zone/logs.ts') },
      exec: { summary: 'run a command in the zone itself', load: () => import('./commands/zone/exec.ts') },
      attach: { summary: 'connect with its console', load: () => import('./commands/zone/attach.ts') },
      'update-resources': {
        summary: 'change its memory and CPUs',
        load: () => import('./commands/zone/update-resources.ts'),
      },
      metrics: { summary: 'print its measurements', load: () => import('./commands/zone/metrics.ts') },
      top: { summary: 'watch all zones and their memory', load: () => import('./commands/zone/top.ts') },
      dial: { summary: 'connect with a TCP port in it', load: () => import('./commands/zone/dial.ts') },
      watch: { summary: 'print changes of zones', load: () => import('./commands/zone/watch.ts') },
      resolve: { summary: 'print the UUID of a name', load: () => import('./commands/zone/resolve.ts') },
    },
  },
  workload: {
    summary: 'OCI images that run in zones',
    entries: {
      launch: { summary: 'run an OCI image in a zone', load: () => import('./commands/workload/launch.ts') },
      list: { summary: 'list workloads', load: () => import('./commands/workload/list.ts') },
      logs: { summary: 'print its output', load: () => import('./commands/workload/logs.ts') },
      exec: { summary: 'run a command in it', load: () => import('./commands/workload/exec.ts') },
      attach: { summary: 'connect with it', load: () => import('./commands/workload/attach.ts') },
      start: { summary: 'start it again', load: () => import('./commands/workload/start.ts') },
      stop: { summary: 'end it', load: () => import('./commands/workload/stop.ts') },
      destroy: { summary: 'end and forget it', load: () => import('./commands/workload/destroy.ts') },
    },
  },
  image: {
    summary: 'OCI images packed on this host',
    entries: {
      pull: { summary: 'fetch and pack an image', load: () => import('./commands/image/pull.ts') },
      import: { summary: 'take an image archive', load: () => import('./commands/image/import.ts') },
      list: { summary: 'list images', load: () => import('./commands/image/list.ts') },
      remove: { summary: 'remove an image', load: () => import('./commands/image/remove.ts') },
      'list-kernel-variants': {
        summary: 'list zone kernels of daemon.toml',
        load: () => import('./commands/image/list-kernel-variants.ts'),
      },
    },
  },
  network: {
    summary: 'addresses of zones',
    entries: {
      reservation: {
        summary: 'addresses that are taken or kept',
        entries: {
          list: {
            summary: 'list reservations',
            load: () => import('./commands/network/reservation/list.ts'),
          },
          create: {
            summary: 'reserve a pair of addresses',
            load: () => import('./commands/network/reservation/create.ts'),
          },
          destroy: {
            summary: 'give addresses back',
            load: () => import('./commands/network/reservation/destroy.ts'),
          },
        },
      },
    },
  },
  device: {
    summary: 'PCI devices for zones',
    entries: {
      list: { summary: 'list devices', load: () => import('./commands/device/list.ts') },
    },
  },
  host: {
    summary: 'the host and its daemon',
    entries: {
      status: { summary: 'tell about the host', load: () => import('./commands/host/status.ts') },
      'cpu-topology': {
        summary: 'list its CPUs',
        load: () => import('./commands/host/cpu-topology.ts'),
      },
      'set-power-policy': {
        summary: 'trade power for speed',
        load: () => import('./commands/host/set-power-policy.ts'),
      },
      'hv-console': {
        summary: "print the hypervisor's messages",
        load: () => import('./commands/host/hv-console.ts'),
      },
      'hv-debug-info': {
        summary: 'print all that the hypervisor tells',
        load: () => import('./commands/host/hv-debug-info.ts'),
      },
      'idm-snoop': {
        summary: 'print messages between zones and daemon',
        load: () => import('./commands/host/idm-snoop.ts'),
      },
      config: {
        summary: 'daemon.toml',
        entries: {
          check: {
            summary: 'tell what is wrong with it',
            load: () => import('./commands/host/config/check.ts'),
          },
        },
      },
    },
  },
  doctor: {
    summary: 'look at this host and say what is missing',
    load: () => import('./commands/doctor.ts'),
  },
  completion: {
    summary: 'print the completion script of a shell',
    load: () => import('./commands/completion.ts'),
  },
  __complete: {
    summary: 'print how a command line could go on',
    hidden: true,
    load: () => import('./commands/complete.ts'),
  },
};
