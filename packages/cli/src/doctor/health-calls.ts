import { randomUUID } from 'node:crypto';
import { fromJsonString } from '@bufbuild/protobuf';
import { type BusMessage, connectNats } from '@protect/bus/nats';
import { readCredentials, readServerAddress } from '@protect/bus/server-address';
import { inboxPrefix, rpcSubject } from '@protect/bus/subjects';
import { type ServiceName, statePaths } from '@protect/config/paths';
import { type CheckResponse, CheckResponseSchema } from '@protect/proto/health';
import { services } from './services.ts';

const answerMs = 3_000;

/** How each service says that it is; one that does not answer is missing. Rejects when NATS cannot be asked. */
export async function askHealth(
  state: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<ServiceName, CheckResponse>> {
  const paths = statePaths(state);
  const { url } = await readServerAddress(paths);
  const { user, password } = await readCredentials(paths, 'operator');
  const link = await connectNats({ url, user, password, name: 'protect-doctor', onEvent: () => undefined });
  try {
    const inbox = `${inboxPrefix('operator')}.doctor.${randomUUID()}`;
    const answers = new Map<ServiceName, CheckResponse>();
    const pending = new Set(services);
    const all = Promise.withResolvers<void>();
    link.subscribe(`${inbox}.*`, undefined, (message) => {
      const service = services.find((name) => message.subject.endsWith(`.${name}`));
      if (service === undefined) return;
      const response = decode(message);
      if (response !== undefined) answers.set(service, response);
      pending.delete(service);
      if (pending.size === 0) all.resolve();
    });
    for (const service of services) {
      link.publish(rpcSubject(service, 'Check'), Buffer.from('{}'), { reply: `${inbox}.${service}` });
    }
    const late = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    late.addEventListener('abort', () => all.resolve(), { once: true });
    await all.promise;
    return answers;
  } finally {
    await link.close();
  }
}

/** Undefined for what nats-server answers in place of an absent service, and for errors. */
function decode({ status, data, headers }: BusMessage): CheckResponse | undefined {
  if (status !== 0 || headers?.has('Nats-Service-Error') === true) return undefined;
  try {
    return fromJsonString(CheckResponseSchema, Buffer.from(data).toString('utf8'), {
      ignoreUnknownFields: true,
    });
  } catch {
    return undefined;
  }
}
