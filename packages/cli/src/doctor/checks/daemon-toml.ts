import { ConfigurationError } from '@protect/config/configuration-error';
import { loadDaemonConfig } from '@protect/config/daemon-config';
import { thisHost } from '@protect/config/host-problems';
import { statePaths } from '@protect/config/paths';
import type { Check } from '../check.ts';
import { failed, ok } from '../finding.ts';
import { at, readText } from '../host.ts';

const name = 'daemon.toml';

/** The daemon would start on it. */
export const daemonToml: Check = {
  name,
  async find(host) {
    const path = statePaths(host.state).daemonToml;
    if ((await readText(host, path)) === undefined) {
      return [ok(name, 'not there yet; protect-daemon writes it at its first start')];
    }
    try {
      await loadDaemonConfig(at(host, path), { host: { ...thisHost(), root: host.root } });
      return [ok(name, 'valid')];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      const [first] = error.problems;
      const count = error.problems.length === 1 ? 'a mistake' : `${error.problems.length} mistakes`;
      const detail = `${count}: ${first?.key ?? ''} ${first?.message ?? ''}`.replaceAll('  ', ' ');
      return [failed(name, detail, `protect host config check ${path} shows all, with their lines`)];
    }
  },
};
