import { execFile } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { DockerfileParser, type Instruction, type ModifiableInstruction } from 'dockerfile-ast';

/** An instruction of a Dockerfile. */
export interface Step {
  keyword: string;
  flags: Record<string, string>;
  /** The arguments, or the strings of the JSON form. */
  args: string[];
  /** The arguments as they are written. */
  text: string;
}

/** A stage of a Dockerfile: its base image, its name and its steps. */
export interface Stage {
  image: string;
  name: string;
  steps: Step[];
}

const isModifiable = (instruction: Instruction): instruction is ModifiableInstruction => 'getFlags' in instruction;

function stepOf(instruction: Instruction): Step {
  const flags = isModifiable(instruction) ? instruction.getFlags() : [];
  const args = instruction.getArguments().map((argument) => argument.getValue());
  // The arguments lack the backslashes of a shell command.
  const text = (instruction.getArgumentsContent() ?? '').replace(/^(--\S+\s+)+/, '');
  return {
    keyword: instruction.getKeyword(),
    flags: Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? ''])),
    args: text.startsWith('[') ? JSON.parse(text) : args,
    text,
  };
}

export async function readDockerfile(file: string): Promise<Stage[]> {
  const stages: Stage[] = [];
  for (const step of DockerfileParser.parse(await readFile(file, 'utf8'))
    .getInstructions()
    .map(stepOf)) {
    const [image = '', , name = ''] = step.args;
    if (step.keyword === 'FROM') stages.push({ image, name, steps: [] });
    else stages.at(-1)?.steps.push(step);
  }
  return stages;
}

/** The last step with this keyword. */
export const lastStep = ({ steps }: Stage, keyword: string): Step => {
  const step = steps.findLast((candidate) => candidate.keyword === keyword);
  if (!step) throw new Error(`the stage has no ${keyword}`);
  return step;
};

/** The variables of ENV steps. */
export const environmentOf = ({ steps }: Stage): Record<string, string> =>
  Object.fromEntries(
    steps.filter(({ keyword }) => keyword === 'ENV').flatMap(({ args }) => args.map((pair) => pair.split('=', 2))),
  );

/**
 * Runs the steps that change files, in a folder for each stage instead of a container. Returns the working directory of the
 * last stage.
 */
export async function runSteps(stages: readonly Stage[], folder: string, env: Record<string, string>): Promise<string> {
  let directory = '';
  for (const [number, { name, steps }] of stages.entries()) {
    const root = join(folder, name || String(number));
    directory = root;
    for (const { keyword, flags, args, text } of steps) {
      if (keyword === 'WORKDIR') directory = join(root, text);
      await mkdir(directory, { recursive: true });
      if (keyword === 'RUN') await promisify(execFile)('sh', ['-ec', text], { cwd: directory, env });
      if (keyword === 'COPY') await copy(args, flags['from'] ? join(folder, flags['from']) : '.', directory);
    }
  }
  return directory;
}

/** As Docker does, copies the content of a folder to the target, and a file into it. */
async function copy(args: readonly string[], from: string, directory: string): Promise<void> {
  const [target = '', ...sources] = args.toReversed();
  for (const source of sources.toReversed()) {
    const to = join(directory, target);
    await cp(join(from, source), target.endsWith('/') ? join(to, basename(source)) : to, { recursive: true });
  }
}
