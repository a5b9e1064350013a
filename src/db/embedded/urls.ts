import { createHmac } from 'node:crypto';

/** The superuser of the embedded server. */
const SUPERUSER = 'postgres';

export const urlOn = (port: number, name: string, password: string, user = SUPERUSER): string =>
  `postgres://${user}:${password}@127.0.0.1:${port}/${name}`;

/** The login role that is a member of `role` only. */
export const loginOf = (role: string): string => `${role}_login`;

/** Not the superuser's password, and the same in each process that uses the data. */
export const loginPassword = (superuserPassword: string, login: string): string =>
  createHmac('sha256', superuserPassword).update(login).digest('base64url');
