// The layers of docs/ARCHITECTURE.md as rules: data flows one way, imports point one way.
// The sans-IO core is resp -> commands -> policy -> session: each may import only what stands left of it.
const core = ['resp', 'commands', 'policy', 'session'];
const leftwards = core.map((layer, i) => ({
  name: `core-${layer}-imports-leftwards-only`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${core.slice(0, i + 1).join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...leftwards,
    {
      name: 'core-does-no-io',
      comment: 'No sockets, timers, clock, log or packages in the core: bytes in, effects out.',
      severity: 'error',
      from: { path: `^src/(${core.join('|')})/` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional'], pathNot: '^(node:)?buffer$' },
    },
    {
      name: 'only-cli-demo-and-app-assemble',
      comment: 'Nothing below may know of the command line, the demo or the assembled proxy.',
      severity: 'error',
      from: { pathNot: '^(src/(cli|app|demo)/|test/|bench/|scripts/)' },
      to: { path: '^src/(cli|app|demo)/' },
    },
    {
      name: 'net-memory-stats-config-history-stand-apart',
      comment: 'They stand on the core, not on one another; src/app wires them.',
      severity: 'error',
      from: { path: '^src/(net|memory|stats|config|history)/' },
      to: { path: '^src/(net|memory|stats|config|history|admin)/', pathNot: '^src/$1/' },
    },
    {
      name: 'history-is-pure',
      comment: 'Samples are handed to it: no socket, timer or clock, and nothing of the core.',
      severity: 'error',
      from: { path: '^src/history/' },
      to: { pathNot: '^src/history/' },
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
