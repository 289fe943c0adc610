import { invalidField } from '../invalid-argument.ts';
import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainZoneNetwork } from './network-config-wire.ts';

/** Gives a zone whose network backend is external its interfaces, routes and neighbours; answers when it has them. */
export function configureZoneNetwork({
  zones,
}: Pick<ControlDeps, 'zones'>): ControlMethods['configureZoneNetwork'] {
  return async (request, { signal }) => {
    const { id } = zones.get(decodeZoneId(request.zoneId));
    if (request.config === undefined) throw invalidField('config', 'no configuration was given');
    await zones.configureNetwork(id, toDomainZoneNetwork(request.config), signal);
    return {};
  };
}
