// How many shared connections there is room for: property of any order of clients and connections that come and go.
import fc from 'fast-check';
import t from 'tap';
import { SharedRoom } from '../../../src/wire/upstream/shared-room.js';

t.test('each client can always have its own connection', async (t) => {
  const steps = fc.array(fc.constantFrom('comes', 'leaves', 'makes', 'ends'), { maxLength: 400 });
  fc.assert(
    fc.property(
      fc.integer({ min: 30, max: 300 }),
      fc.integer({ min: 1, max: 8 }),
      steps,
      (most, size, all) => {
        let clients = 0;
        let shared = 0;
        const room = new SharedRoom(most, size, () => clients);
        for (const step of all) {
          if (step === 'comes' && clients < room.mostClients) clients++;
          else if (step === 'leaves' && clients > 0) clients--;
          else if (step === 'makes' && room.isThere) {
            room.take();
            shared++;
          } else if (step === 'ends' && shared > 0) {
            room.give();
            shared--;
          }
          if (2 * clients + shared > most) return false;
          // Clients that share little have room as ever.
          if (shared <= 2 && room.mostClients < Math.floor((most - Math.max(2, size)) / 2)) return false;
        }
        return room.mostClients >= Math.floor((most * 3) / 8) - 1;
      },
    ),
  );
  t.pass();
});

t.test('shared connections have room even if all clients come first', async (t) => {
  let clients = 0;
  const room = new SharedRoom(100, 4, () => clients);
  clients = room.mostClients;
  t.equal(clients, 48);
  for (let i = 0; i < 4; i++) {
    t.equal(room.isThere, true);
    room.take();
  }
  t.equal(room.isThere, false);
});

t.test('where the files are not known there is room', async (t) => {
  const room = new SharedRoom(Number.POSITIVE_INFINITY, 2, () => 10_000);
  for (let i = 0; i < 1000; i++) room.take();
  t.equal(room.isThere, true);
  t.equal(room.mostClients, Number.POSITIVE_INFINITY);
});
