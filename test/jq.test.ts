import { afterAll, describe, expect, test } from 'vitest';
import { createEventEvaluator, type EventEvaluator } from '../src/lib/event-rules/evaluator.ts';
import type { EventRules } from '../src/lib/event-rules/messages.ts';

const started: EventEvaluator[] = [];
afterAll(() => Promise.all(started.map((one) => one.stop())));

/** Limits that an ordinary program does not reach on a loaded machine, unless a test is about them. */
function start(limits: { cpuMs?: number; memoryMb?: number } = {}): EventEvaluator {
  const evaluator = createEventEvaluator({ cpuMs: 60_000, memoryMb: 192, ...limits });
  started.push(evaluator);
  return evaluator;
}

const evaluator = start();

const rules = (own: Partial<EventRules> = {}): EventRules => ({
  serviceSelector: '.service',
  successCondition: '.ok',
  resultMessage: null,
  ...own,
});

const evaluate = (own: Partial<EventRules>, ...payloads: unknown[]) =>
  evaluator.evaluate(
    'a',
    rules(own),
    payloads.map((payload) => JSON.stringify(payload)),
  );

/** The text that a program yields for a payload, or its error. */
async function yieldOf(program: string, payload: unknown = {}): Promise<string | undefined> {
  const [outcome] = await evaluate({ serviceSelector: program, successCondition: 'true' }, payload);
  if (!outcome || 'error' in outcome) return outcome?.error.replace('serviceSelector: ', '');
  return outcome.services.map(({ alias }) => alias).join(' ');
}

const messageOf = async (template: string, payload: unknown = {}): Promise<string | null | undefined> => {
  const [outcome] = await evaluate(
    { serviceSelector: '"a"', successCondition: 'true', resultMessage: template },
    payload,
  );
  const [service] = outcome && 'services' in outcome ? outcome.services : [];
  return service && 'error' in service ? service.error : service?.message;
};

describe('the rules of a check', () => {
  test('yield services, a status and a message for each payload', async () => {
    const own = {
      serviceSelector: '.runs[] | .service # the alias',
      successCondition: 'any(.runs[]; .service == $alias and .ok)',
      resultMessage: '{{ alias }} is {{ status }} in {{ payload.runs.size }} runs',
    };
    const runs = [
      { service: 'b', ok: false },
      { service: 'a', ok: true },
      { service: 'a', ok: false },
      { service: null },
    ];
    expect(await evaluate(own, { runs }, { runs: [] })).toEqual([
      {
        services: [
          { alias: 'a', status: 'PASSED', message: 'a is PASSED in 4 runs' },
          { alias: 'b', status: 'FAILED', message: 'b is FAILED in 4 runs' },
        ],
      },
      { services: [] },
    ]);
  });

  test('have an error for a payload that they do not fit, and results for the others', async () => {
    expect(await evaluate({}, { service: 'a', ok: true }, 1, { service: 2 }, { service: 'a' }, null)).toEqual([
      { services: [{ alias: 'a', status: 'PASSED', message: null }] },
      { error: 'serviceSelector: Cannot index number with string "service"' },
      { error: 'serviceSelector: must yield texts of at most 255 characters' },
      { services: [{ alias: 'a', error: 'successCondition: must yield true or false' }] },
      { services: [] },
    ]);
  });

  test.each([
    ['true', 'PASSED'],
    ['true, true', 'PASSED'],
    ['true, false', 'FAILED'],
    ['false', 'FAILED'],
    ['empty', 'FAILED'],
    ['.x[]? | false', 'FAILED'],
  ])('pass a service if all values of the condition are true: %s', async (successCondition, status) => {
    const [outcome] = await evaluate({ serviceSelector: '"a"', successCondition }, {});
    expect(outcome).toEqual({ services: [{ alias: 'a', status, message: null }] });
  });

  test.each([
    ['serviceSelector', '.a[', 'syntax error, unexpected end of file in line 1'],
    ['serviceSelector', '.a |\n.b | nothing', 'nothing/0 is not defined in line 2'],
    ['successCondition', '$none', '$none is not defined in line 1'],
    ['successCondition', '', /syntax error/],
    ['successCondition', 'true) | (false', /syntax error/],
    ['serviceSelector', '1) as $x | (2', /syntax error/],
    ['serviceSelector', 'def f: 1;', /syntax error/],
    ['serviceSelector', 'import "a" as a; .', /syntax error/],
    ['serviceSelector', 'include "inputString"; .', /syntax error/],
    ['serviceSelector', 'import "/etc/passwd" as $data; $data', /syntax error/],
    ['serviceSelector', '$__prog_args', '$__prog_args is not defined in line 1'],
    ['serviceSelector', '"x" * 1e9', /^$|too much/],
    ['resultMessage', '{{ alias ', 'output "{{ alias " not closed, line:1, col:1'],
    ['resultMessage', '{% if a %}', 'tag {% if a %} not closed, line:1, col:1'],
    ['resultMessage', '{{ alias | nothing }}', 'undefined filter: nothing, line:1, col:1'],
    ['resultMessage', '{% include "/etc/passwd" %}', 'tag "include" not found, line:1, col:1'],
    ['resultMessage', '{% render "a" %}', 'tag "render" not found, line:1, col:1'],
    ['resultMessage', '{% layout "a" %}', 'tag "layout" not found, line:1, col:1'],
    ['resultMessage', '{% block a %}{% endblock %}', 'tag "block" not found, line:1, col:1'],
    ['resultMessage', 'x'.repeat(20_001), /limit exceeded/],
  ] as const)('are refused if %s is %s', async (field, text, message) => {
    const problem = await evaluator.check('a', rules({ resultMessage: null, [field]: text }));
    expect(problem).toEqual({ field, message: typeof message === 'string' ? message : expect.stringMatching(message) });
  });

  test('are accepted with definitions, comments and several lines', async () => {
    const serviceSelector = 'def f: .a; # the first\n[f] | .[0]? // empty # the end';
    expect(await evaluator.check('a', rules({ serviceSelector, resultMessage: '**{{ alias }}**' }))).toBeNull();
  });
});

