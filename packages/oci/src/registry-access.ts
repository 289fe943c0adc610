/** How one registry is reached. */
export interface RegistryHost {
  /** Hosts (with port, when not the usual one) that are asked before the registry itself, in this order. */
  readonly mirrors?: readonly string[];
  /** PEM file with certificates that are trusted besides those of the system. */
  readonly caFile?: string | undefined;
  /** Spoken to over HTTP without TLS. Default: only loopback without a `caFile`. */
  readonly plainHttp?: boolean | undefined;
}

/** How registries are reached; plain data, since it goes to the thread that fetches too. */
export interface RegistryAccess {
  /** Registry (with port, when not the usual one) asked in place of Docker Hub; default Docker Hub itself. */
  readonly dockerHubMirror?: string;
  /** Docker's configuration file, whose credentials are used for registries that want some. */
  readonly dockerConfigPath?: string | undefined;
  /** What differs for some registries, by host as references name it (with port); Docker Hub is `docker.io`. */
  readonly registries?: Readonly<Record<string, RegistryHost>>;
}

/** A server that is asked for the images of a registry. */
export interface RegistryServer {
  /** With port, when not the usual one. */
  readonly host: string;
  readonly plainHttp: boolean;
  /** Another one is asked when it cannot answer, and credentials for the registry are not for it. */
  readonly isMirror: boolean;
}

/** What Docker Hub calls itself, and where its registry really is. */
const dockerHubNames: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];
const dockerHubServer = 'registry-1.docker.io';

/** The name under which a host has its settings and credentials. */
export function settingsName(host: string): string {
  const name = host.toLowerCase();
  return dockerHubNames.includes(name) ? 'docker.io' : name;
}

/** What is set for a host; nothing, for most. */
export function settingsOf(host: string, { registries = {} }: RegistryAccess): RegistryHost | undefined {
  const name = settingsName(host);
  const key = Object.keys(registries).find((candidate) => settingsName(candidate) === name);
  return key === undefined ? undefined : registries[key];
}

/** The servers to ask for images of `host`: its mirrors, and last the registry itself. */
export function serversOf(host: string, access: RegistryAccess): readonly RegistryServer[] {
  const mirrors = settingsOf(host, access)?.mirrors ?? [];
  const hosts = [...mirrors.map(addressOf), ownServer(host, access)];
  return hosts.map((server, index) => ({
    host: server,
    plainHttp: isPlainHttp(server, access),
    isMirror: index < mirrors.length,
  }));
}

/** Loopback is spoken to over plain HTTP, as Docker does, unless it is said otherwise. */
export function isPlainHttp(host: string, access: RegistryAccess): boolean {
  const settings = settingsOf(host, access);
  return settings?.plainHttp ?? (isLoopbackName(host) && settings?.caFile === undefined);
}

function ownServer(host: string, { dockerHubMirror }: RegistryAccess): string {
  if (settingsName(host) !== 'docker.io') return host;
  return addressOf(dockerHubMirror ?? dockerHubServer);
}

function addressOf(host: string): string {
  return settingsName(host) === 'docker.io' ? dockerHubServer : host;
}

function isLoopbackName(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
