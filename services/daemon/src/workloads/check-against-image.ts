import { parseImageConfig } from '@protect/oci/image-config';
import { resolveUser } from '@protect/oci/users';
import { imageViolations } from '../image-violations.ts';
import { type FieldViolation, invalidArgument } from '../invalid-argument.ts';
import type { ProcessSpec, WorkloadSpec } from '../state/workload-record.ts';
import type { KeptImage } from './kept-image.ts';

/** INVALID_ARGUMENT names what a workload asks for and its image does not have. */
export function checkAgainstImage(spec: WorkloadSpec, image: KeptImage): void {
  const { user: imageUser } = parseImageConfig(image.config);
  const violations = accountViolations(spec.process, image, 'spec.process');
  if (spec.process.user === undefined) {
    const group = spec.process.group === undefined ? {} : { group: 0 };
    const check = () => resolveUser({ imageUser, ...group }, image.accounts);
    violations.push(...imageViolations('spec.image', check));
  }
  if (violations.length > 0) throw invalidArgument(violations);
}

/** What is wrong with user and group of a process that is described in `field`. */
export function accountViolations(
  { user, group }: Pick<ProcessSpec, 'user' | 'group'>,
  { accounts }: Pick<KeptImage, 'accounts'>,
  field: string,
): FieldViolation[] {
  const asked = (account: NonNullable<ProcessSpec['user']>) => ('id' in account ? account.id : account.name);
  return [
    ...(user === undefined
      ? []
      : imageViolations(`${field}.user`, () => resolveUser({ imageUser: '', user: asked(user) }, accounts))),
    ...(group === undefined
      ? []
      : imageViolations(`${field}.group`, () =>
          resolveUser({ imageUser: '0', group: asked(group) }, accounts),
        )),
  ];
}
