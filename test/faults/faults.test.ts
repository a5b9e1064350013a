import { connectionFaults } from './connections.ts';
import { databaseFaults } from './database.ts';
import { endFaults } from './ends.ts';
import { lockFaults } from './lock.ts';
import { networkFaults } from './network.ts';
import { STATEMENT_TIMEOUT } from './sizes.ts';
import { createStage } from './stage.ts';

const env = { STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT) };
const stage = await createStage({ isProxied: true, env });

connectionFaults(stage);
databaseFaults(stage);
networkFaults(stage);
lockFaults(stage);
endFaults(stage);
