/** Teams of the demo: name, parent, and where to reach them. Reminders of campaigns are sent to addresses of members only. */
export const TEAMS = [
  ['Engineering', null, 'engineering@acme.test'],
  ['Platform', 'Engineering', 'write@acme.test'],
  ['Data', 'Engineering', 'data@acme.test'],
  ['Product', null, 'product@acme.test'],
  ['Checkout', 'Product', 'user@acme.test'],
  ['Search', 'Product', 'search@acme.test'],
  ['Mobile', 'Product', null],
  ['Customer Care', null, 'care@acme.test'],
] as const;

/** Demo accounts that belong to a team, with their label there. */
export const TEAM_MEMBERS = [
  ['Engineering', 'admin@acme.test', 'Head of engineering'],
  ['Platform', 'write@acme.test', 'Developer'],
  ['Checkout', 'user@acme.test', 'Developer'],
] as const;

/**
 * Services of the demo: name, team, tier from 1 to 4, lifecycle, language, framework, days since the last deploy, and the
 * services that it depends on.
 */
const SERVICE_LINES = `
API Gateway            | Platform      | 1 | ga     | Go         |          |   2 | Identity
Identity               | Platform      | 1 | ga     | TypeScript | Fastify  |   4 |
Feature Flags          | Platform      | 2 | ga     | TypeScript | Fastify  |  12 | Identity
Secrets                | Platform      | 1 | ga     | Go         |          |  45 | Identity
Build Runner           | Platform      | 3 | ga     | Go         |          |   1 | Artifact Store, Secrets
Artifact Store         | Platform      | 2 | ga     | Go         |          |   8 |
Log Collector          | Platform      | 2 | ga     | Rust       |          |  21 |
Metrics Store          | Platform      | 2 | ga     | Go         |          |  90 |
Developer Portal       | Platform      | 3 | beta   | TypeScript | Next.js  |   3 | API Gateway
Cost Report            | Platform      | 4 | alpha  | Python     |          |     | Warehouse
Warehouse              | Data          | 2 | ga     | SQL        | dbt      |   6 |
Event Stream           | Data          | 1 | ga     | Java       | Kafka    |  30 |
Ingestion              | Data          | 2 | ga     | Java       | Spring   |   5 | Event Stream
Experiments            | Data          | 3 | beta   | Python     | FastAPI  |   9 | Feature Flags, Warehouse
Forecasts              | Data          | 3 | alpha  | Python     | FastAPI  |  70 | Warehouse
Data Catalog           | Data          | 4 | alpha  | TypeScript | Next.js  |     | Warehouse
Reports                | Data          | 3 | ga     | Python     | Django   |  33 | Warehouse
Basket                 | Checkout      | 1 | ga     | Kotlin     | Spring   |   1 | Price, Stock
Payment                | Checkout      | 1 | ga     | Kotlin     | Spring   |   2 | Fraud Check, Secrets
Fraud Check            | Checkout      | 1 | ga     | Python     | FastAPI  |  14 | Event Stream
Invoice                | Checkout      | 2 | ga     | Kotlin     | Spring   |  25 | Payment
Price                  | Checkout      | 1 | ga     | Go         |          |   7 |
Stock                  | Checkout      | 1 | ga     | Kotlin     | Spring   |  18 | Event Stream
Voucher                | Checkout      | 3 | ga     | Ruby       | Rails    | 200 | Basket
Tax                    | Checkout      | 2 | ga     | Kotlin     | Spring   |  41 |
Shipping               | Checkout      | 2 | ga     | TypeScript | NestJS   |   3 | Stock
Returns                | Checkout      | 3 | beta   | TypeScript | NestJS   |  11 | Shipping, Payment
Product Search         | Search        | 1 | ga     | Rust       |          |   1 | Search Index
Search Index           | Search        | 1 | ga     | Rust       |          |   3 | Event Stream
Suggestions            | Search        | 2 | ga     | Python     | FastAPI  |   6 | Search Index
Recommendations        | Search        | 2 | beta   | Python     | FastAPI  |  15 | Warehouse
Image Search           | Search        | 4 | alpha  | Python     |          |  52 | Search Index
Shop for iOS           | Mobile        | 1 | ga     | Swift      |          |   9 | API Gateway
Shop for Android       | Mobile        | 1 | ga     | Kotlin     |          |   9 | API Gateway
Push Messages          | Mobile        | 2 | ga     | TypeScript | Fastify  |  28 | Event Stream
Mobile Gateway         | Mobile        | 2 | ga     | TypeScript | Fastify  |  16 | API Gateway
Help Center            | Customer Care | 3 | ga     | Ruby       | Rails    | 120 | Product Search
Chat                   | Customer Care | 2 | ga     | TypeScript | NestJS   |  10 | Identity
Call Routing           |               | 2 | ga     | Java       |          | 400 |
Legacy Orders          |               | 3 | eol    | Java       | Struts   | 900 | Stock
`;

export interface DemoService {
  name: string;
  team: string;
  tier: number;
  lifecycle: string;
  language: string;
  framework: string;
  days: number | null;
  dependsOn: string[];
}

export const SERVICES: readonly DemoService[] = SERVICE_LINES.trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([name = '', team = '', tier, lifecycle = '', language = '', framework = '', days, dependsOn = '']) => ({
    name,
    team,
    tier: Number(tier),
    lifecycle,
    language,
    framework,
    days: days ? Number(days) : null,
    dependsOn: dependsOn.split(', ').filter(Boolean),
  }));

interface DemoPredicate {
  key: string;
  operator: string;
  value?: string;
  /** Names of a tier, a lifecycle stage or another filter. */
  tier?: string;
  lifecycle?: string;
  nested?: string;
}

export const FILTERS: readonly { name: string; connective: 'AND' | 'OR'; predicates: DemoPredicate[] }[] = [
  {
    name: 'In production',
    connective: 'AND',
    predicates: [{ key: 'LIFECYCLE', operator: 'EQUALS', lifecycle: 'Generally available' }],
  },
  {
    name: 'Important and in production',
    connective: 'AND',
    predicates: [
      { key: 'FILTER', operator: 'MATCHES', nested: 'In production' },
      { key: 'TIER', operator: 'LESS_THAN_OR_EQUAL_TO', tier: 'Tier 2' },
    ],
  },
  {
    name: 'On the Java virtual machine',
    connective: 'OR',
    predicates: ['Java', 'Kotlin'].map((value) => ({ key: 'LANGUAGE', operator: 'EQUALS', value })),
  },
];
