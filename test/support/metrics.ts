/** One line of a scrape. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
  /** The name with the labels. */
  key: string;
}

const LINE = /^(?<key>(?<name>[a-zA-Z_:]\w*)(?:\{(?<labels>.*)\})?) (?<value>\S+)$/;
const LABEL = /(?<name>\w+)="(?<value>(?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus. Throws for a line that is not valid, and for a series that occurs twice. */
export function parseMetrics(text: string): Sample[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = lines.map((line): Sample => {
    // Prometheus reads "Nan" as a number too, whatever the case.
    const { key, name, labels = '', value } = LINE.exec(line)?.groups ?? {};
    if (!key || !name || (Number.isNaN(Number(value)) && value !== 'Nan')) throw new Error(`not a sample: ${line}`);
    const all = [...labels.matchAll(LABEL)].map(({ groups }) => [groups?.['name'], groups?.['value']]);
    return { key, name, labels: Object.fromEntries(all), value: Number(value) };
  });
  const keys = new Set(samples.map(({ key }) => key));
  if (keys.size < samples.length) throw new Error('a series occurs twice');
  return samples;
}

/** The sum of the samples of a metric with these labels. */
export const sumOf = (samples: Sample[], name: string, labels: Record<string, string> = {}): number =>
  samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
