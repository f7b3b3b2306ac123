/** What is sent as one run of bytes, by what it shows; QUIT follows. */
export type Pipelines = Readonly<Record<string, Buffer>>;
