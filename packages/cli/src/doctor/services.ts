import type { ServiceName } from '@protect/config/paths';

/** In the order in which they are shown. */
export const services: readonly ServiceName[] = ['daemon', 'storage', 'network', 'orchestrator', 'cri'];
