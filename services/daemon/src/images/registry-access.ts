import type { DaemonConfig } from '@protect/config/daemon-config';
import type { RegistryAccess } from '@protect/oci/registry-access';

/** How daemon.toml says that registries are reached. */
export function registryAccess({ oci, runtime }: Pick<DaemonConfig, 'oci' | 'runtime'>): RegistryAccess {
  const { dockerConfigPath, registries } = runtime;
  return { dockerHubMirror: oci.dockerHubMirror, dockerConfigPath, registries };
}
