import type { Client } from '@connectrpc/connect';
import type { NetworkService } from '@protect/proto/network';
import type { StorageService } from '@protect/proto/storage';

export type StorageClient = Pick<
  Client<typeof StorageService>,
  'configure' | 'prepareZone' | 'provideDisk' | 'withdrawDisk' | 'releaseZone'
>;

export type NetworkClient = Pick<
  Client<typeof NetworkService>,
  | 'configure'
  | 'prepareZone'
  | 'attachInterface'
  | 'releaseZone'
  | 'getHostAddresses'
  | 'createReservation'
  | 'destroyReservation'
  | 'listReservations'
>;
