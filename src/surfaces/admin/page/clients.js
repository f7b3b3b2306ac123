// The table of the clients that have sent most, with their present rate: the difference to the snapshot before.
import { byId } from './dom.js';
import { bytes, NONE } from './format.js';
import { SortedTable } from './tables.js';

/** @import { ClientSnapshot } from '../../../observe/snapshots/connections.js' */

/** @typedef {ClientSnapshot & { key: string, perSecond: number | null }} ClientRow */

export class ClientsTable {
  /** @type {Map<string, number>} */
  #sentBefore = new Map();
  #before = 0;
  #table = new SortedTable(
    byId('clients'),
    'Clients by bytes sent',
    /** @type {import('./tables.js').Column<ClientRow>[]} */ ([
      { label: 'Address', text: true, value: ({ address }) => address, show: ({ address }) => address },
      { label: 'Name', text: true, value: ({ name }) => name || null, show: ({ name }) => name || NONE },
      {
        label: 'Bytes/s',
        minor: true,
        value: ({ perSecond }) => perSecond,
        show: ({ perSecond }) => (perSecond === null ? NONE : bytes(perSecond)),
      },
      { label: 'Bytes', value: (row) => row.bytes, show: (row) => bytes(row.bytes) },
    ]),
    ({ key }) => key,
    3,
  );

  /** @param {readonly ClientSnapshot[]} clients @param {number} now the time of their snapshot, in milliseconds */
  update(clients, now) {
    const elapsed = (now - this.#before) / 1000;
    this.#table.update(clients.map((client, i) => this.#rowOf(client, i, clients, elapsed)));
    this.#sentBefore = new Map(clients.map(({ address, bytes: sent }) => [address, sent]));
    this.#before = now;
  }

  /** @param {ClientSnapshot} client @param {number} i @param {readonly ClientSnapshot[]} clients @param {number} elapsed @returns {ClientRow} */
  #rowOf(client, i, clients, elapsed) {
    const { address } = client;
    // All clients of a unix socket have the same address, so the page cannot tell them apart.
    const alike = clients.findIndex((other) => other.address === address) !== i;
    const before = this.#sentBefore.get(address);
    const perSecond =
      before === undefined || elapsed <= 0 ? null : Math.max(0, client.bytes - before) / elapsed;
    return {
      ...client,
      key: alike ? `${address} ${i}` : address,
      perSecond: address === 'unix' ? null : perSecond,
    };
  }
}
