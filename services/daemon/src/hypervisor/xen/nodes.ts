import { diskDevid } from './virtual-disk.ts';

/** Has a folder for each domain, named by its number. */
export const domainsNode = '/local/domain';

/** What xenstore holds of a domain. */
export function domainNode(domid: number): string {
  return `${domainsNode}/${domid}`;
}

/** Leads to what xenstore holds under the domain's UUID: `/vm/<uuid>`. */
export function vmNode(domid: number): string {
  return `${domainNode(domid)}/vm`;
}

/** The state folder whose zone the domain is. */
export function ownerNode(domid: number): string {
  return `${domainNode(domid)}/protect/state`;
}

/** A folder with the serial of each disk by its number, which the zone reads. */
export function serialsNode(domid: number): string {
  return `${domainNode(domid)}/protect/disks`;
}

/** The serial of disk `index`. */
export function serialNode(domid: number, index: number): string {
  return `${serialsNode(domid)}/${diskDevid(index)}`;
}

/** What the back ends of a domain's disks are told: a folder for each disk by its number. */
export function diskBackendsNode(domid: number): string {
  return `${domainNode(0)}/backend/vbd/${domid}`;
}

/** What the back end of disk `index` is told. */
export function diskBackendNode(domid: number, index: number): string {
  return `${diskBackendsNode(domid)}/${diskDevid(index)}`;
}

/** What the back end of link `index` is told. */
export function linkBackendNode(domid: number, index: number): string {
  return `${domainNode(0)}/backend/vif/${domid}/${index}`;
}