describe('a program of jq', () => {
  test.each([
    ['env | length | tostring', '0'],
    ['env.HOME // "none"', 'none'],
    ['$ENV | length | tostring', '0'],
    ['$ENV.HOME, $ENV._ | . // "none"', 'none'],
    ['def f: $ENV.PATH; f // "none"', 'none'],
    ['[inputs] | length | tostring', '0'],
    ['input', 'input is not available'],
    ['try input catch .', 'input is not available'],
    ['input_filename // "none"', 'none'],
    ['input_line_number | tostring', '0'],
    ['get_search_list | length | tostring', '0'],
    ['[get_prog_origin, get_jq_origin] | tostring', '[null,null]'],
    ['"inputString" | modulemeta', 'modulemeta is not available'],
    ['halt', 'halt is not available'],
    ['"x" | halt_error', 'halt_error is not available'],
    ['"x" | halt_error(0)', 'halt_error is not available'],
    ['"x" | debug, debug("y"), stderr', 'x'],
    ['$__loc__ | .file', '<top-level>'],
    ['0 | localtime | mktime | tostring', '0'],
    ['error(null)', 'null'],
    ['error({a: 1})', '{"a":1}'],
    ['getpath(["a", "b"]) // "none"', 'none'],
    ['"ab" | ltrimstr("a")', 'b'],
    ['[limit(3; repeat("x"))] | join("")', 'xxx'],
  ])('learns nothing of the process, and does not end the batch: %s', async (program, expected) => {
    expect(await yieldOf(program)).toBe(expected);
  });

  test.each([
    ['yields too many texts', 'repeat("x")', 'yields more than 1000 texts'],
    ['yields a long text', '"x" * 256', 'must yield texts of at most 255 characters'],
    ['has a long error', 'error("x" * 1000000)', 'x'.repeat(300)],
    ['allocates a text', 'reduce range(40) as $i ("x"; . + .)', /too much time or memory/],
    ['recurses without an end', 'def f: [f]; f', /too much time or memory/],
    ['overflows the stack', 'reduce range(9999) as $i (0; [.]) | tojson', /too much time or memory/],
  ])('that %s ends with an error, and the next one runs', async (_name, program, expected) => {
    const error = typeof expected === 'string' ? expected : expect.stringMatching(expected);
    expect(await yieldOf(program)).toEqual(error);
    expect(await yieldOf('.a', { a: 'next' })).toBe('next');
  });

  test('keeps nothing for the next one, of the same organization or another', async () => {
    const secret = 'secret-of-a';
    await evaluator.evaluate('a', rules({ serviceSelector: '.secret as $s | $s' }), [JSON.stringify({ secret })]);
    const attempts = [
      'input_filename // "none"',
      '[$ENV, env, $__loc__, input_line_number] | tostring',
      '[.] | tojson',
    ];
    for (const owner of ['a', 'b'])
      for (const serviceSelector of attempts) {
        const outcome = await evaluator.evaluate(owner, rules({ serviceSelector }), ['{}']);
        expect(JSON.stringify(outcome)).not.toContain(secret);
      }
  });
});

