// pino's levels, from the most talkative. Apart from the schema, so that the command line can name them at once.
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
