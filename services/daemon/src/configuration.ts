import { useNatsServer } from '@protect/bus/server-config';
import { type DaemonConfig, loadDaemonConfig } from '@protect/config/daemon-config';
import { thisHost } from '@protect/config/host-problems';
import type { ServiceOptions } from '@protect/service/run';
import { loadTlsCredentials } from './tls-credentials.ts';

/**
 * Reads daemon.toml, which is written first when there is none, and tells the other services where the bus is
 * when it says so: they read no configuration file. Throws ConfigurationError with all that is wrong.
 */
export async function readConfiguration({
  paths,
  netns,
}: Pick<ServiceOptions, 'paths' | 'netns'>): Promise<DaemonConfig> {
  const host = thisHost({ netns });
  const config = await loadDaemonConfig(paths.daemonToml, { writeDefault: true, host });
  if (config.runtime.natsUrl !== undefined) await useNatsServer(paths, config.runtime.natsUrl);
  // They are read again when the daemon listens; what is wrong with them shows before NATS is there.
  if (config.runtime.listen.tcp !== undefined) await loadTlsCredentials(config.runtime.listen.tcp);
  return config;
}