describe('a template', () => {
  test.each([
    ['{{ payload.constructor }}{{ payload.__proto__ }}{{ payload.list.constructor.name }}', null],
    ['{{ constructor }}{{ process }}{{ globalThis }}{{ env }}', null],
    ['{{ alias.constructor.constructor }}', null],
    ['{{ payload["toString"] }}', null],
    ['{{ payload.list | map: "constructor" | join: "" }}', null],
    ['{{ 0 | date: "%Y-%m-%d %H:%M %z" }}', '1970-01-01 00:00 +0000'],
    ['{% for i in (1..1000000000) %}x{% endfor %}', /^resultMessage: .*limit/],
    ['{{ "x" | append: payload.nul }}', 'x\ufffd'],
  ])('reads only the payload: %s', async (template, expected) => {
    const message = await messageOf(template, { list: [1], nul: '\0' });
    if (expected instanceof RegExp) expect(message).toMatch(expected);
    else expect(message).toBe(expected);
  });

  test('that renders a long message is shortened', async () => {
    const message = await messageOf('{{ payload.text }}', { text: 'x'.repeat(30_000) });
    expect(message).toBe(`${'x'.repeat(19_999)}…`);
  });

  test.each([
    ['{% if payload.text contains payload.long %}yes{% endif %}', /at most 200 characters/],
    ['{{ payload.text | split: payload.long | size }}', /at most 200 characters/],
    ['{{ payload.text | replace: payload.long, "" }}', /at most 200 characters/],
    ['{{ payload.text | replace_first: payload.long, "" }}', /at most 200 characters/],
    ['{{ payload.text | replace_last: payload.long, "" }}', /at most 200 characters/],
    ['{{ payload.text | remove: payload.long }}', /at most 200 characters/],
    ['{{ payload.text | remove_first: payload.long }}', /at most 200 characters/],
    ['{{ payload.text | remove_last: payload.long }}', /at most 200 characters/],
    ['{{ payload.text | split: payload.parts | size }}', /at most 200 characters/],
    ['{% if payload.text contains payload.parts %}yes{% endif %}', /at most 200 characters/],
    ['{% if payload.text contains "aab" %}yes{% endif %} {{ payload.text | split: "b" | size }}', 'yes 2'],
    ['{% if payload.parts contains "a" %}yes{% endif %}{% if payload.none contains "a" %}no{% endif %}', 'yes'],
    ['{% if payload.text contains nil %}yes{% endif %}{{ "a1" | remove: 1 }}', 'a'],
  ])('searches for short texts only, because a search cannot be stopped: %s', async (template, expected) => {
    const payload = { text: `${'a'.repeat(500)}b${'c'.repeat(9)}`, long: 'a'.repeat(201), parts: ['a', 'b'] };
    const message = await messageOf(template, payload);
    if (expected instanceof RegExp) expect(message).toMatch(expected);
    else expect(message).toBe(expected);
  });

  test('renders messages of a limited size about one payload', async () => {
    const own = { serviceSelector: 'range(200) | tostring', successCondition: 'true', resultMessage: '{{ payload }}' };
    const [outcome] = await evaluate(own, 'x'.repeat(5_000));
    const services = outcome && 'services' in outcome ? outcome.services : [];
    const rendered = services.filter((service) => 'message' in service);
    expect(services).toHaveLength(200);
    expect(rendered).toHaveLength(101);
    expect(services.at(-1)).toMatchObject({ error: expect.stringContaining('500,000 characters') });
  });

  test('reads own properties, whatever their names', async () => {
    const payload = JSON.parse('{"__proto__":{"a":1},"constructor":{"name":"mine"}}');
    expect(await messageOf('{{ payload.constructor.name }} {{ payload.a }}', payload)).toBe('mine');
  });
});

