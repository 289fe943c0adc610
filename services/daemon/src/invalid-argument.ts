import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@protect/proto/error-details';

/** What is wrong with one field of a request. */
export interface FieldViolation {
  /** Path from the request on in the names of the .proto, such as `spec.initial_resources.max_cpus`. */
  readonly field: string;
  /** What is wrong with the value and what is allowed; readable without the path. */
  readonly description: string;
}

/** INVALID_ARGUMENT with the violations in its text and, for programs, as google.rpc.BadRequest. */
export function invalidArgument(violations: readonly FieldViolation[]): ConnectError {
  const text = violations.map(({ description }) => description).join('; ');
  const fieldViolations = violations.map(({ field, description }) => ({ field, description }));
  const details = [{ desc: BadRequestSchema, value: { fieldViolations } }];
  return new ConnectError(text, Code.InvalidArgument, undefined, details);
}

/** INVALID_ARGUMENT for one field. */
export function invalidField(field: string, description: string): ConnectError {
  return invalidArgument([{ field, description }]);
}
