import { invalidField } from '../invalid-argument.ts';
import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainResources } from './zone-wire.ts';

/** Changes memory and CPUs of a zone that runs; 0 leaves what is. Answers when the zone has them. */
export function updateZoneResources({
  zones,
}: Pick<ControlDeps, 'zones'>): ControlMethods['updateZoneResources'] {
  return async (request, { signal }) => {
    const { id } = zones.get(decodeZoneId(request.zoneId));
    const { resources } = request;
    if (resources === undefined) throw invalidField('resources', 'the request has no resources');
    await zones.updateResources(id, toDomainResources(resources, 'resources'), signal);
    return {};
  };
}
