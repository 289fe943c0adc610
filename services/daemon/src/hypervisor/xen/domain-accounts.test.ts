import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { createDomainAccounts, type DomainTables, usageOf } from './domain-accounts.ts';

const signal = new AbortController().signal;
const tables: DomainTables = {
  vcpus: [
    { name: 'a', domid: 3, vcpu: 0, processor: 1, seconds: 4 },
    { name: 'a', domid: 3, vcpu: 1, processor: undefined, seconds: 1.5 },
    { name: 'b', domid: 4, vcpu: 0, processor: 0, seconds: 9 },
  ],
  memory: [{ name: 'a', totalKib: 1024, maxKib: 2048 }],
  claims: [{ name: 'a', domid: 3, outstandingMib: 2 }],
};

describe('usageOf', () => {
  it('adds up all that the domain has run, and counts the CPUs that are online', () => {
    expect(usageOf(tables, 'a', 3)).toEqual({
      cpuSeconds: 5.5,
      vcpus: [{ cpu: 0, seconds: 4 }],
      memoryMaxBytes: 2_097_152,
      memoryTotalBytes: 1_048_576,
      memoryOutstandingBytes: 2_097_152,
    });
  });

  it('is not that of a later domain with the same name', () => {
    expect(() => usageOf(tables, 'a', 4)).toThrow(expect.objectContaining({ code: Code.NotFound }));
  });
});

describe('createDomainAccounts', () => {
  it('reads once for all who ask at a time, and again after a failure', async () => {
    const read = vi.fn<() => Promise<DomainTables>>().mockRejectedValueOnce(new Error('xl is away'));
    const accounts = createDomainAccounts(read.mockResolvedValue(tables));
    await expect(accounts.usage('a', 3, signal)).rejects.toThrow('xl is away');
    await Promise.all(Array.from({ length: 50 }, () => accounts.usage('a', 3, signal)));
    expect(read).toHaveBeenCalledTimes(2);
  });
});
