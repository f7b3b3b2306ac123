// pino's levels, from the most talkative, and the forms of a log line. Apart from the schema, so that the command line can name them at once.
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** auto: text if standard output is a terminal, otherwise json. */
export const LOG_FORMATS = ['auto', 'json', 'text'] as const;
