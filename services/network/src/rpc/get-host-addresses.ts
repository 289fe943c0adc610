import { create } from '@bufbuild/protobuf';
import { type GetHostAddressesResponse, GetHostAddressesResponseSchema } from '@protect/proto/network';
import { gatewayMac } from '../addressing/mac.ts';
import type { Zones } from '../zones.ts';

/** The host's own addresses as its zones see them, on every link. */
export function getHostAddresses(zones: Zones) {
  return async (): Promise<GetHostAddressesResponse> => {
    const { ipv4, ipv6 } = zones.configuration();
    return create(GetHostAddressesResponseSchema, {
      hostIpv4: `${ipv4.host}/${ipv4.prefixLength}`,
      hostIpv6: `${ipv6.host}/${ipv6.prefixLength}`,
      hostMac: gatewayMac,
      gatewayIpv4: `${ipv4.gateway}/${ipv4.prefixLength}`,
      gatewayIpv6: `${ipv6.gateway}/${ipv6.prefixLength}`,
      gatewayMac,
    });
  };
}
