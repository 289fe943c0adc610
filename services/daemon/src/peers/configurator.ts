import type { DaemonConfig } from '@protect/config/daemon-config';
import type { Logger } from 'pino';
import type { HostStatus } from '../host/host-status.ts';
import type { State } from '../state/state.ts';
import { networkConfiguration, storageConfiguration } from './configure-peers.ts';
import type { NetworkClient, StorageClient } from './peer-clients.ts';

const configureMs = 30_000;

export type PeerName = 'storage' | 'network';

/** Gives the other services their part of the configuration, and the list of what to keep. */
export interface Configurator {
  /** For each announcement of a service; calls for one service come one after the other. */
  configure(peer: PeerName): Promise<void>;
  readonly configured: ReadonlySet<PeerName>;
}

interface ConfiguratorDeps {
  readonly config: DaemonConfig;
  readonly state: State;
  readonly storage: StorageClient;
  readonly network: NetworkClient;
  readonly hostStatus: Pick<HostStatus, 'refresh'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export function createConfigurator(deps: ConfiguratorDeps): Configurator {
  const { config, state, storage, network, hostStatus, logger } = deps;
  const configured = new Set<PeerName>();
  const tails: Record<PeerName, Promise<void>> = { storage: Promise.resolve(), network: Promise.resolve() };

  async function once(peer: PeerName): Promise<void> {
    const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(configureMs)]);
    try {
      const revision = await state.nextNumber(`${peer} revision`);
      if (peer === 'storage') {
        await storage.configure(storageConfiguration(config, state, revision), { signal });
      } else {
        await network.configure(networkConfiguration(config, state, revision), { signal });
        await hostStatus.refresh(signal);
      }
      configured.add(peer);
      logger.info({ peer, revision: revision.toString() }, 'gave a service its configuration');
    } catch (error) {
      if (deps.signal.aborted) return;
      // It announces itself when it is back, and is given all then.
      configured.delete(peer);
      logger.warn({ err: error, peer }, 'a service did not take its configuration');
    }
  }

  return {
    configured,
    async configure(peer) {
      tails[peer] = tails[peer].then(() => once(peer));
      await tails[peer];
    },
  };
}
