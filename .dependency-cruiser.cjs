// The layers of docs/ARCHITECTURE.md as rules: data flows one way, imports point one way.
// A folder of src may import itself and the folders listed for it. Nobody imports cli.
const MAY_IMPORT = {
  core: [],
  files: [],
  memory: ['core'],
  wire: ['core', 'files'],
  config: ['core', 'files'],
  observe: ['core', 'memory', 'config'],
  tools: ['core', 'files', 'memory', 'observe', 'config', 'failover'],
  evict: ['core', 'memory', 'tools'],
  failover: ['core', 'memory', 'observe'],
  surfaces: ['core', 'memory', 'observe', 'config'],
  runtime: ['core', 'files', 'memory', 'wire', 'config', 'observe', 'tools', 'evict', 'failover', 'surfaces'],
};
const folders = Object.entries(MAY_IMPORT).map(([folder, others]) => ({
  name: `${folder}-imports-only-${['itself', ...others].join('-')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...others].join('|')})/` },
}));

// The sans-IO core is resp -> commands -> policy -> session: each may import only what stands left of it.
const CORE = ['resp', 'commands', 'policy', 'session'];
const leftwards = CORE.map((layer, i) => ({
  name: `core-${layer}-imports-leftwards-only`,
  severity: 'error',
  from: { path: `^src/core/${layer}/` },
  to: { path: '^src/core/[^/]+/', pathNot: `^src/core/(${CORE.slice(0, i + 1).join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...folders,
    ...leftwards,
    {
      name: 'core-does-no-io',
      comment: 'No sockets, timers, clock, log or packages in the core: bytes in, effects out.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'history-is-pure',
      comment: 'Samples are handed to it: no socket, timer or clock, and of the core only how figures are worded.',
      severity: 'error',
      from: { path: '^src/observe/history/' },
      to: { pathNot: '^src/(observe/history/|core/words)' },
    },
    {
      name: 'observe-knows-the-shape-of-the-config-only',
      severity: 'error',
      from: { path: '^src/observe/' },
      to: { path: '^src/config/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'], conditionNames: ['import', 'node', 'default'] },
  },
};