describe('a payload', () => {
  const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

  test('that jq cannot read does not prevent the evaluation of the others', async () => {
    const good = '{"service":"a","ok":true}';
    const passed = { services: [{ alias: 'a', status: 'PASSED', message: null }] };
    const outcomes = await evaluator.evaluate('a', rules(), [good, DEEP, good, '"\\ud800"', good]);
    expect(outcomes).toEqual([
      passed,
      { error: expect.stringMatching(/depth/i) },
      passed,
      { error: expect.stringMatching(/^parse error: Invalid .* surrogate/) },
      passed,
    ]);
  });

  test('of the maximum size is evaluated', async () => {
    const runs = Array.from({ length: 40_000 }, (_, id) => ({ id, service: `service-${id}`, text: 'x'.repeat(55) }));
    const [outcome] = await evaluate({ serviceSelector: '.runs[39999].service', successCondition: 'true' }, { runs });
    expect(outcome).toMatchObject({ services: [{ alias: 'service-39999' }] });
  });
});

describe('a program without an end', () => {
  /** On a loaded machine, a task of another organization can take longer than a request waits. */
  const PATIENT = { maxWait: 300_000 };
  const LOOP = 'if .loop then last(repeat(1)) else . end | .service';

  test('is stopped, and the other payloads of the batch are evaluated', async () => {
    const own = start({ cpuMs: 500 });
    const payloads = [{ service: 'a', ok: true }, { loop: true }, { service: 'b', ok: false }];
    const outcomes = await own.evaluate(
      'a',
      rules({ serviceSelector: LOOP }),
      payloads.map((one) => JSON.stringify(one)),
    );
    expect(outcomes).toEqual([
      { services: [{ alias: 'a', status: 'PASSED', message: null }] },
      { error: expect.stringMatching(/too much time or memory/) },
      { services: [{ alias: 'b', status: 'FAILED', message: null }] },
    ]);
  });

  test('delays another organization by one task, not by a batch', async () => {
    const own = start({ cpuMs: 500 });
    const finished: string[] = [];
    const loop = rules({ serviceSelector: 'last(repeat(1))' });
    const looping = [1, 2, 3].map(() => own.evaluate('a', loop, ['{}'], PATIENT).then(() => finished.push('a')));
    await own.evaluate('b', rules(), ['{}'], PATIENT).then(() => finished.push('b'));
    await Promise.all(looping);
    expect(finished.indexOf('b')).toBeLessThan(3);
  });

  test('delays an organization that has used no time by at most one task of the others', async () => {
    const own = start({ cpuMs: 200 });
    const loop = rules({ serviceSelector: 'last(repeat(1))' });
    const slow = ['a', 'b', 'c'];
    for (const owner of slow) await own.evaluate(owner, loop, ['{}'], PATIENT);
    const stopping = new AbortController();
    let finished = 0;
    const looping = slow.flatMap((owner) =>
      [1, 2].map(async () => {
        await own.evaluate(owner, loop, ['{}'], { ...PATIENT, signal: stopping.signal });
        finished += 1;
      }),
    );
    const settled = Promise.allSettled(looping);
    expect(await own.evaluate('new', rules(), ['{"service":"a","ok":true}'], PATIENT)).toHaveLength(1);
    expect(finished).toBeLessThanOrEqual(1);
    // The tasks of a request that has ended are not run.
    stopping.abort(new Error('the request has ended'));
    const reasons = (await settled).map((one) => (one.status === 'rejected' ? String(one.reason) : ''));
    expect(reasons.filter((reason) => reason.includes('the request has ended')).length).toBeGreaterThanOrEqual(5);
  });

  test('of a regular expression ends with an error', async () => {
    const own = start({ cpuMs: 500 });
    const serviceSelector = '("a" * 60) | test("^(a|a|aa)+$b") | tostring';
    expect(await own.evaluate('a', rules({ serviceSelector }), ['{}'])).toEqual([
      { error: expect.stringMatching(/retry-limit|too much time/) },
    ]);
  });
});
